"""Is it well? A canary prediction every few seconds, before all that waits, so that asking costs nothing."""

import asyncio
import time

from service.batcher import Batcher, Place
from service.memory import give_back
from service.models import Models


class Health:
    """What readiness answers: `problem` is None when all is well, else the error_type and what is wrong."""

    def __init__(self, models: Models, batcher: Batcher, *, every: float) -> None:
        self.models = models
        self.batcher = batcher
        self.every = every
        self.failed: list[str] = []
        self.last_answer = 0.0
        self.draining = False

    @property
    def problem(self) -> tuple[str, str] | None:
        if self.draining:
            return "draining", "the service is stopping: what it has accepted is still answered, send the rest elsewhere"
        if self.failed:
            return "not_ready", "; ".join(self.failed)
        if not self.batcher.is_whole:
            return "not_ready", "a thread that reads reviews has ended; start the service anew"
        silent = time.monotonic() - self.last_answer
        if silent > 3 * self.every:
            return "not_ready", f"the canary texts have had no answer for {silent:.0f} s"
        return None

    def drain(self) -> None:
        """From now on say that the service is stopping."""
        self.draining = True

    async def check(self) -> None:
        """Score the canary texts of the current bundle, as any request is scored."""
        predictor = self.models.current.predictor
        texts = [canary.text for canary in predictor.bundle.manifest.canaries]
        try:
            answer = await self.batcher.predict(predictor, texts, seconds=3 * self.every, place=Place.FIRST)
        except TimeoutError:
            return  # `problem` sees how long it has been
        except Exception as error:
            self.failed = [f"the canary texts cannot be scored: {type(error).__name__}"]
            return
        self.failed = predictor.canary_failures(answer.results)
        self.last_answer = time.monotonic()

    async def watch(self) -> None:
        """Check for ever, and tidy up."""
        while True:
            await asyncio.sleep(self.every)
            await self.check()
            await asyncio.to_thread(give_back)
