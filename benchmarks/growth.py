"""Time and memory of `snaar score`, and memory of the report, against the number of rows and against their length: the time is a straight
line, the memory flat.

python benchmarks/growth.py [--rows 1000 10000 100000] [--joined 1 4 16]
"""

import argparse
import csv
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.setting import describe, reviews  # noqa: E402
from model.predictor import Predictor  # noqa: E402

JOINED = 4000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument(
        "--joined", type=int, nargs="+", default=[1, 4, 16], help="reviews in a row, all rows together 4,000 of them"
    )
    options = parser.parse_args()
    texts = reviews(max([*options.rows, JOINED]))
    describe(Predictor.load(), texts)
    print("| rows, all different | seconds | rows/s | peak memory, MB | of its report, MB |\n|---|---|---|---|---|")
    for rows in options.rows:
        seconds, peak, report = _score(texts[:rows])
        print(f"| {rows} | {seconds:.1f} | {rows / seconds:.0f} | {peak:.0f} | {report:.0f} |", flush=True)
    print(f"\n| {JOINED} reviews, so many a row | characters a row | seconds | peak memory, MB |\n|---|---|---|---|")
    for size in options.joined:
        joined = [" ".join(texts[first : first + size]) for first in range(0, JOINED, size)]
        seconds, peak, _ = _score(joined)
        print(f"| {size} | {sum(map(len, joined)) / len(joined):.0f} | {seconds:.1f} | {peak:.0f} |", flush=True)


def _score(texts: list[str]) -> tuple[float, float, float]:
    """Seconds and highest memory in MB of scoring a CSV file of these texts, and the highest memory of its report."""
    with TemporaryDirectory() as made:
        source = Path(made) / "reviews.csv"
        with source.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["id", "review"], *enumerate(texts)])
        started = time.perf_counter()
        peak = _peak_memory("score", str(source), "-o", f"{source}.out.csv")
        seconds = time.perf_counter() - started
        return seconds, peak, _peak_memory("report", f"{source}.out.csv", "-o", f"{source}.html")


def _peak_memory(*arguments: str) -> float:
    """Run `snaar` of this checkout; its highest resident memory in MB."""
    command = [sys.executable, "-c", "from service.cli import main; main()", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    peak = 0
    while process.poll() is None:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                peak = max(peak, int(line.split()[1]))
        time.sleep(0.05)
    if process.returncode:
        sys.exit(f"snaar {arguments[0]} failed")
    return peak / 1024


if __name__ == "__main__":
    main()
