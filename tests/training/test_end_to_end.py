"""The whole way, as the tutorial goes it: sixty labelled reviews in a table → `retrain` → a bundle that answers over HTTP."""

import csv
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.bundle import Bundle
from model.predictor import Predictor
from model.reference import Reference
from model.taxonomy import Taxonomy
from training.dataset import read

ROOT = Path(__file__).parents[2]
TAXONOMY = Taxonomy.load()
SNAAR = [sys.executable, "-c", "from service.cli import main; main()"]
ASKED = {"reviews": [{"id": "a1", "text": "Weer een uur in de wacht. Wel vriendelijk geholpen."}], "options": {"scores": True}}


@pytest.fixture(scope="module")
def bundle(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by the command line from a CSV with two columns and an encoder of two layers."""
    folder = tmp_path_factory.mktemp("retrain")
    reviews = read([ROOT / "training" / "data" / "g1-01.rev"], TAXONOMY)[:60]
    assert len(reviews) == 60
    name_of = {output.code: output.name for output in TAXONOMY.outputs}
    with (folder / "mine.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "labels"])
        writer.writerows([r.text, " ".join(sorted({name_of[code] for codes in r.codes for code in codes}))] for r in reviews)
    default = (ROOT / "training" / "configs" / "train.toml").read_text()
    (folder / "tiny.toml").write_text(
        default[: default.index("[[rounds]]", default.index("[[rounds]]") + 1)]
        .replace("window = 256", "window = 120").replace("hold_out = 0.1", "hold_out = 0.3").replace("epochs = 8", "epochs = 2")
    )  # fmt: skip
    (folder / "canaries.jsonl").write_text("")
    words = ["--data", "mine.csv", "--base", str(bert), "--config", "tiny.toml", "--canaries", "canaries.jsonl", "-o", "mybundle"]
    done = subprocess.run(
        [sys.executable, "-m", "training", "retrain", *words], cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "warning: no positive example of " in done.stderr
    assert sorted(path.name for path in (folder / "runs" / "retrain").glob("figures.*")) == [
        "figures.html", "figures.json", "figures.md"
    ]  # fmt: skip
    made = Bundle.open(folder / "mybundle")
    made.verify()
    reference = Reference.load(made)
    assert reference is not None
    assert reference.reviews == 18  # the held-out ones
    return made.folder


@pytest.fixture(scope="module")
def address(bundle: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [*SNAAR, "serve", "--bundle", str(bundle), "--port", str(port)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    for _ in range(300):
        time.sleep(0.1)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(20)


@pytest.mark.long
def test_a_bundle_of_sixty_reviews_answers_over_http(bundle: Path, address: str) -> None:
    request = urllib.request.Request(
        f"{address}/v1/classify", json.dumps(ASKED).encode(), {"Content-Type": "application/json"}
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = json.load(response)
    [result] = answer["results"]
    [expected] = Predictor.load(bundle).predict([ASKED["reviews"][0]["text"]])
    assert (result["id"], result["status"], len(result["sentences"])) == ("a1", "ok", 2)
    assert set(result["scores"]) == set(TAXONOMY.output_names)
    assert result["scores"] == expected.scores
    with urllib.request.urlopen(f"{address}/v1/info", timeout=30) as response:
        assert json.load(response)["model"]["sha256"] == answer["model"]["sha256"]
