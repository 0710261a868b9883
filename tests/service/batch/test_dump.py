"""A dump of 100,000 rows as they come: duplicates, empties, broken bytes, emoji, huge cells. Long: some minutes."""

import csv
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from model.taxonomy import Taxonomy
from service.batch.table import Table
from training.dataset import read

SNAAR = Path(sys.executable).with_name("snaar")
DATA = Path(__file__).parents[3] / "training" / "data"
ROWS = 100_000
MOST_MEMORY = 500  # MB


def peak_memory(command: list[str | Path]) -> float:
    """Run a command; the most memory it held, in MB."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = max([peak, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
        time.sleep(0.05)
    assert process.returncode == 0
    return peak / 1024


@pytest.mark.long
def test_a_hundred_thousand_rows_come_out_alike_in_every_format(tmp_path: Path) -> None:
    dice = random.Random(0)
    texts = [review.text for review in read([DATA], Taxonomy.load())][:3000]
    odd = [
        "",
        " ",
        "👍🏽👍🏽",
        'Hij zei: "nooit; meer"\nen hing op',
        "x" * 30_000,
        "=1+1",
        "\x00",
        "@jan",
        "Ça va, één",
        "-5",
        "y " * 9000,
    ]
    with (tmp_path / "dump.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["nr", "toelichting", "cijfer", "datum"])
        for number in range(ROWS - 1):
            text = dice.choice(odd) if dice.random() < 0.05 else dice.choice(texts)
            writer.writerow([number, text, dice.randint(1, 10), f"{dice.randint(1, 28):02}-0{dice.randint(1, 9)}-2026"])
    with (tmp_path / "dump.csv").open("ab") as raw:
        raw.write(f"{ROWS - 1};kapot \udceb;3;01-01-2026\r\n".encode("utf-8", "surrogateescape"))
    counts = {}
    for suffix in ("csv", "xlsx", "jsonl", "parquet"):
        output = tmp_path / f"out.{suffix}"
        assert peak_memory([SNAAR, "score", tmp_path / "dump.csv", "-o", output]) <= MOST_MEMORY
        table = Table.open(output)
        column = {name: n for n, name in enumerate(table.columns)}
        found: Counter[str] = Counter()
        numbers = []
        for row in table.rows():
            numbers.append(int(row[column["nr"]]))
            for name in ("snaar_tier", "snaar_motivator", "snaar_sentiment", "snaar_error", "snaar_warnings"):
                found.update(f"{name} {value}" for value in str(row[column[name]] or "").split())
        assert numbers == list(range(ROWS)), suffix
        counts[suffix] = found
    assert counts["csv"] == counts["xlsx"] == counts["jsonl"] == counts["parquet"]
    assert counts["csv"]["snaar_error bad_encoding"] == 1
    assert counts["csv"]["snaar_error too_long"] > 100
    subprocess.run([SNAAR, "report", tmp_path / "out.parquet", "-o", tmp_path / "rapport.html"], check=True, timeout=300)
    assert "100.000" in (tmp_path / "rapport.html").read_text(encoding="utf-8")
