"""The whole loop against a real Label Studio. By hand: it needs one installed in an environment of its own, for instance

python -m venv /tmp/ls && /tmp/ls/bin/pip install label-studio
LABEL_STUDIO=/tmp/ls/bin/label-studio pytest -m long tests/training/labelling
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from model.predictor import Predictor
from training.dataset import read
from training.labelling import convert, tasks
from training.labelling.label_studio import config
from training.labelling.project import create

PROGRAM = os.environ.get("LABEL_STUDIO", "")
LEGACY = "0123456789abcdef0123456789abcdef01234567"
pytestmark = [pytest.mark.long, pytest.mark.skipif(not PROGRAM, reason="LABEL_STUDIO names no label-studio program")]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(command: list[str], health: str, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(120):
            time.sleep(1)
            try:
                urlopen(health, timeout=2)
                break
            except URLError:
                assert process.poll() is None
        yield
    finally:
        process.terminate()
        process.wait(20)


def call(address: str, body: object = None) -> Any:
    headers = {"Authorization": f"Token {LEGACY}", "Content-Type": "application/json"}
    with urlopen(Request(address, None if body is None else json.dumps(body).encode(), headers), timeout=120) as answer:
        return json.load(answer)


def test_from_raw_reviews_to_training_data_through_label_studio(tmp_path: Path, predictor: Predictor) -> None:
    studio_port, service_port = free_port(), free_port()
    studio, service = f"http://127.0.0.1:{studio_port}", f"http://127.0.0.1:{service_port}"
    start = [PROGRAM, "start", "--no-browser", "--port", str(studio_port), "--internal-host", "127.0.0.1"]
    start += ["--username", "a@example.nl", "--password", "geheim123", "--user-token", LEGACY]
    settings = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path / "studio"), "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true", "COLLECT_ANALYTICS": "false",
        "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "", "LATEST_VERSION_CHECK": "false", "USE_DEFAULT_BANNED_SUBNETS": "false",
    }  # fmt: skip
    serve = [sys.executable, "-c", "from service.cli import main; main()", "serve", "--port", str(service_port)]
    (tmp_path / "studio").mkdir()
    with running(serve, f"{service}/labelstudio/health", {}), running(start, f"{studio}/health", settings):
        reviews = [
            {"id": "r1", "text": "Al drie weken wacht ik. De klantenservice neemt niet op, bel 06-12345678."},
            {"id": "r2", "text": "Top!"},
        ]
        (tmp_path / "raw.jsonl").write_text("".join(json.dumps(review) + "\n" for review in reviews))
        tasks.main([str(tmp_path / "raw.jsonl"), "-o", str(tmp_path / "tasks.json"), "--blind", "0"])
        personal = call(f"{studio}/api/token/", {})["token"]
        made = json.loads((tmp_path / "tasks.json").read_text())
        number = create(studio, personal, "Snaar", config(predictor.taxonomy), made)

        backend = call(f"{studio}/api/ml/", {"project": number, "url": f"{service}/labelstudio", "title": "Snaar"})
        assert backend["state"] == "CO"
        call(
            f"{studio}/api/dm/actions?id=retrieve_tasks_predictions&project={number}",
            {"selectedItems": {"all": True, "excluded": []}},
        )
        listed = call(f"{studio}/api/tasks?project={number}&fields=all")["tasks"]
        assert len(listed) == 3
        for task in listed:
            [shown] = call(f"{studio}/api/tasks/{task['id']}?project={number}")["predictions"]
            [result] = predictor.predict([task["data"]["text"]])
            chosen = {name for region in shown["result"] for name in region["value"]["choices"]}
            assert chosen == {label.id + label.sign for label in result.labels}
            call(f"{studio}/api/tasks/{task['id']}/annotations/?project={number}", {"result": shown["result"]})

        (tmp_path / "export.json").write_text(json.dumps(call(f"{studio}/api/projects/{number}/export?exportType=JSON")))
    convert.main([str(tmp_path / "export.json"), "-o", str(tmp_path / "labelled.jsonl")])
    first, second = sorted(read([tmp_path / "labelled.jsonl"], predictor.taxonomy), key=lambda review: -len(review.sentences))
    assert first.sentences == ("Al drie weken wacht ik.", "De klantenservice neemt niet op, bel [TELEFOON].")
    assert all(first.codes) and second.sentences == ("Top!",)
