"""Files over HTTP: send, ask, fetch, cancel; and what happens when the service dies halfway."""

import csv
import gc
import gzip
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from fastapi.testclient import TestClient

from model.predictor import Predictor
from service.app import create_app
from service.batcher import Batcher
from service.data import now
from service.database import connect
from service.jobs.files import JobFiles
from service.jobs.store import Job, JobStore
from service.jobs.worker import JobWorker
from service.settings import Settings

ROOT = Path(__file__).parents[3]
SECRET = "geheim-briefje-van-Truus"
DUMP = "nr;filiaal;toelichting\n1;Delft;Weer een uur in de wacht.\n2;Delft;\n3;Gouda;Top service, morgen al in huis!\n"


def send(client: Any, body: bytes | str, **options: Any) -> dict[str, Any]:
    answer = client.post("/v1/jobs", params={"name": "dump.csv", **options}, content=body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    told: dict[str, Any] = answer.json()
    return told


def wait(client: Any, job_id: str, *, state: str = "done", seconds: float = 60) -> dict[str, Any]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        told: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
        if told["state"] == state:
            return told
        assert told["state"] in ("queued", "running"), told
        time.sleep(0.1)
    raise AssertionError(told)


@pytest.fixture(scope="module")
def done(client: TestClient) -> dict[str, Any]:
    return wait(client, send(client, DUMP, name="../../mijn dump é.csv", by="filiaal", scores=True)["id"])


def test_a_file_becomes_a_result_with_every_row(client: TestClient, predictor: Predictor, done: dict[str, Any]) -> None:
    assert (done["rows"], done["rows_done"], done["row_errors"], done["report"]) == (3, 3, {"empty_text": 1}, True)
    assert done["model"]["sha256"] == predictor.bundle.sha256
    assert done["taxonomy_version"] == predictor.taxonomy.version
    assert done["removed_at"] > done["finished"] > done["created"]
    answer = client.get(f"/v1/jobs/{done['id']}/result")
    assert answer.status_code == 200, answer.text
    rows = list(csv.DictReader(io.StringIO(answer.text), delimiter=";"))
    assert [(row["nr"], row["snaar_error"]) for row in rows] == [("1", ""), ("2", "empty_text"), ("3", "")]
    [ours] = predictor.predict(["Weer een uur in de wacht."])
    assert {float(rows[0][f"snaar_score_{name}"]) == score for name, score in ours.scores.items()} == {True}


def test_what_a_job_loaded_is_not_searched_for_rubbish_from_then_on(client: TestClient) -> None:
    loaded = [[number] for number in range(40_000)]
    wait(client, send(client, "text\n \n")["id"])
    until = time.monotonic() + 10
    while (searched := len(gc.get_objects())) > len(loaded) // 2 and time.monotonic() < until:
        time.sleep(0.1)
    assert searched < len(loaded) // 2


def test_the_name_of_the_client_is_kept_but_in_no_path(client: TestClient, done: dict[str, Any]) -> None:
    assert done["name"] == "mijn dump é.csv"
    found = client.get(f"/v1/jobs/{done['id']}/result").headers["content-disposition"]
    assert found == "attachment; filename*=utf-8''mijn%20dump%20%C3%A9-snaar.csv"
    data = client.app.state.settings.data  # type: ignore[attr-defined]
    assert [path for path in data.rglob("*") if "dump" in path.name] == []


def test_the_report_comes_as_page_workbook_and_json(client: TestClient, done: dict[str, Any]) -> None:
    page = client.get(f"/v1/jobs/{done['id']}/report")
    assert page.headers["content-disposition"].startswith("inline")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "mijn dump é.csv" in page.text
    assert client.get(f"/v1/jobs/{done['id']}/report?format=json").json()["tiers"]
    book = client.get(f"/v1/jobs/{done['id']}/report?format=xlsx").content
    assert openpyxl.load_workbook(io.BytesIO(book)).worksheets


def test_a_packed_file_and_another_format(client: TestClient) -> None:
    job = send(client, gzip.compress(b'{"text": "Mail jan@ziggo.nl"}\n'), name="a.jsonl.gz", format="jsonl", redact=True)
    wait(client, job["id"])
    assert client.get(f"/v1/jobs/{job['id']}/result").json()["text"] == "Mail [EMAIL]"


def test_a_dump_without_one_readable_review_is_done_and_has_no_report(client: TestClient) -> None:
    job = wait(client, send(client, "id,text\n1,\n2, \n")["id"])
    assert job["report"] is False
    assert client.get(f"/v1/jobs/{job['id']}/report").json()["error_type"] == "no_report"
    assert client.get(f"/v1/jobs/{job['id']}/result").text.count("empty_text") == 2


@pytest.mark.parametrize(
    ("params", "body", "status", "error_type", "complaint"),
    [
        ({}, DUMP, 422, "invalid_request", "field `name`"),
        ({"name": SECRET}, DUMP, 422, "bad_table", "field `name`: end it in what the file is"),
        ({"name": "a.pdf"}, DUMP, 422, "bad_table", ".csv .tsv"),
        ({"name": "a.csv"}, "", 422, "bad_table", "the file is empty"),
        ({"name": "a.xlsx"}, SECRET, 422, "bad_table", "not a good .xlsx file"),
        ({"name": "a.csv.gz"}, SECRET, 422, "bad_table", "cannot be unpacked"),
        ({"name": "a.parquet"}, SECRET, 422, "bad_table", "not a good .parquet file"),
        ({"name": "a.csv"}, f"{SECRET}\n1\n2\n", 422, "bad_column", "no column looks like review text"),
        ({"name": "a.csv", "text_column": SECRET}, DUMP, 422, "bad_column", "field `text_column`: the file has no such column"),
        ({"name": "a.csv", "by": SECRET}, DUMP, 422, "bad_column", "field `by`"),
        ({"name": "a.csv", SECRET: "1"}, DUMP, 422, "invalid_request", "unknown field"),
        ({"name": "a.csv", "format": SECRET}, DUMP, 422, "invalid_request", "field `format`"),
    ],
)
def test_a_bad_upload_says_what_to_do_and_leaves_nothing(
    client: TestClient, params: dict[str, str], body: str, status: int, error_type: str, complaint: str
) -> None:
    root = client.app.state.jobs().files.root  # type: ignore[attr-defined]
    before = set(root.iterdir())
    answer = client.post("/v1/jobs", params=params, content=body)
    assert (answer.status_code, answer.json()["error_type"]) == (status, error_type)
    assert complaint in answer.json()["error"]
    assert SECRET not in answer.text
    assert set(root.iterdir()) == before


def test_an_unknown_job_and_a_job_that_is_done_are_told_apart(client: TestClient, done: dict[str, Any]) -> None:
    for method, path in (("GET", ""), ("GET", "/result"), ("GET", "/report"), ("POST", "/cancel"), ("DELETE", "")):
        answer = client.request(method, f"/v1/jobs/{'0' * 32}{path}")
        assert (answer.status_code, answer.json()["error_type"]) == (404, "no_such_job"), path
    assert client.post(f"/v1/jobs/{done['id']}/cancel").json()["error_type"] == "job_finished"


def test_limits_of_bytes_rows_and_waiting_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data=tmp_path, max_job_bytes=10_000, max_job_rows=2, max_jobs_waiting=2)
    with TestClient(create_app(settings)) as client:
        params = {"name": "dump.csv"}
        for body in (b"x" * 10_001, (b"x" * 100 for _ in range(101))):
            answer = client.post("/v1/jobs", params=params, content=body)
            assert (answer.status_code, answer.json()["error_type"]) == (413, "too_large")
        bomb = gzip.compress(b"text\n" + b"x" * 1_000_000)
        assert client.post("/v1/jobs", params={"name": "a.csv.gz"}, content=bomb).status_code == 413
        failed = wait(client, send(client, DUMP)["id"], state="failed")
        assert (failed["error_type"], failed["error"].split(";")[0]) == (
            "too_many_rows",
            "the file has 3 rows, over the limit of 2",
        )
        assert client.get(f"/v1/jobs/{failed['id']}/result").json()["error_type"] == "job_failed"
        client.app.state.jobs().worker.stop()  # type: ignore[attr-defined]
        first, _ = send(client, DUMP), send(client, DUMP)
        assert client.post("/v1/jobs", params=params, content=DUMP).json()["error_type"] == "too_many_jobs"
        assert client.get(f"/v1/jobs/{first['id']}/result").json()["error_type"] == "job_unfinished"
        assert client.delete(f"/v1/jobs/{first['id']}").json()["error_type"] == "job_unfinished"
        assert client.post(f"/v1/jobs/{first['id']}/cancel").json()["state"] == "cancelled"
        assert client.delete(f"/v1/jobs/{first['id']}").status_code == 204
        assert client.get(f"/v1/jobs/{first['id']}").status_code == 404
        assert len(list((tmp_path / "jobs").iterdir())) == 1


