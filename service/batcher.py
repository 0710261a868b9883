"""Requests share batches: each of some threads reads whatever waits, a little of each request in turn.

A request that finds a thread free goes at once; those that come while all are reading wait for the end of one and go together.
A large request gives way after each slice, so a small one never waits for all of it. Bulk (files, streams, a shadow) stands
behind all requests: it is read when none waits, and a slice of it now and then when one always does. The scores of a review do not
depend on its batch (docs/decisions/0001), so how requests are mixed changes nothing but the time they take.
"""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from model.predictor import Predictor
from model.score import Result
from service.priority import stand_back

BATCH_TOKENS = 512  # what one batch holds, by estimate: 0.05 s of a processor (benchmarks/RESULTS.md)
SLICE_TOKENS = 256  # what a request gets before the next has its turn
RECENT = 1.0  # seconds after a request in which bulk is read slice by slice: the next may come, and would wait for a whole batch
PATIENCE = 8  # batches after which a slice of bulk is read though requests wait
CHARACTERS_A_TOKEN = 4  # the reviews of training/data have 3.9; only the length of the queue hangs on it
REMEMBERED = 0.9  # how slowly the measured speed follows


class Place(Enum):
    """Where in the queue: before all (canary texts), in turn, or behind all requests."""

    FIRST = "first"
    IN_TURN = "in turn"
    BULK = "bulk"


class QueueFull(Exception):
    """The queue holds all it may; `seconds` is when it should have room."""

    def __init__(self, seconds: int) -> None:
        super().__init__("the queue is full")
        self.seconds = seconds


@dataclass(frozen=True)
class Stages:
    """Seconds of the steps from text to result, over the batches that something had a part in."""

    encode: float = 0.0
    infer: float = 0.0
    score: float = 0.0

    def __add__(self, other: "Stages") -> "Stages":
        return Stages(self.encode + other.encode, self.infer + other.infer, self.score + other.score)

    def within(self, seconds: float) -> "Stages":
        """The same shares of no more than so many seconds: batches side by side took more than passed."""
        share = min(1.0, seconds / max(self.encode + self.infer + self.score, 1e-9))
        return Stages(self.encode * share, self.infer * share, self.score * share)


@dataclass(frozen=True)
class Answer:
    """Results in order, with the seconds spent waiting for a turn and the seconds from then on; `stages` is what the latter
    were spent on, the batches of others between its own excepted."""

    results: list[Result]
    waited: float
    computed: float
    stages: Stages


@dataclass(frozen=True)
class Batch:
    """What one batch was: requests that had a part in it, estimated tokens, seconds."""

    requests: int
    tokens: int
    seconds: float


@dataclass(eq=False)
class Waiting:
    """A request in the queue. `taken` of its texts are given out."""

    predictor: Predictor
    texts: list[str]
    costs: list[int]
    place: Place
    arrived: float = field(default_factory=time.monotonic)
    future: "Future[Answer]" = field(default_factory=Future)
    first_turn: float = 0.0
    taken: int = 0
    results: dict[int, Result] = field(default_factory=dict)  # by the text's place
    stages: Stages = field(default_factory=Stages)
    settled: bool = False

    left: int = field(init=False)  # estimated tokens of the texts not given out yet

    def __post_init__(self) -> None:
        self.left = sum(self.costs)

    def slice(self, room: int) -> "Part":
        """The next texts that fit in `room`, at least one."""
        last, cost = self.taken, 0
        while last < len(self.texts) and (cost == 0 or cost + self.costs[last] <= room):
            cost += self.costs[last]
            last += 1
        self.first_turn = self.first_turn or time.monotonic()
        part = Part(self, self.taken, self.texts[self.taken : last], cost)
        self.taken = last
        self.left -= cost
        return part


@dataclass(frozen=True)
class Part:
    """Some texts of a request, from its `first` on, in a batch."""

    waiting: Waiting
    first: int
    texts: list[str]
    tokens: int


def estimated_tokens(text: str) -> int:
    """About how many tokens a text has, from its length alone."""
    return len(text) // CHARACTERS_A_TOKEN + 3


