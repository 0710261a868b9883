import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from model.predictor import Predictor
from model.split import Splitter
from service.batcher import SLICE_TOKENS, Batch, Batcher, Place, QueueFull, Waiting

TEXTS = ["Top!", "Weer een uur in de wacht.", "Vriendelijk geholpen. Morgen al in huis!", "De rits was na een week stuk."]
LONG = "De bezorger was vriendelijk maar het pakket was nat en de doos was kapot. " * 20


@pytest.fixture
def batches() -> list[Batch]:
    return []


@pytest.fixture
def batcher(batches: list[Batch]) -> Iterator[Batcher]:
    made = Batcher(max_tokens=4000, threads=1, seen=batches.append)
    yield made
    made.close()


def together(*calls: Callable[[], Awaitable[Any]]) -> list[Any]:
    async def run() -> list[Any]:
        return await asyncio.gather(*(call() for call in calls), return_exceptions=True)

    return asyncio.run(run())


def test_requests_share_batches_and_each_gets_its_own_results(
    batcher: Batcher, batches: list[Batch], predictor: Predictor
) -> None:
    def ask(number: int) -> Callable[[], Awaitable[Any]]:
        return lambda: batcher.predict(predictor, TEXTS[: 1 + number % 4], seconds=60)

    answers = together(*(ask(number) for number in range(40)))
    alone = predictor.predict(TEXTS)
    assert [answer.results for answer in answers] == [alone[: 1 + number % 4] for number in range(40)]
    assert len(batches) < 40
    assert max(batch.requests for batch in batches) > 3
    assert batcher.load == 0


def test_a_small_request_does_not_wait_for_all_of_a_large_one(batcher: Batcher, predictor: Predictor) -> None:
    ended = []

    async def ask(name: str, texts: list[str], after: float) -> None:
        await asyncio.sleep(after)
        await batcher.predict(predictor, texts, seconds=60)
        ended.append(name)

    together(lambda: ask("large", [LONG] * 30, 0), lambda: ask("small", TEXTS, 0.05))
    assert ended == ["small", "large"]


def test_beyond_the_bound_a_request_is_refused_at_once_and_told_when_to_return(batcher: Batcher, predictor: Predictor) -> None:
    async def late() -> float:
        asking = asyncio.create_task(batcher.predict(predictor, [LONG] * 20, seconds=60))
        await asyncio.sleep(0.02)
        began = time.monotonic()
        with pytest.raises(QueueFull) as full:
            await batcher.predict(predictor, [LONG] * 6, seconds=60)
        assert full.value.seconds >= 1
        taken = time.monotonic() - began
        await asking
        return taken

    large, taken = together(lambda: batcher.predict(predictor, [LONG] * 20, seconds=60), late)
    assert len(large.results) == 20  # more than the bound holds, and let in: it gives way to others
    assert taken < 0.05


def test_what_nobody_waits_for_any_more_is_not_read(batcher: Batcher, batches: list[Batch], predictor: Predictor) -> None:
    async def leave() -> None:
        asking = asyncio.create_task(batcher.predict(predictor, [LONG] * 60, seconds=60))
        await asyncio.sleep(0.05)
        asking.cancel()
        late = await asyncio.gather(batcher.predict(predictor, [LONG] * 60, seconds=0.05), return_exceptions=True)
        assert isinstance(late[0], TimeoutError)
        await batcher.predict(predictor, ["Top!"], seconds=60)

    asyncio.run(leave())
    assert batcher.load == 0
    assert sum(batch.tokens for batch in batches) < 120 * len(LONG) / 4 / 2


def test_a_text_that_breaks_the_model_breaks_its_own_request_alone(batcher: Batcher, predictor: Predictor) -> None:
    class Breaking(Splitter):
        def split(self, text: str) -> list[tuple[int, int]]:
            if text == "BOEM":
                raise ValueError("no")
            return super().split(text)

    fragile = replace(predictor, splitter=Breaking(predictor.splitter.pipeline))
    first, broken, last = together(
        lambda: batcher.predict(fragile, [LONG], seconds=60),
        lambda: batcher.predict(fragile, ["BOEM"], seconds=60),
        lambda: batcher.predict(fragile, TEXTS, seconds=60),
    )
    assert isinstance(broken, ValueError)
    assert first.results == predictor.predict([LONG])
    assert last.results == predictor.predict(TEXTS)


