"""What only a real server shows: signals, load, what it prints."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from benchmarks.served import Served, serving
from model.bundle import DEFAULT_BUNDLE, Bundle, write_manifest

LONG = "De bezorger was vriendelijk maar het pakket was nat en de doos was kapot. " * 20
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
UNREADABLE = ["--exclude-checks", "positive_data_acceptance"]  # a text that holds nothing to read, a file that is no table
HTTP = httpx.Client(timeout=60, limits=httpx.Limits(max_connections=100, max_keepalive_connections=0))
CANARY = "kanarie-Wq7zX"


def ask(served: Served, *texts: str, timeout: float = 60, **options: Any) -> httpx.Response:
    body = {"reviews": [{"text": text} for text in texts], "options": options}
    return HTTP.post(f"{served.url}/v1/classify", json=body, timeout=timeout)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundle as `first`, the same under another version as `second`, and a broken one."""
    folder = tmp_path_factory.mktemp("bundles")
    for name in ("first", "second", "broken", "deaf"):
        shutil.copytree(DEFAULT_BUNDLE, folder / name)
    manifest = Bundle.open(folder / "second").manifest
    write_manifest(folder / "second", replace(manifest, version="0.1.1"))
    (folder / "broken" / "tokenizer.json").write_text("{")
    deaf = [replace(canary, labels=["nooit"]) for canary in manifest.canaries]
    write_manifest(folder / "deaf", replace(manifest, canaries=deaf))
    return folder


