"""The worked example of the docs, small: every command of the loop, with a simulated annotator and real training."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.long
def test_three_rounds_end_in_a_service_that_reads_with_the_last_bundle(tmp_path: Path) -> None:
    small = ["--ways", "mix", "--n", "20", "--pool", "100", "--test", "30", "--epochs", "1", "-o", str(tmp_path / "plot.svg")]
    done = subprocess.run(
        [sys.executable, "benchmarks/labelling_loop.py", "--work", str(tmp_path / "loop"), *small],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.findall(r"of (\d+) reviews: 18 telling, 2 random", done.stdout)[0] == "100"
    assert [line.split(" |")[0] for line in done.stdout.splitlines() if re.match(r"\| \d", line)] == [
        "| 0",
        "| 20",
        "| 40",
        "| 60",
    ]
    assert len(re.findall(r"mix, round \d: (accepted|.*refused)", done.stdout)) == 3
    assert "reload: 0.0.0 → 0.0.3" in done.stdout
    assert "<svg" in (tmp_path / "plot.svg").read_text()