def test_a_service_without_jobs_says_so() -> None:
    with TestClient(create_app(Settings(jobs=False))) as client:
        answer = client.post("/v1/jobs?name=a.csv", content=DUMP)
        assert (answer.status_code, answer.json()["error_type"]) == (503, "jobs_off")


def dump_of(rows: int) -> str:
    return "nr,text\n" + "".join(
        f"{n},Bestelling {n} kwam na {n % 30} dagen en niemand die iets zei. Dat is jammer.\n" for n in range(rows)
    )


def test_a_running_job_is_cancelled(client: TestClient) -> None:
    job_id = send(client, dump_of(20_000))["id"]
    wait(client, job_id, state="running")
    assert client.post(f"/v1/jobs/{job_id}/cancel").json()["state"] == "cancelled"
    folder = client.app.state.jobs().files.folder(job_id)  # type: ignore[attr-defined]
    until = time.monotonic() + 30
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not folder.exists()
    assert client.get(f"/v1/jobs/{job_id}/result").json()["error_type"] == "job_cancelled"


def serve(data: Path) -> tuple[subprocess.Popen[bytes], httpx.Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "from service.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--port", str(port)], cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        env={**os.environ, "SNAAR_DATA": str(data), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
    for _ in range(300):
        time.sleep(0.1)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
    return process, client


def scored_now(data: Path, job_id: str) -> int:
    found: int = json.loads((data / "jobs" / job_id / "result.csv.manifest.json").read_text())["scored_now"]
    return found


def test_a_job_goes_on_after_a_stop_and_scores_nothing_twice(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(data=tmp_path))) as client:
        job_id = send(client, dump_of(2100))["id"]
        while client.get(f"/v1/jobs/{job_id}").json()["rows_done"] == 0:
            time.sleep(0.02)
    with TestClient(create_app(Settings(data=tmp_path))) as client:
        told = wait(client, job_id)
    assert (told["rows"], told["row_errors"]) == (2100, {})
    assert scored_now(tmp_path, job_id) <= 2100 - 1024


