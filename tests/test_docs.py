"""The docs cannot lag behind: every command in them is run, or held against what it names."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.__main__ import main as training

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "training" / "README.md"]
BLOCKS = [
    (page.relative_to(ROOT).as_posix(), language, text)
    for page in PAGES
    for language, text in re.findall(r"```(sh|python)\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
]
COMMANDS = [
    (page, command)
    for page, language, text in BLOCKS
    if language == "sh"
    for command in re.sub(r"#.*", "", text).replace("\\\n", " ").strip().split("\n\n")
    for command in ([command] if "'{" in command else command.splitlines())
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "SNAAR_DATA": str(tmp_path_factory.mktemp("data"))}
    process = subprocess.Popen([str(BIN / "snaar"), "serve", "--port", str(port)], stderr=subprocess.DEVNULL, env=environment)
    for _ in range(300):
        time.sleep(0.1)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
    yield port
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def job(served: int) -> str:
    """The id of the job that the docs send, finished."""
    [command] = [command for _, command in COMMANDS if command.startswith("JOB=")]
    job_id = run(f"{command}; echo $JOB", served).strip()
    for _ in range(600):
        time.sleep(0.1)
        told = json.loads(run(f"curl -s http://127.0.0.1:8080/v1/jobs/{job_id}", served))
        if told["state"] not in ("queued", "running"):
            break
    assert told["state"] == "done", told
    return job_id


def run(command: str, port: int) -> str:
    command = command.replace(".venv/bin/", f"{BIN}/").replace(":8080", f":{port}")
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ, "COLUMNS": "120"}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


DIFFERENT = list(dict.fromkeys(command for _, command in COMMANDS))


@pytest.mark.parametrize("command", DIFFERENT, ids=[command[:60] for command in DIFFERENT])
def test_a_command_in_the_docs_works(
    served: int,
    command: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if "JOB" in command:
        command = command.replace("$JOB", request.getfixturevalue("job"))
    if command.startswith("JOB="):
        return  # the fixture ran it
    words = shlex.split(command)
    if words[0] == "make":
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text()
    elif words[1:3] == ["-m", "training"] and words[3] in ("check", "stats"):
        assert "reviews" in run(command, served)
    elif words[1:3] == ["-m", "training"]:
        stage = words[3:5] if words[3] == "label" else words[3:4]
        monkeypatch.setattr(
            sys, "argv", ["training", *stage, "--help"]
        )  # in this process: elsewhere torch takes ten seconds to load
        with pytest.raises(SystemExit, match=r"^0$"):
            training()
        shown = capsys.readouterr().out
        assert [word for word in words[4:] if word.startswith("-") and word not in shown] == []
    elif words[1] == "install":
        [extra] = re.findall(r"\[(.*)\]", words[-1])
        assert f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text()
    elif words[0] == "curl" and "-o" in words:
        run(command, served)
        assert "error_type" not in Path(words[-1]).read_text(encoding="utf-8", errors="replace")[:200]
    elif "/v1/jobs" in words[-1] or "/stream" in words[-1]:
        told = [json.loads(line) for line in run(command, served).splitlines()]
        assert told
        assert [line for line in told if line.get("error_type")] == []
    elif words[0] == "curl":
        assert "results" in json.loads(run(command, served))
    elif {"--bundle", "--ray"} & set(words) or words[1] == "serve":
        shown = run(f"{words[0]} {words[1]} --help", served)
        assert [word for word in words if word.startswith("--") and word not in shown] == []
    elif words[1] == "feedback":
        assert "messages" in run(f"SNAAR_DATA=$(mktemp -d) {command}", served)
    elif words[1] == "score":
        run(command, served)
        assert Path(words[words.index("-o") + 1]).stat().st_size
    else:
        assert run(command, served)


@pytest.mark.parametrize("code", [text for _, language, text in BLOCKS if language == "python"])
def test_python_in_the_docs_works(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, timeout=120)


def test_the_answer_in_the_readme_is_the_answer(served: int) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [command] = [command for page, command in COMMANDS if page == "README.md" and command.startswith("curl")]
    [shown] = re.findall(r"```json\n(.*?)```", text, re.S)
    answered, wanted = json.loads(run(command, served)), json.loads(shown)
    assert answered["model"]["version"] == wanted["model"]["version"]
    assert answered["results"] == wanted["results"]
