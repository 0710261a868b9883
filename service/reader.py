"""One request's way through the queue: the limits, the deadline, the client that may leave."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request

from model.score import Result
from service.batcher import Answer, Batcher, Place, QueueFull
from service.beside import afterwards, beside
from service.classify import fitting, in_place
from service.errors import RequestError
from service.metrics import Metrics
from service.models import Model
from service.seen import Seen
from service.settings import Settings
from service.shadow import Shadow
from service.turns import Turns

Done = TypeVar("Done")


@dataclass(frozen=True)
class Reader:
    """What a scoring route is given: its request, and the model that answers it from beginning to end."""

    request: Request
    model: Model
    batcher: Batcher
    metrics: Metrics
    settings: Settings
    shadow: Shadow | None
    turns: Turns

    def check_count(self, field: str, count: int) -> None:
        """Refuse a request with no reviews or too many; `field` is where they stand."""
        limit = self.settings.max_reviews
        if not count:
            raise RequestError(422, "invalid_request", f"field `{field}`: send at least one review")
        if count > limit:
            raise RequestError(413, "too_large", f"field `{field}`: more than {limit} reviews in one request; send them in parts")

    async def read(self, texts: list[str]) -> list[Result]:
        """One result a text, in order. Raises RequestError where the queue is full, the time is up or the client has gone."""
        limit = self.settings.max_characters
        seen = Seen.of(self.request.scope)
        seen.reviews, seen.model = len(texts), self.model.predictor.bundle.sha256[:12]
        short_enough = fitting(texts, max_characters=limit)
        seen.asked = time.monotonic()
        answer = await self._while_connected(short_enough)
        await self.turns.mine()
        results = in_place(texts, answer.results, max_characters=limit)
        seen.waited, seen.computed, seen.steps = answer.waited, answer.computed, answer.stages
        seen.tokens = sum(result.tokens for result in results)
        await afterwards(texts, lambda: self.metrics.results(results))
        if self.shadow:
            self.shadow.follow(short_enough, answer.results, self.batcher, self.metrics)
        return results

    async def read_bulk(self, texts: list[str]) -> list[Result]:
        """One result a text, in order, behind all requests and however long it takes."""
        limit = self.settings.max_characters
        short_enough = fitting(texts, max_characters=limit)
        answer = await self.batcher.predict(self.model.predictor, short_enough, seconds=None, place=Place.BULK)
        await self.turns.mine()
        results = in_place(texts, answer.results, max_characters=limit)
        await beside(texts, lambda: self.metrics.results(results))
        return results

    def check_room(self) -> None:
        """Refuse what takes no room in the queue, such as a stream, while requests are refused."""
        if not self.batcher.room():
            raise overloaded(self.batcher.seconds_full)

    async def in_time(self, work: Coroutine[Any, Any, Done]) -> Done:
        """What work beside the queue gives; raises RequestError when the time is up."""
        try:
            return await asyncio.wait_for(work, self.settings.timeout)
        except TimeoutError:
            raise _too_slow(self.settings.timeout) from None

    async def _while_connected(self, texts: list[str]) -> Answer:
        seconds = self.settings.timeout
        reading = asyncio.create_task(self.batcher.predict(self.model.predictor, texts, seconds=seconds))
        leaving = asyncio.create_task(_gone(self.request))
        try:
            await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise RequestError(499, "client_gone", "the client closed the connection before the answer")
            return reading.result()
        except QueueFull as full:
            raise overloaded(full.seconds) from None
        except TimeoutError:
            raise _too_slow(seconds) from None
        finally:
            reading.cancel()
            leaving.cancel()


def overloaded(seconds: int) -> RequestError:
    """The refusal of a queue that is full for so many seconds."""
    return RequestError(429, "overloaded", f"too much is waiting; try again in {seconds} s", retry_after=seconds)


def _too_slow(seconds: float) -> RequestError:
    message = f"not read within {seconds:g} s; send fewer reviews at a time, or try again when it is quieter"
    return RequestError(504, "timeout", message)


async def _gone(request: Request) -> None:
    """Returns when the client has closed the connection; the body has been read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
