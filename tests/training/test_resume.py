"""A training that is killed goes on where it was and ends as if nothing had happened; what fails leaves nothing half-written."""

import json
import resource
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from model.taxonomy import Taxonomy
from training.dataset import read
from training.errors import BaseError
from training.train import train

ROOT = Path(__file__).parents[2]
DEFAULT: dict[str, Any] = tomllib.loads((ROOT / "training" / "configs" / "train.toml").read_text())
CONFIG = {
    **DEFAULT, **DEFAULT["rounds"][1],
    "epochs": 4, "window": 40, "batch_tokens": 10, "dropout": 0.2, "augment": 0.5, "mask": 0.3, "join": 0.5, "average_from": 0.2, "learning_rate": 1e-3,
}  # fmt: skip
CHILD = """
import json, os, signal, sys
from pathlib import Path
from model.taxonomy import Taxonomy
from training import checkpoint
from training.dataset import read
from training.errors import BaseError
from training.train import train

base, data, config, output = sys.argv[1:]
save = checkpoint.save
def save_and_die(*arguments):
    save(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
checkpoint.save = save_and_die
train(read([Path(data)], Taxonomy.load()), base, json.loads(config), Path(output))
"""


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """Let the system refuse to write on, as it does when a disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def checkpoint(bert: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that a training leaves that was killed after its first epoch."""
    folder = tmp_path_factory.mktemp("killed")
    words = [sys.executable, "-c", CHILD, str(bert), str(data), json.dumps(CONFIG), str(folder / "broken")]
    assert subprocess.run(words, cwd=ROOT, capture_output=True, timeout=120).returncode == -9
    [left] = folder.iterdir()
    assert left.name == "broken.checkpoint.safetensors"
    return left


def test_a_killed_training_goes_on_and_ends_with_the_same_weights(
    bert: Path, data: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reviews = read([data], Taxonomy.load())
    train(reviews, bert, CONFIG, tmp_path / "whole")
    shutil.copy(checkpoint, tmp_path)
    capsys.readouterr()
    train(reviews, bert, CONFIG, tmp_path / "broken")
    assert "going on after epoch 1" in capsys.readouterr().out
    whole, broken = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "broken"))
    assert whole.keys() == broken.keys()
    assert [name for name in whole if not torch.equal(whole[name], broken[name])] == []
    assert not list(tmp_path.glob("*.checkpoint*"))


def test_another_task_does_not_go_on_from_a_checkpoint(
    bert: Path, data: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(checkpoint, tmp_path)
    train(read([data], Taxonomy.load()), bert, {**CONFIG, "epochs": 1}, tmp_path / "broken")
    assert "going on" not in capsys.readouterr().out


def test_a_full_disk_leaves_nothing_half_written(bert: Path, data: Path, tmp_path: Path) -> None:
    reviews = read([data], Taxonomy.load())
    with no_file_over(20_000), pytest.raises(OSError, match="cannot be written"):
        train(reviews, bert, CONFIG, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_base_without_tokenizer_is_refused_in_words(bert: Path, data: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    for name in ("config.json", "model.safetensors"):
        (base / name).symlink_to(bert / name)
    with pytest.raises(BaseError, match="has no tokenizer"):
        train(read([data], Taxonomy.load()), base, CONFIG, tmp_path / "out")
    with pytest.raises(BaseError, match="nowhere: cannot be opened"):
        train(read([data], Taxonomy.load()), tmp_path / "nowhere", CONFIG, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_a_stage_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.rev").write_text("## web | 2 | x\nTe laat.\tn qq\n")
    words = [sys.executable, "-m", "training", "stats", str(tmp_path / "a.rev")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(f"stats: {tmp_path}/a.rev:2: unknown label code `qq`; known are ")
    assert done.stderr.count("\n") == 1