class Batcher:
    """The queue and its threads. `seen` is called on one of them after each batch."""

    def __init__(self, *, max_tokens: int, threads: int, seen: Callable[[Batch], None] = lambda batch: None) -> None:
        self.max_tokens = max_tokens
        self.seen = seen
        self.queue: deque[Waiting] = deque()
        self.bulk: deque[Waiting] = deque()
        self.last_request = -math.inf
        self.passed_over = 0  # batches since bulk had a slice
        self.load = 0  # tokens of requests that wait, by estimate, a large one counted as half of `max_tokens`
        self.speed = 1000.0  # estimated tokens a second
        self.closed = False
        self.changed = threading.Condition()
        self.threads = [threading.Thread(target=self._work, name=f"batcher {n}", daemon=True) for n in range(threads)]
        for thread in self.threads:
            thread.start()

    async def predict(
        self, predictor: Predictor, texts: list[str], *, seconds: float | None, place: Place = Place.IN_TURN
    ) -> Answer:
        """Read texts within `seconds`; raises QueueFull at once, TimeoutError later. Only what stands in turn is refused.
        Cancelling drops what has not been read yet."""
        if not texts:
            return Answer([], 0.0, 0.0, Stages())
        waiting = self._admit(predictor, texts, place)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(waiting.future), seconds)
        finally:
            self._drop(waiting)

    def read_bulk(self, predictor: Predictor, texts: list[str]) -> "Future[Answer]":
        """Read texts, at least one, behind all requests, for a thread that waits; cancelling drops what has not been read yet."""
        return self._admit(predictor, texts, Place.BULK).future

    def room(self, tokens: int = 1) -> bool:
        """Whether a request of so many tokens would be let in. One of any size is, when less than half the queue is taken:
        it keeps nobody waiting, for each has a turn."""
        return self.load + min(tokens, self.max_tokens // 2) <= self.max_tokens

    @property
    def is_whole(self) -> bool:
        """Whether all its threads are at work: one that ended, which should not happen, would take its share with it."""
        return all(thread.is_alive() for thread in self.threads)

    @property
    def seconds_full(self) -> int:
        """When the queue should have room again."""
        return math.ceil(self.load / self.speed)

    def close(self) -> None:
        """End the threads after the batches they are reading."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()
        for thread in self.threads:
            thread.join()

    def _admit(self, predictor: Predictor, texts: list[str], place: Place) -> Waiting:
        waiting = Waiting(predictor, texts, [estimated_tokens(text) for text in texts], place)
        with self.changed:
            if place is Place.IN_TURN and not self.room(waiting.left):
                raise QueueFull(self.seconds_full)
            if place is Place.IN_TURN:
                self.last_request = waiting.arrived
            if place is Place.FIRST:
                self.queue.appendleft(waiting)
            else:
                self._line_of(waiting).append(waiting)
            self.load += self._weight(waiting)
            self.changed.notify(math.ceil(waiting.left / SLICE_TOKENS))
        return waiting

    def _drop(self, waiting: Waiting) -> None:
        """Take out of the queue what nobody waits for any more."""
        with self.changed:
            if waiting.left and waiting in self._line_of(waiting):
                self._line_of(waiting).remove(waiting)
                self.load -= self._weight(waiting)

    def _line_of(self, waiting: Waiting) -> deque[Waiting]:
        return self.bulk if waiting.place is Place.BULK else self.queue

    def _weight(self, waiting: Waiting) -> int:
        return 0 if waiting.place is Place.BULK else min(waiting.left, self.max_tokens // 2)

    def _work(self) -> None:
        stand_back()
        while parts := self._take():
            began = time.monotonic()
            for predictor, own in _by_predictor(parts):
                self._read(predictor, own)
            taken = time.monotonic() - began
            tokens = sum(part.tokens for part in parts)
            self.speed = REMEMBERED * self.speed + (1 - REMEMBERED) * len(self.threads) * tokens / max(taken, 1e-6)
            self.seen(Batch(len({id(part.waiting) for part in parts}), tokens, taken))

    def _take(self) -> list[Part]:
        """The next batch; empty when closed."""
        with self.changed:
            parts: list[Part] = []
            while not parts:
                self.changed.wait_for(lambda: self.queue or self.bulk or self.closed)
                if self.closed:
                    return []
                parts = self._batch()
            return parts

    def _batch(self) -> list[Part]:
        if not self.queue:
            quiet = time.monotonic() - self.last_request > RECENT
            return self._slices(self.bulk, BATCH_TOKENS if quiet else SLICE_TOKENS)
        turn_of_bulk = self.bulk and self.passed_over >= PATIENCE
        self.passed_over = 0 if turn_of_bulk else self.passed_over + 1
        some = self._slices(self.bulk, SLICE_TOKENS) if turn_of_bulk else []
        return [*some, *self._slices(self.queue, BATCH_TOKENS)]

    @property
    def bulk_load(self) -> int:
        """Tokens of bulk that wait, by estimate."""
        with self.changed:
            return sum(waiting.left for waiting in self.bulk if not waiting.future.done())

    def _slices(self, line: deque[Waiting], room: int) -> list[Part]:
        """A slice of each in a line in turn, until `room` is full."""
        parts: list[Part] = []
        while line and room > 0:
            waiting = line[0]
            if parts and not waiting.future.done() and waiting.costs[waiting.taken] > room:
                break  # a large text goes in a batch of its own: nobody waits for it in this one
            line.popleft()
            self.load -= self._weight(waiting)
            if waiting.future.done():  # cancelled, or broken by an earlier slice
                continue
            part = waiting.slice(min(room, SLICE_TOKENS))
            parts.append(part)
            room -= part.tokens
            if waiting.taken < len(waiting.texts):
                line.append(waiting)
                self.load += self._weight(waiting)
        return parts

    def _read(self, predictor: Predictor, parts: list[Part]) -> None:
        """Read parts of one predictor together; where that fails each alone, so that no request suffers for another."""
        try:
            found, stages = _timed(predictor, [text for part in parts for text in part.texts])
        except Exception as error:
            if len(parts) == 1:
                self._settle(parts[0].waiting, error)
            else:
                for part in parts:
                    self._read(predictor, [part])
            return
        with self.changed:
            for waiting in {id(part.waiting): part.waiting for part in parts}.values():
                waiting.stages += stages
        results = iter(found)
        for part in parts:
            self._give(part, [next(results) for _ in part.texts])

    def _give(self, part: Part, results: list[Result]) -> None:
        """Parts of a request may be read side by side; the last to end gives the answer."""
        waiting = part.waiting
        with self.changed:
            waiting.results.update(enumerate(results, part.first))
            if len(waiting.results) < len(waiting.texts):
                return
        now = time.monotonic()
        waited, computed = waiting.first_turn - waiting.arrived, now - waiting.first_turn
        in_order = [waiting.results[place] for place in range(len(waiting.texts))]
        self._settle(waiting, Answer(in_order, waited, computed, waiting.stages.within(computed)))

    def _settle(self, waiting: Waiting, outcome: Answer | Exception) -> None:
        """Hand the outcome to whoever waits for it, if anybody still does; of two parts that fail at once the first tells."""
        with self.changed:
            if waiting.settled:
                return
            waiting.settled = True
        if not waiting.future.set_running_or_notify_cancel():
            return
        if isinstance(outcome, Answer):
            waiting.future.set_result(outcome)
        else:
            waiting.future.set_exception(outcome)


def _by_predictor(parts: list[Part]) -> list[tuple[Predictor, list[Part]]]:
    """A batch may hold requests of an old bundle and of the new one."""
    own: dict[str, list[Part]] = {}
    for part in parts:
        own.setdefault(part.waiting.predictor.bundle.sha256, []).append(part)
    return [(some[0].waiting.predictor, some) for some in own.values()]


def _timed(predictor: Predictor, texts: list[str]) -> tuple[list[Result], Stages]:
    times = [time.monotonic()]
    encoded = predictor.encode(texts)
    times.append(time.monotonic())
    logits = predictor.infer(encoded)
    times.append(time.monotonic())
    results = predictor.score(encoded, logits)
    times.append(time.monotonic())
    return results, Stages(*(end - start for start, end in pairwise(times)))
