"""NDJSON in and out."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi.testclient import TestClient

from model.predictor import Predictor
from service.app import create_app
from service.settings import Settings

SECRET = "geheim-briefje-van-Truus"
LINES = [
    {"id": "a", "text": "Weer een uur in de wacht."},
    {"text": "Mail jan@ziggo.nl, top service!"},
    {"id": "c", "text": " "},
    {"id": "d", "text": "é" * 20_001},
]


def stream(client: TestClient, body: Any, **options: Any) -> list[dict[str, Any]]:
    answer = client.post("/v1/classify/stream", content=body, params=options)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_line_in_is_a_line_out_with_what_the_predictor_says(client: TestClient, predictor: Predictor) -> None:
    body = "\n".join(json.dumps(line) for line in LINES)
    found = stream(client, body, scores=True)
    assert [(f["line"], f["id"], f["status"], f.get("error_type")) for f in found] == [
        (1, "a", "ok", None),
        (2, None, "ok", None),
        (3, "c", "error", "empty_text"),
        (4, "d", "error", "too_long"),
    ]
    [ours] = predictor.predict([LINES[0]["text"]])
    assert found[0] == json.loads(json.dumps({"line": 1, "id": "a", **ours.to_dict(scores=True)}))


def test_the_headers_name_bundle_and_taxonomy(client: TestClient, predictor: Predictor) -> None:
    headers = client.post("/v1/classify/stream", content=b'{"text": "Top!"}').headers
    assert (headers["snaar-bundle"], headers["snaar-taxonomy"]) == (predictor.bundle.sha256, predictor.taxonomy.version)


def test_lenses_and_redaction_come_on_request(client: TestClient) -> None:
    [found] = stream(client, json.dumps(LINES[1]), lenses=["sentiment"], redact=True)
    assert {label["lens"] for label in found["labels"]} == {"sentiment"}
    assert found["redacted_text"] == "Mail [EMAIL], top service!"
    answer = client.post("/v1/classify/stream", params={"lenses": SECRET})
    assert (answer.status_code, answer.json()["error_type"]) == (422, "invalid_request")
    assert SECRET not in answer.text


def test_a_bad_line_is_an_error_in_its_place_and_is_not_repeated(client: TestClient) -> None:
    bad = [SECRET, f'{{"tekst": "{SECRET}"}}', f'["{SECRET}"]', f'{{"text": "{SECRET}', f'{{"text": "x", "{SECRET}": 1}}']
    body = "\n".join([*bad, "", '{"text": "Top!"}', "\r"]).encode() + b'\n{"text": "\xff"}\n'
    answer = client.post("/v1/classify/stream", content=body)
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert [(f["line"], f["status"]) for f in found] == [*((n, "error") for n in range(1, 6)), (7, "ok"), (9, "error")]
    assert {f["error_type"] for f in found if f["status"] == "error"} == {"invalid_request"}
    assert SECRET not in answer.text


def test_a_line_without_end_is_not_held_in_memory(client: TestClient) -> None:
    huge = b'{"text": "' + b"a" * 3_000_000 + b'"}\n{"id": "next", "text": "Top!"}\n'
    found = stream(client, (huge[i : i + 50_000] for i in range(0, len(huge), 50_000)))
    assert [(f["line"], f["id"], f.get("error_type")) for f in found] == [(1, None, "too_long"), (2, "next", None)]


def test_ten_thousand_lines_come_back_in_order(client: TestClient) -> None:
    found = stream(client, b"".join(b'{"id": "%d", "text": " "}\n' % n for n in range(10_000)))
    assert [f["id"] for f in found] == [str(n) for n in range(10_000)]


def test_a_stream_over_the_limit_is_cut_off_with_a_word(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(data=tmp_path, max_job_bytes=1_000))) as client:
        assert client.post("/v1/classify/stream", content=b"x" * 1_001).status_code == 413
        found = stream(client, (b'{"text": "Top!"}\n' for _ in range(100)))
    assert (found[-1]["status"], found[-1]["error_type"]) == ("error", "too_large")
    assert {f["status"] for f in found[:-1]} <= {"ok"}


def test_what_is_read_is_counted_and_a_stream_is_refused_while_requests_are(client: TestClient) -> None:
    def counted() -> float:
        page = client.get("/metrics").text
        return sum(float(line.split()[-1]) for line in page.splitlines() if line.startswith("snaar_reviews_total{"))

    before = counted()
    stream(client, b'{"text": "Top!"}\n{"text": " "}\n')
    assert counted() == before + 2
    batcher = client.app.state.batcher  # type: ignore[attr-defined]
    batcher.load += batcher.max_tokens
    answer = client.post("/v1/classify/stream", content=b'{"text": "Top!"}')
    batcher.load -= batcher.max_tokens
    assert (answer.status_code, answer.json()["error_type"], int(answer.headers["retry-after"]) > 0) == (429, "overloaded", True)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real server: a test client does not talk both ways at once."""
    app = create_app(Settings(data=tmp_path_factory.mktemp("data")))
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


def talk(port: int) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", port))
    connection.sendall(b"POST /v1/classify/stream HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    return connection


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(body), body)


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    found = b""
    while wanted not in found:
        block = connection.recv(65536)
        assert block, found[-300:]
        found += block
    return found


def test_an_answer_comes_before_the_body_ends(port: int) -> None:
    with talk(port) as connection:
        for word in (b"first", b"second"):
            connection.sendall(chunk(b'{"id": "%s", "text": "Top!"}\n' % word))
            assert b'"status": "ok"' in read_until(connection, b'"id": "%s"' % word)
        connection.sendall(b"0\r\n\r\n")
        read_until(connection, b"0\r\n\r\n")


def test_a_client_that_sends_everything_before_it_reads_is_not_kept_waiting(port: int) -> None:
    line = json.dumps({"text": " ", "id": "x" * 200}).encode() + b" " * 600 + b"\n"
    with talk(port) as connection:
        for _ in range(75):
            connection.sendall(chunk(line * 200))  # 12 MB in, 6 MB out: more than the sockets hold
        connection.sendall(b"0\r\n\r\n")
        assert read_until(connection, b"\r\n0\r\n\r\n").count(b'"line"') == 15_000


def test_a_client_that_goes_away_leaves_nothing_open(port: int) -> None:
    def files() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    before = files()
    for _ in range(5):
        with talk(port) as connection:
            connection.sendall(chunk(b'{"id": "a", "text": "Top!"}\n'))
            read_until(connection, b'"id": "a"')
    until = time.monotonic() + 20
    while files() > before and time.monotonic() < until:
        time.sleep(0.05)
    assert files() <= before
