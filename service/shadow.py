"""A second bundle reads a share of the traffic too; what it would have said otherwise is counted, and nobody sees it."""

import asyncio
from dataclasses import dataclass, field

from model.score import Result
from service.batcher import Batcher, Place
from service.metrics import Metrics
from service.models import Model

SECONDS = 30.0


@dataclass(eq=False)
class Shadow:
    """The second model, and what came of it so far."""

    model: Model
    share: float
    requests: int = 0
    reviews: int = 0
    disagreements: int = 0
    running: set["asyncio.Task[None]"] = field(default_factory=set)

    def follow(self, texts: list[str], results: list[Result], batcher: Batcher, metrics: Metrics) -> None:
        """Read the texts of each so-many-th request, when nobody else is waiting."""
        self.requests += 1
        chosen = int(self.requests * self.share) > int((self.requests - 1) * self.share)
        if chosen and not batcher.load:
            task = asyncio.create_task(self._compare(texts, results, batcher, metrics))
            self.running.add(task)
            task.add_done_callback(self.running.discard)

    async def _compare(self, texts: list[str], results: list[Result], batcher: Batcher, metrics: Metrics) -> None:
        try:
            answer = await batcher.predict(self.model.predictor, texts, seconds=SECONDS, place=Place.BULK)
        except TimeoutError:
            return
        for ours, theirs in zip(results, answer.results, strict=True):
            different = _labels(ours) ^ _labels(theirs)
            self.reviews += 1
            self.disagreements += bool(different)
            metrics.shadowed.inc()
            for output in different:
                metrics.disagreed.labels(output).inc()


def _labels(result: Result) -> set[str]:
    return {label.id + label.sign for label in result.labels}