@pytest.mark.long
def test_a_job_goes_on_after_a_kill_and_scores_nothing_twice(tmp_path: Path) -> None:
    process, client = serve(tmp_path)
    with client:
        job_id = send(client, dump_of(2100))["id"]
        while client.get(f"/v1/jobs/{job_id}").json()["rows_done"] == 0:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    journal = tmp_path / "jobs" / job_id / "result.csv.journal"
    assert journal.exists()
    process, client = serve(tmp_path)
    with client:
        told = wait(client, job_id)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)
    assert told["rows"] == 2100
    assert scored_now(tmp_path, job_id) <= 2100 - 1024


def test_what_is_past_its_age_is_removed(tmp_path: Path, predictor: Predictor) -> None:
    store, files = JobStore(connect(f"sqlite:///{tmp_path / 'jobs.sqlite'}")), JobFiles(tmp_path / "jobs")
    old, fresh = (
        Job(id=name, state="done", name="a.csv", kind=".csv", format="csv", text_columns=[], scores=False, redact=False, excel_nl=False,
            finished=now() - timedelta(days=days))
        for name, days in (("old", 8), ("fresh", 6))
    )  # fmt: skip
    for job in (old, fresh):
        store.add(job)
    for name in ("old", "fresh", "stray"):
        files.folder(name).mkdir(parents=True)
        os.utime(files.folder(name), (0, 0))
    batcher = Batcher(max_tokens=100, threads=1)
    worker = JobWorker(
        store, files, tmp_path / "lock", lambda: predictor, batcher.read_bulk, lambda results: None, keep=timedelta(days=7), max_rows=9, max_characters=9
    )  # fmt: skip
    worker.start()
    until = time.monotonic() + 20
    while (files.folder("old").exists() or files.folder("stray").exists()) and time.monotonic() < until:
        time.sleep(0.05)
    worker.stop()
    batcher.close()
    assert [path.name for path in files.root.iterdir()] == ["fresh"]
    assert (store.get("old"), store.get("fresh") is not None) == (None, True)
    store.close()
