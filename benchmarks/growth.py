"""Time and memory of `snaar score` and of the report against the number of rows: the time is a straight line, the memory flat.

python benchmarks/growth.py [--rows 1000 10000 100000]
"""

import argparse
import csv
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.setting import describe, reviews
from model.predictor import Predictor


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000])
    options = parser.parse_args()
    texts = reviews(max(options.rows))
    describe(Predictor.load(), texts)
    print("| rows, all different | seconds | rows/s | peak memory, MB | of its report, MB |\n|---|---|---|---|---|")
    with TemporaryDirectory() as made:
        for rows in options.rows:
            source = Path(made) / f"{rows}.csv"
            with source.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([["id", "review"], *([n, texts[n]] for n in range(rows))])
            started = time.perf_counter()
            peak = _peak_memory("score", str(source), "-o", f"{source}.out.csv")
            seconds = time.perf_counter() - started
            report = _peak_memory("report", f"{source}.out.csv", "-o", f"{source}.html")
            print(f"| {rows} | {seconds:.1f} | {rows / seconds:.0f} | {peak:.0f} | {report:.0f} |", flush=True)


def _peak_memory(*arguments: str) -> float:
    """Run `snaar`; its highest resident memory in MB."""
    command = [str(Path(sys.executable).with_name("snaar")), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                peak = max(peak, int(line.split()[1]))
        time.sleep(0.05)
    if process.returncode:
        sys.exit(f"{command[0]} failed")
    return peak / 1024


if __name__ == "__main__":
    main()