def test_threads_share_a_large_request_whose_results_stay_in_order(predictor: Predictor) -> None:
    seen: list[str] = []
    batcher = Batcher(max_tokens=50_000, threads=3, seen=lambda batch: seen.append(threading.current_thread().name))
    texts = [f"{LONG[: 40 + 9 * number]} {number}" for number in range(120)]
    large, small = together(
        lambda: batcher.predict(predictor, texts, seconds=60), lambda: batcher.predict(predictor, TEXTS, seconds=60)
    )
    batcher.close()
    assert large.results == predictor.predict(texts)
    assert small.results == predictor.predict(TEXTS)
    assert len(set(seen)) == 3
    assert sum(vars(large.stages).values()) <= large.computed + 1e-6


def test_requests_that_fail_in_several_threads_at_once_are_told_so_and_leave_the_threads_at_work(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # what is rare comes in a second
    batcher = Batcher(max_tokens=50_000, threads=4)
    meeting = threading.Barrier(2)

    def fail(self: Predictor, texts: list[str]) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(0.05)  # so that two parts of a request end together
        raise ValueError("no")

    with monkeypatch.context() as patched:
        patched.setattr(Predictor, "encode", fail)
        for _ in range(300):
            [outcome] = together(lambda: batcher.predict(predictor, [LONG] * 4, seconds=60))
            assert isinstance(outcome, ValueError)
    sys.setswitchinterval(switching)
    assert batcher.is_whole
    [answer] = together(lambda: batcher.predict(predictor, TEXTS, seconds=60))
    assert answer.results == predictor.predict(TEXTS)
    batcher.close()
    assert not batcher.is_whole
    assert batcher.load == 0


def test_a_large_text_waits_for_a_batch_of_its_own(batcher: Batcher, predictor: Predictor) -> None:
    batcher.close()  # what waits is taken here, batch by batch
    for cost in (10, 5000, 20):
        batcher.queue.append(Waiting(predictor, [LONG], [cost], Place.IN_TURN))
    assert [[part.tokens for part in batcher._batch()] for _ in range(2)] == [[10], [5000]]


def test_bulk_has_a_small_share_while_requests_wait(batcher: Batcher, predictor: Predictor) -> None:
    batcher.close()
    bulk = batcher.read_bulk(predictor, [LONG] * 100)
    for _ in range(200):
        batcher.queue.append(Waiting(predictor, [LONG], [100], Place.IN_TURN))
    parts = [part for _ in range(18) for part in batcher._batch()]
    share = sum(part.tokens for part in parts if part.waiting.future is bulk) / sum(part.tokens for part in parts)
    assert 0.03 < share < 0.09


def test_canaries_go_before_all_that_waits(batcher: Batcher, predictor: Predictor) -> None:
    ended = []

    async def ask(name: str, place: Place) -> None:
        await batcher.predict(predictor, TEXTS if place is Place.FIRST else [LONG] * 8, seconds=60, place=place)
        ended.append(name)

    together(lambda: ask("a", Place.IN_TURN), lambda: ask("b", Place.BULK), lambda: ask("canary", Place.FIRST))
    assert ended[0] == "canary"


def test_bulk_is_read_slice_by_slice_just_after_a_request(
    batcher: Batcher, batches: list[Batch], predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(batcher.predict(predictor, ["Top!"], seconds=60))
    monkeypatch.setattr("service.batcher.RECENT", 60)
    batcher.read_bulk(predictor, TEXTS * 100).result(60)
    assert max(batch.tokens for batch in batches) < 2 * SLICE_TOKENS
    monkeypatch.setattr("service.batcher.RECENT", 0)
    batcher.read_bulk(predictor, TEXTS * 100).result(60)
    assert max(batch.tokens for batch in batches) > 3 / 2 * SLICE_TOKENS


def test_bulk_gives_way_to_requests_and_is_not_starved_by_them(
    batcher: Batcher, batches: list[Batch], predictor: Predictor
) -> None:
    ended: list[str] = []

    async def keep_asking() -> None:
        while "small file" not in ended:
            await batcher.predict(predictor, [LONG], seconds=60)
            ended.append("request")

    async def run() -> None:
        await batcher.predict(predictor, ["Top!"], seconds=60)
        large = batcher.read_bulk(predictor, [LONG] * 400)
        small = batcher.read_bulk(predictor, TEXTS)
        small.add_done_callback(lambda _: ended.append("small file"))
        assert (batcher.load, batcher.bulk_load > 100_000) == (0, True)  # files take nothing of the room of requests
        await asyncio.gather(*(keep_asking() for _ in range(8)))  # more than a batch holds: one always waits
        assert large.cancel()
        await batcher.predict(predictor, ["Top!"], seconds=60)

    asyncio.run(run())
    assert ended.count("request") >= 6  # while the files had some slices
    assert batcher.bulk_load == 0
    assert sum(batch.tokens for batch in batches) < 400 * len(LONG) / 4 / 2  # what was cancelled was not read
