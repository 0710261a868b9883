"""The whole loop against a real Label Studio. By hand: it needs one installed in an environment of its own, for instance

python -m venv /tmp/ls && /tmp/ls/bin/pip install label-studio
LABEL_STUDIO=/tmp/ls/bin/label-studio pytest -m long tests/training/labelling/test_real_label_studio.py

With LABEL_STUDIO_PICTURE the picture of the labelling page is kept there (docs/label_studio.png).
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from model.predictor import Predictor
from model.redact import Redactor
from model.taxonomy import Taxonomy
from service import keys
from training import retrain
from training.dataset import read
from training.labelling import convert, tasks
from training.labelling.annotated import Annotated, known_names, read_annotated
from training.labelling.label_studio import config, to_label_studio
from training.labelling.project import create

ROOT = Path(__file__).parents[3]
DATA = ROOT / "training" / "data" / "g1-01.rev"
PROGRAM = os.environ.get("LABEL_STUDIO", "")
LEGACY = "0123456789abcdef0123456789abcdef01234567"
pytestmark = [pytest.mark.long, pytest.mark.skipif(not PROGRAM, reason="LABEL_STUDIO names no label-studio program")]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(command: list[str], health: str, environment: dict[str, str], output: Path) -> Iterator[None]:
    with output.open("wb") as out:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=out, stderr=subprocess.STDOUT)
    try:
        for _ in range(300):
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
        return json.loads(answer.read() or "null")


def reviews(path: Path, taxonomy: Taxonomy) -> dict[str, Annotated]:
    """Thirty reviews with their labels, which our splitter cuts as they are cut; written to `path` as raw ones. The first holds a
    telephone number."""
    found = {f"r{number}": review for number, review in enumerate(read([DATA], taxonomy))}
    ready = {one.id: one for one in tasks.prepare((tasks.Raw(name, r.text) for name, r in found.items()), Redactor.load(), [])}
    alike = [name for name in found if ready[name].sentences == found[name].sentences][:30]
    raw = [{"id": "mine", "text": "Al drie weken wacht ik. De klantenservice neemt niet op, bel 06-12345678."}]
    raw += [{"id": name, "text": found[name].text} for name in alike]
    path.write_text("".join(json.dumps(review) + "\n" for review in raw))
    labels = {name: tuple(known_names(codes, taxonomy, name) for codes in found[name].codes) for name in alike}
    whole = {name: Annotated(name, "1", found[name].sentences, labels[name]) for name in alike}
    mine = ("Al drie weken wacht ik.", "De klantenservice neemt niet op, bel [TELEFOON].")
    return {"mine": Annotated("mine", "1", mine, (frozenset({"basics-"}), frozenset({"ease-"}))), **whole}


def results(review: Annotated, number: int, taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """What the labelling page would send for a sentence."""
    [task] = [task for task in json.loads(to_label_studio([review], taxonomy)) if task["data"]["number"] == number]
    found: list[dict[str, Any]] = task["annotations"][0]["result"]
    return found


def see_the_page(studio: str, project: int, task: int, picture: Path) -> str:
    """Log in as a person does, open a task, take its picture; the words on the page."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (
        "--headless=new",
        "--disable-gpu",
        "--no-sandbox",
        "--window-size=1500,1300",
        f"--user-data-dir={picture.parent / 'chromium'}",
    ):
        options.add_argument(argument)
    browser = Chrome(options, ChromeService(shutil.which("chromedriver")))
    try:
        browser.get(f"{studio}/user/login/")
        browser.find_element(By.NAME, "email").send_keys("a@example.nl")
        browser.find_element(By.NAME, "password").send_keys("geheim123", Keys.ENTER)
        WebDriverWait(browser, 60).until(lambda _: "/user/login" not in browser.current_url)
        browser.get(f"{studio}/projects/{project}/data?task={task}")
        WebDriverWait(browser, 90).until(lambda _: browser.find_elements(By.CSS_SELECTOR, ".lsf-choices, [class*=choices]"))
        time.sleep(3)
        browser.save_screenshot(str(picture))
        return browser.find_element(By.TAG_NAME, "body").text
    finally:
        browser.quit()


