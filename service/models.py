"""The model that answers, the one before it, and how a new one takes over while requests go on."""

import asyncio
import json
import logging
from dataclasses import dataclass
from pathlib import Path

from model.errors import ModelError
from model.predictor import Predictor
from model.redact import Redactor
from model.reference import Reference
from service.errors import ReloadError
from service.memory import forget
from service.metrics import Metrics

LOG = logging.getLogger("snaar.models")


@dataclass(frozen=True)
class Model:
    """A loaded bundle with what goes with it: a request keeps the one it began with."""

    predictor: Predictor
    redactor: Redactor
    reference: Reference | None

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """Load and verify a bundle; raises ModelError. Batches run side by side (`service/batcher.py`), each on one processor."""
        predictor = Predictor.load(folder, threads=1)
        predictor.bundle.verify()
        return cls(predictor, Redactor.on(predictor.splitter), Reference.load(predictor.bundle))

    def checked_against(self, current: "Model") -> "Model":
        """Itself, when it reads its canary texts well and has the outputs of the current one; else raises ReloadError."""
        ours, theirs = self.predictor.taxonomy.output_names, current.predictor.taxonomy.output_names
        if ours != theirs:
            different = ", ".join(sorted(set(ours) ^ set(theirs))) or "their order"
            raise ReloadError(f"the bundle's outputs differ from those served ({different}); start a new service for it")
        failed = self.predictor.failed_canaries()
        if failed:
            raise ReloadError(f"the bundle reads its own canary texts wrongly: {'; '.join(failed)}")
        return self


class Models:
    """The current model and the previous one; one change at a time."""

    def __init__(self, current: Model, *, metrics: Metrics) -> None:
        self.current = current
        self.previous: Model | None = None
        self.metrics = metrics
        self.changing = asyncio.Lock()
        metrics.serves(current.predictor, current.reference)

    async def reload(self, folder: Path) -> None:
        """Load a bundle beside the current one, check it, and let it take over; raises ReloadError and changes nothing when
        it is not fit to."""
        async with self.changing:
            self._take_over(await self.load(folder))
            await asyncio.to_thread(forget)

    async def rollback(self) -> None:
        """Go back to the previous model; raises ReloadError where there is none."""
        async with self.changing:
            if self.previous is None:
                raise ReloadError("there is no previous bundle: nothing has been reloaded since the start")
            self._take_over(self.previous)

    async def load(self, folder: Path) -> Model:
        """A checked model that does not take over; raises ReloadError."""
        try:
            return await asyncio.to_thread(self._load, folder)
        except Exception as error:
            why = str(error) if isinstance(error, ModelError) else f"{folder}: cannot be read: {type(error).__name__}"
            self.metrics.reloads.labels("refused").inc()
            LOG.error(json.dumps({"bundle": "refused", "why": why}))
            raise ReloadError(why) from error

    def _load(self, folder: Path) -> Model:
        return Model.load(folder).checked_against(self.current)

    def _take_over(self, model: Model) -> None:
        self.previous, self.current = self.current, model
        self.metrics.reloads.labels("done").inc()
        self.metrics.serves(model.predictor, model.reference)
        LOG.info(json.dumps({"bundle": "serving", "sha256": model.predictor.bundle.sha256}))
