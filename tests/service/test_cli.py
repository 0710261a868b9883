import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from model.bundle import DEFAULT_BUNDLE
from model.predictor import Predictor

SNAAR = str(Path(sys.executable).with_name("snaar"))


def snaar(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([SNAAR, *arguments], input=given, capture_output=True, timeout=120)


def test_classify_shows_a_table_with_dutch_names() -> None:
    done = snaar("classify", "Ik voel me hier gewoon een nummer.")
    assert done.returncode == 0
    assert "Opvallen" in done.stdout.decode()


def test_json_is_what_the_predictor_gives(predictor: Predictor) -> None:
    texts = ["Vriendelijk geholpen.", "Na een week kapot!"]
    done = snaar("classify", "--json", "--scores", *texts)
    ours = [{"id": str(n), **r.to_dict(scores=True)} for n, r in enumerate(predictor.predict(texts), 1)]
    assert [json.loads(line) for line in done.stdout.splitlines()] == json.loads(json.dumps(ours))


def test_standard_input_is_read_line_by_line_and_a_bad_line_fails_alone() -> None:
    done = snaar("classify", "--json", "-", given=b"Top service\n\n" + b"caf\xe9 was dicht\n" + b"Te laat")
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(r["status"], r.get("error_type")) for r in results] == [
        ("ok", None),
        ("error", "empty_text"),
        ("error", "not_text"),
        ("ok", None),
    ]
    assert done.returncode == 0


@pytest.mark.parametrize(("language", "word"), [("nl", "Vertrouwen in de toekomst"), ("en", "Have confidence in the future")])
def test_labels_shows_the_taxonomy(language: str, word: str) -> None:
    assert word in " ".join(snaar("labels", "--lang", language).stdout.decode().split())


def test_check_is_content_with_the_bundle_that_ships() -> None:
    done = snaar("check")
    assert (done.returncode, done.stdout.decode().split()[-1]) == (0, "ok")


def test_check_refuses_a_changed_bundle(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))
    (copy / "README.md").write_text("changed")
    done = snaar("check", "--bundle", str(copy))
    assert done.returncode == 2
    assert done.stderr.decode().startswith("snaar: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["classify"],
        ["classify", "x", "--bundle", "/nowhere"],
        ["onzin"],
        ["serve", "--port", "99999"],
        ["labels", "--lang", "fr"],
    ],
)
def test_bad_input_is_one_clear_message_and_exit_2(arguments: list[str]) -> None:
    done = snaar(*arguments)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert done.stderr.strip()