def test_from_raw_reviews_to_a_trained_bundle_through_label_studio(tmp_path: Path, predictor: Predictor, bert: Path) -> None:
    taxonomy = predictor.taxonomy
    labelled = reviews(tmp_path / "raw.jsonl", taxonomy)
    studio_port, service_port = free_port(), free_port()
    studio, service = f"http://127.0.0.1:{studio_port}", f"http://127.0.0.1:{service_port}"
    secret, key = keys.make("label-studio", keys.Role.use, None)
    start = [PROGRAM, "start", "--no-browser", "--port", str(studio_port), "--internal-host", "127.0.0.1"]
    start += ["--username", "a@example.nl", "--password", "geheim123", "--user-token", LEGACY]
    settings = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path / "studio"), "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true", "COLLECT_ANALYTICS": "false",
        "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "", "LATEST_VERSION_CHECK": "false", "USE_DEFAULT_BANNED_SUBNETS": "false",
    }  # fmt: skip
    serve = [sys.executable, "-c", "from service.cli import main; main()", "serve", "--port", str(service_port)]
    (tmp_path / "studio").mkdir()
    log = tmp_path / "service.txt"
    guarded = {"SNAAR_KEYS": key.line, "SNAAR_JOBS": "false"}
    with (
        running(serve, f"{service}/health/live", guarded, log),
        running(start, f"{studio}/health", settings, tmp_path / "studio.txt"),
    ):
        tasks.main([str(tmp_path / "raw.jsonl"), "-o", str(tmp_path / "tasks.json"), "--blind", "0"])
        personal = call(f"{studio}/api/token/", {})["token"]
        number = create(studio, personal, "Snaar", config(taxonomy), json.loads((tmp_path / "tasks.json").read_text()))

        about = {"project": number, "url": f"{service}/labelstudio", "title": "Snaar", "auth_method": "BASIC_AUTH"}
        with pytest.raises(HTTPError):
            call(f"{studio}/api/ml/", {**about, "basic_auth_user": "anna", "basic_auth_pass": "snaar_wrong"})
        backend = call(f"{studio}/api/ml/", {**about, "basic_auth_user": "anna", "basic_auth_pass": secret})
        assert backend["state"] == "CO"
        everything = {"selectedItems": {"all": True, "excluded": []}}
        call(f"{studio}/api/dm/actions?id=retrieve_tasks_predictions&project={number}", everything)

        listed = call(f"{studio}/api/tasks?project={number}&fields=all&page_size=500")["tasks"]
        assert len(listed) == sum(len(review.sentences) for review in labelled.values())
        for task in listed:
            data = task["data"]
            [shown] = call(f"{studio}/api/tasks/{task['id']}?project={number}")["predictions"]
            chosen = {name for region in shown["result"] for name in region["value"]["choices"]}
            review = labelled[data["review_id"]]
            above = predictor.sentence_scores(list(review.sentences))[data["number"]] >= predictor.scorer.thresholds
            assert chosen == {name for name, found in zip(taxonomy.output_names, above, strict=True) if found}
        with_some = next(task for task in listed if task["data"]["review_id"] == "mine" and task["data"]["number"] == 1)
        words = see_the_page(studio, number, with_some["id"], tmp_path / "page.png")
        assert "Deze zin" in words or "Label deze zin" in words
        assert "[TELEFOON]" in words and "12345678" not in words
        assert all(lens.name_nl in words for lens in taxonomy.lenses)

        for task in listed:
            said = results(labelled[task["data"]["review_id"]], task["data"]["number"], taxonomy)
            call(f"{studio}/api/tasks/{task['id']}/annotations/?project={number}", {"result": said})
        call(f"{studio}/api/ml/{backend['id']}/train", {})
        assert "trains_elsewhere" in log.read_text()
        assert call(f"{studio}/api/ml/{backend['id']}")["state"] == "CO"
        (tmp_path / "export.json").write_text(json.dumps(call(f"{studio}/api/projects/{number}/export?exportType=JSON")))

    convert.main([str(tmp_path / "export.json"), "-o", str(tmp_path / "labelled.jsonl")])
    back = {review.id: review for review in read_annotated([tmp_path / "labelled.jsonl"], taxonomy)}
    assert {name: (r.sentences, r.names) for name, r in back.items()} == {n: (r.sentences, r.names) for n, r in labelled.items()}
    default = (ROOT / "training" / "configs" / "train.toml").read_text()
    small = default[: default.index("[[rounds]]", default.index("[[rounds]]") + 1)].replace("window = 256", "window = 120")
    (tmp_path / "small.toml").write_text(small.replace("hold_out = 0.1", "hold_out = 0.3").replace("epochs = 8", "epochs = 1"))
    (tmp_path / "canaries.jsonl").write_text("")
    retrain.main(
        [
            "--data", str(tmp_path / "labelled.jsonl"), "--base", str(bert), "--config", str(tmp_path / "small.toml"),
            "--canaries", str(tmp_path / "canaries.jsonl"), "--work", str(tmp_path / "work"), "-o", str(tmp_path / "bundle"),
        ]
    )  # fmt: skip
    assert Predictor.load(tmp_path / "bundle").predict(["Top!"])[0].status == "ok"
    if kept := os.environ.get("LABEL_STUDIO_PICTURE"):
        shutil.copy(tmp_path / "page.png", kept)
