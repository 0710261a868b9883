"""The event loop is never held: bursts are answered in turns, large JSON is looked through in pieces, a full queue reads nothing."""

import asyncio
import json
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from service import values
from service.errors import RequestError
from service.turns import Turns
from service.values import check_values

MARKS = st.text(alphabet=',:[]{}"\\\né a')
JSON = st.recursive(
    MARKS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(MARKS, inner), max_leaves=20
)


def keys(count: int) -> bytes:
    return ('{"reviews": [{"text": "a"}], ' + ", ".join(f'"{n:06d}": 1' for n in range(count)) + "}").encode()


def test_between_two_turns_the_loop_looks_at_what_came_in() -> None:
    order: list[str] = []

    async def work(name: str, turns: Turns) -> None:
        await turns.mine()
        order.append(name)

    async def run() -> None:
        turns, loop = Turns(), asyncio.get_running_loop()
        burst = [asyncio.create_task(work(str(n), turns)) for n in range(50)]
        burst[3].cancel()
        await asyncio.sleep(0)
        loop.call_soon(order.append, "health")
        await asyncio.gather(*burst, return_exceptions=True)
        await work("later", turns)

    asyncio.run(run())
    assert order.index("health") <= 2
    assert [name for name in order if name != "health"] == [*(str(n) for n in range(50) if n != 3), "later"]


def values_of(found: Any) -> int:
    """What a value counts for: its brackets, the colons and commas in it."""
    if isinstance(found, dict):
        return 1 + len(found) + max(0, len(found) - 1) + sum(map(values_of, found.values()))
    return 1 + max(0, len(found) - 1) + sum(map(values_of, found)) if isinstance(found, list) else 0


@settings(max_examples=60, deadline=None)
@given(JSON, st.integers(1, 9), st.booleans())
def test_values_are_counted_outside_texts_wherever_the_pieces_end(found: Any, at_once: int, ascii_only: bool) -> None:
    body, wanted = json.dumps(found, ensure_ascii=ascii_only).encode(), values_of(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(values, "AT_ONCE", at_once)
        patch.setattr(values, "MOST_VALUES", wanted)
        asyncio.run(check_values(body, Turns()))
        patch.setattr(values, "MOST_VALUES", wanted - 1)
        with pytest.raises(RequestError, match="values"):
            asyncio.run(check_values(body + b" ", Turns()))


def test_different_keys_are_counted_and_texts_and_equal_keys_are_not() -> None:
    reviews = [{"id": str(n), "text": f'"{n}": [{{' * 20} for n in range(5000)]
    asyncio.run(check_values(json.dumps({"reviews": reviews}).encode(), Turns()))
    with pytest.raises(RequestError, match="different keys"):
        asyncio.run(check_values(keys(2000), Turns()))


@pytest.mark.parametrize(
    "body",
    [keys(700_000), b'{"reviews": [' + b"1, " * 2_500_000 + b"1]}", b"[" * 7_900_000, b'{"a":' * 1_500_000],
    ids=["keys", "numbers", "brackets", "deep"],
)
def test_eight_megabytes_of_json_are_refused_unread(client: TestClient, body: bytes) -> None:
    began = time.process_time()
    answer = client.post("/v1/classify", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error_type"]) == (413, "too_large")
    assert time.process_time() - began < 0.2


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_json_in_which_texts_cannot_be_told_from_bytes_is_refused_unread(client: TestClient, encoding: str) -> None:
    body = keys(100_000).decode().replace('{"reviews"', '{"∀": 1, "reviews"', 1).encode(encoding)[:7_900_000]
    began = time.process_time()
    answer = client.post("/v1/classify", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error_type"]) == (400, "bad_request")
    assert "UTF-8" in answer.json()["error"]
    assert time.process_time() - began < 0.2


def test_long_numbers_do_not_hold_the_loop(client: TestClient) -> None:
    body = b'{"reviews": [' + b",".join([b"9" * 4300] * 1800) + b"]}"
    began = time.process_time()
    answer = client.post("/v1/classify", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert time.process_time() - began < 0.2


def test_a_large_body_with_little_in_it_is_read(client: TestClient) -> None:
    body = {"reviews": [{"text": "Top!"}, {"text": "é,[{" * 500_000}]}
    results = client.post("/v1/classify", json=body).json()["results"]
    assert [(result["status"], result.get("error_type")) for result in results] == [("ok", None), ("error", "too_long")]


def test_streams_wait_for_a_turn_before_and_after_each_reading(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    turns, taken = client.app.state.turns, []  # type: ignore[attr-defined]
    mine = turns.mine

    async def counted() -> None:
        taken.append(None)
        await mine()

    monkeypatch.setattr(turns, "mine", counted)
    assert len(client.post("/v1/classify/stream", content=b"x\n" * 200).text.splitlines()) == 200
    assert len(taken) == 2 * 4  # sixty-four lines at a time


def test_a_full_queue_refuses_before_the_body_and_counts_how_late_the_loop_is(client: TestClient) -> None:
    batcher = client.app.state.batcher  # type: ignore[attr-defined]
    before, batcher.load = batcher.load, batcher.max_tokens
    try:
        refused = client.post("/v1/classify", content=b"this is not read")
        assert (refused.status_code, refused.json()["error_type"]) == (429, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/health/ready").status_code == 200
    finally:
        batcher.load = before
    assert client.post("/v1/classify", json={"reviews": [{"text": "Top!"}]}).status_code == 200
    told = client.get("/metrics").text
    assert 'snaar_requests_total{route="/v1/classify",status="429"}' in told
    assert "snaar_loop_late_seconds_count" in told