@pytest.fixture(scope="module")
def served(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(
        tmp_path_factory.mktemp("served"),
        "--bundle",
        str(bundles / "first"),
        QUEUE_TOKENS="3000",
        CANARY_SECONDS="2",
        BODY_SECONDS="1",
        FEEDBACK="true",
    ) as running:
        yield running


def test_without_keys_it_says_who_may_ask(served: Served) -> None:
    assert "without keys only this machine may ask" in served.output.read_text()


def test_under_load_health_answers_at_once_and_what_does_not_fit_is_refused(served: Served) -> None:
    with ThreadPoolExecutor(24) as pool:
        asked = [pool.submit(ask, served, *[LONG] * 2) for _ in range(48)]
        taken = []
        while not all(request.done() for request in asked):
            began = time.monotonic()
            with socket.create_connection(("127.0.0.1", served.port)) as line:
                line.sendall(b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                assert line.recv(100).startswith(b"HTTP/1.1 200")
            taken.append(time.monotonic() - began)
            time.sleep(0.02)
    answers = [request.result() for request in asked]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 429)
    assert sorted(taken)[len(taken) // 2] < 0.1, (
        "the event loop was blocked"
    )  # this machine is shared; benchmarks/load.py measures


def test_a_client_that_leaves_is_dropped_from_the_queue(served: Served) -> None:
    with pytest.raises(httpx.ReadTimeout):
        ask(served, *[LONG] * 200, timeout=0.3)
    time.sleep(0.5)
    assert "snaar_queue_tokens 0.0" in HTTP.get(f"{served.url}/metrics").text
    assert '"status": 499' in served.output.read_text()


def test_a_body_that_trickles_in_is_refused(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as line:
        line.sendall(b"POST /v1/classify HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
        assert line.recv(100).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("head", [b"", b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-a: "])
def test_a_head_that_trickles_in_is_cut_off(served: Served, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as line:
        line.settimeout(10)
        line.sendall(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert line.recv(1000).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        with suppress(OSError):
            for _ in range(100):
                line.sendall(head)
                line.settimeout(0.1)
                with suppress(TimeoutError):
                    if not line.recv(1000):
                        break
        assert time.monotonic() - began < 4


def test_a_client_that_would_rather_speak_http2_is_answered(served: Served) -> None:
    asked = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAEAAEAAAAIAAAAB"}
    for _ in range(2):
        answer = HTTP.post(f"{served.url}/v1/classify", json={"reviews": [{"text": "Top!\r\nUpgrade: x\r\n"}]}, headers=asked)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("refused", [0, 20_000_000])
def test_a_head_without_end_is_not_held_in_memory(served: Served, refused: int) -> None:
    before = held = psutil.Process(served.process.pid).memory_info().rss
    with socket.create_connection(("127.0.0.1", served.port)) as line, suppress(OSError):
        if refused:
            line.sendall(b"POST /v1/classify HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % refused)
            assert line.recv(1000).startswith(b"HTTP/1.1 413")
            line.sendall(b"a" * refused)
        line.sendall(b"GET /health/live HTTP/1.1\r\n")
        for _ in range(2000):
            line.sendall(b"x-a: " + b"a" * 50_000 + b"\r\n")
            held = psutil.Process(served.process.pid).memory_info().rss
    assert held - before < 50_000_000
    assert HTTP.get(f"{served.url}/health/live").status_code == 200


def test_no_text_of_a_request_is_in_log_metrics_or_errors(served: Served) -> None:
    url, text = served.url, f"{CANARY} was te laat"
    json_type = {"content-type": "application/json"}
    answers = [
        ask(served, text, "a" * 20_001 + CANARY, lenses=[CANARY]),
        HTTP.post(f"{url}/v1/classify", content=f'{{"reviews": [{{"text": "{text}"', headers=json_type),
        HTTP.post(f"{url}/v1/classify", content=f'{{"{CANARY}": "{text}"}}', headers=json_type),
        HTTP.post(f"{url}/v1/classify", content=text.encode("utf-16"), headers=json_type),
        HTTP.post(f"{url}/v1/classify", content=text, headers={"content-type": f"text/{CANARY}"}),
        HTTP.post(f"{url}/predict", json={"inputs": [[text], [" "]]}),
        HTTP.post(f"{url}/classify", json={"input": text, "model": CANARY}),
        HTTP.get(f"{url}/{CANARY}?q={CANARY}", headers={"x-request-id": CANARY, "x-api-key": CANARY}),
        HTTP.request(CANARY.upper(), f"{url}/v1/classify"),
        HTTP.post(f"{url}/v1/admin/reload", json={"bundle": CANARY + "/.."}),
        HTTP.post(f"{url}/v1/classify", json={f"{CANARY}{number}": text for number in range(2000)}),
        HTTP.post(f"{url}/v1/jobs?name={CANARY}.png", content=text),
        HTTP.post(f"{url}/v1/jobs?name={CANARY}.csv&by={CANARY}", content=f"text\n{text}\n"),
        HTTP.post(f"{url}/v1/feedback", json={"text": text, "wrong": [CANARY], "consent": True}),
        HTTP.post(f"{url}/labelstudio/predict", json={"tasks": [{"data": {"text": text}}], "label_config": f"<{CANARY}"}),
    ]
    assert [answer.status_code for answer in answers if answer.status_code < 400] == []
    ask(served, text)
    HTTP.post(f"{url}/classify", json={"input": [text], "model": CANARY})
    HTTP.post(f"{url}/v1/classify/stream", content=f'{{"text": "{text}"}}\n{{"{CANARY}"\n')
    job = HTTP.post(f"{url}/v1/jobs?name={CANARY}.csv", content=f"{CANARY}\n{text}, al weken lang.\n").json()["id"]
    kept = [path.name for path in (served.output.parent / "snaar-data").rglob("*")]
    assert job in kept
    assert [name for name in kept if CANARY.lower() in name.lower()] == []
    HTTP.post(f"{url}/v1/jobs/{job}/cancel")
    assert [answer.text for answer in answers if CANARY in answer.text or CANARY in str(answer.headers)] == []
    assert CANARY not in HTTP.get(f"{url}/metrics").text
    printed = served.output.read_text()
    assert CANARY.lower() not in printed.lower()
    line = json.loads([line for line in printed.splitlines() if '"/v1/classify"' in line][-1])
    assert (line["status"], line["reviews"]) == (200, 1)
    assert line["tokens"] > 0
    assert set(line["ms"]) == {"receive", "wait", "compute", "encode", "infer", "score", "all"}


def test_metrics_tell_what_was_read(served: Served) -> None:
    ask(served, "Top!", " ")
    text = HTTP.get(f"{served.url}/metrics").text
    for name in (
        'snaar_requests_total{route="/v1/classify",status="200"}',
        'snaar_reviews_total{status="empty_text"}',
        'snaar_labels_total{label="positive",lens="sentiment",sign=""}',
        'snaar_seconds_bucket{le="0.005",stage="wait"}',
        'snaar_model{sha256="',
        "snaar_ready 1.0",
    ):
        assert name in text, name


def test_a_new_bundle_takes_over_while_requests_go_on_and_a_broken_one_does_not(served: Served, bundles: Path) -> None:
    names = {Bundle.open(bundles / name).sha256: name for name in ("first", "second")}
    admin = f"{served.url}/v1/admin"
    with ThreadPoolExecutor(4) as pool:
        stop = time.monotonic() + 60
        done = False

        def keep_asking() -> list[str]:
            seen = []
            while not done and time.monotonic() < stop:
                answer = ask(served, "Top!")
                assert answer.status_code == 200, answer.text
                seen.append(names[answer.json()["model"]["sha256"]])
            return seen

        asking = [pool.submit(keep_asking) for _ in range(3)]
        assert HTTP.post(f"{admin}/rollback").status_code == 409
        current = []
        for path, body in [("reload", {"bundle": "second"}), ("rollback", None), ("rollback", None), ("reload", {})]:
            answer = HTTP.post(f"{admin}/{path}", json=body, timeout=30).json()
            current.append(names[answer["current"]["sha256"]])
        refused = [HTTP.post(f"{admin}/reload", json={"bundle": name}, timeout=30) for name in ("broken", "deaf", "nowhere")]
        done = True
        seen = {name for request in asking for name in request.result()}
    assert current == ["second", "first", "second", "first"]
    assert seen == {"first", "second"}
    assert [answer.status_code for answer in refused] == [409, 409, 409]
    assert ["broken" in refused[0].text, "canary" in refused[1].text, "no folder" in refused[2].text] == [True] * 3
    assert HTTP.post(f"{admin}/reload", json={"bundle": "../first"}).status_code == 422
    assert HTTP.get(f"{admin}/models").json()["current"]["version"] == Bundle.open(bundles / "first").manifest.version


def test_a_shadow_reads_along_and_disagreements_are_counted(served: Served, bundles: Path) -> None:
    manifest = Bundle.open(bundles / "first").manifest
    eager = {name: [0.0001] * len(values) for name, values in manifest.thresholds.items()}
    if not (bundles / "eager").exists():
        shutil.copytree(bundles / "first", bundles / "eager")
        deaf = [replace(canary, absent=[]) for canary in manifest.canaries]  # to what must not be there, for all is
        write_manifest(bundles / "eager", replace(manifest, thresholds=eager, canaries=deaf))
    admin = f"{served.url}/v1/admin"
    assert HTTP.put(f"{admin}/shadow", json={"bundle": "eager", "share": 0.5}, timeout=30).status_code == 200
    for _ in range(8):
        assert ask(served, "Top!").json()["model"]["sha256"] == Bundle.open(bundles / "first").sha256
        time.sleep(0.05)
    shadow = HTTP.get(f"{admin}/models").json()["shadow"]
    assert (shadow["reviews"], shadow["disagreements"]) == (4, 4)
    assert 'snaar_shadow_disagreements_total{output="wow+"}' in HTTP.get(f"{served.url}/metrics").text
    assert HTTP.put(f"{admin}/shadow", json={}).json()["shadow"] is None


@pytest.mark.parametrize(
    "chosen",
    [
        [
            "--include-path-regex",
            "^/(v1/(?!jobs$|classify/stream|feedback$)|health|metrics)",
        ],  # it knows no NDJSON; tests/service/test_stream.py does
        ["--include-path-regex", "^/(predict|classify|v1/jobs$|v1/feedback$)", *UNREADABLE],
    ],
)
def test_schemathesis_finds_nothing_against_the_openapi_document(served: Served, chosen: list[str]) -> None:
    config = ["--config-file", str(Path(__file__).with_name("schemathesis.toml"))]
    command = [
        str(SCHEMATHESIS),
        *config,
        "run",
        f"{served.url}/openapi.json",
        "--checks",
        "all",
        "--max-examples",
        "5",
        "--seed",
        "1",
    ]
    done = subprocess.run([*command, *chosen], capture_output=True, text=True, timeout=120, cwd=served.output.parent)
    assert done.returncode == 0, done.stdout


def test_sighup_loads_the_bundle_anew_and_sigterm_finishes_what_was_accepted(bundles: Path, tmp_path: Path) -> None:
    link = tmp_path / "bundle"
    link.symlink_to(bundles / "first")
    with serving(tmp_path, "--bundle", str(link), DRAIN_SECONDS="1") as served:
        link.unlink()
        link.symlink_to(bundles / "second")
        served.process.send_signal(signal.SIGHUP)
        for _ in range(100):
            time.sleep(0.1)
            if HTTP.get(f"{served.url}/v1/info").json()["model"]["version"] == "0.1.1":
                break
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(ask, served, *[LONG] * 4) for _ in range(8)]
            time.sleep(0.2)
            served.process.terminate()
            time.sleep(0.3)
            ready = HTTP.get(f"{served.url}/health/ready")
            late = ask(served, "Top!")
            answers = [request.result() for request in asked]
        assert (ready.status_code, ready.json()["error_type"]) == (503, "draining")
        assert (late.status_code, late.headers["connection"]) == (200, "close")
        assert [answer.status_code for answer in answers] == [200] * 8
        assert answers[0].json()["model"]["version"] == "0.1.1"
        assert served.process.wait(30) in (0, -signal.SIGTERM)


def test_what_is_not_read_in_time_is_answered_so(tmp_path: Path) -> None:
    with serving(tmp_path, "--timeout", "0.4") as served:
        answer = ask(served, *[LONG] * 100)
        assert (answer.status_code, answer.json()["error_type"]) == (504, "timeout")
        assert ask(served, "Top!").status_code == 200


def test_of_two_workers_one_may_die_and_both_are_counted(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as served:
        for _ in range(20):
            assert ask(served, "Top!").status_code == 200
        line = 'snaar_requests_total{route="/v1/classify",status="200"} 20.0'
        assert line in HTTP.get(f"{served.url}/metrics").text
        assert HTTP.get(f"{served.url}/v1/admin/models").json()["error_type"] == "several_workers"
        workers = [child for child in psutil.Process(served.process.pid).children() if "spawn_main" in " ".join(child.cmdline())]
        assert len(workers) == 2
        workers[0].kill()
        lost = 0
        for _ in range(20):
            try:
                assert ask(served, "Top!").status_code == 200
            except httpx.TransportError:
                lost += 1
        assert lost <= 1
        for _ in range(300):  # the main process may wait 20 s for an answer of the one that died
            if "died" in served.output.read_text():
                break
            time.sleep(0.1)
        assert "died" in served.output.read_text()
