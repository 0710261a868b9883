"""The report: its numbers are counts anyone can redo, and its page needs nothing but itself."""

import csv
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from service.report import statistics

SNAAR = Path(sys.executable).with_name("snaar")
DEMO = Path(__file__).parents[3] / "docs" / "demo" / "reviews.csv"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    for command in (
        ["score", DEMO, "-o", "scored.csv", "--excel-nl"],
        ["report", "scored.csv", "-o", "rapport.html", "--by", "vestiging", "--xlsx", "r.xlsx", "--json", "r.json"],
    ):
        subprocess.run([SNAAR, *command], check=True, cwd=folder, capture_output=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def figures(made: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made / "r.json").read_text())
    return found


def test_the_numbers_are_those_of_the_scored_file(made: Path, figures: dict[str, Any]) -> None:
    with (made / "scored.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert figures["overview"]["rows"] == len(rows) == 500
    failed = sum("basics-" in row["snaar_tier"].split() for row in rows)
    assert next(t for t in figures["tiers"] if t["id"] == "basics")["failed"]["count"] == failed
    security = sum("security-" in row["snaar_motivator"].split() for row in rows)
    assert next(m for m in figures["motivators"] if m["id"] == "security")["frustrated"]["count"] == security
    assert figures["ratings"]["mean"] == pytest.approx(np.mean([float(row["cijfer"]) for row in rows]))
    assert sum(figures["periods"]["lines"][0]["shares"][n]["of"] for n in range(len(figures["periods"]["names"]))) == 500


def test_the_workbook_holds_the_same_numbers(made: Path, figures: dict[str, Any]) -> None:
    sheet = openpyxl.load_workbook(made / "r.xlsx")["Drijfveren"]
    rows = {(row[0], row[1]): row[2] for row in sheet.iter_rows(min_row=2, values_only=True)}
    assert rows == {
        (m["name"], sign): m[key]["count"] for m in figures["motivators"] for sign, key in (("+", "fulfilled"), ("-", "frustrated"))
    }  # fmt: skip


def test_the_page_needs_nothing_from_elsewhere(made: Path) -> None:
    text = (made / "rapport.html").read_text(encoding="utf-8")
    assert re.findall(r"""(?:src|href)=["'](?!#)[^"']*""", text) == []
    assert "<script" not in text
    assert "url(http" not in text


def test_the_page_is_readable_by_a_screen_reader(made: Path) -> None:
    class Outline(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.headings: list[int] = []
            self.pictures: list[dict[str, str | None]] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if re.fullmatch(r"h[1-6]", tag):
                self.headings.append(int(tag[1]))
            if tag == "svg":
                self.pictures.append(dict(attrs))

    outline = Outline()
    outline.feed((made / "rapport.html").read_text(encoding="utf-8"))
    assert outline.headings[0] == 1
    assert outline.headings.count(2) == 9
    assert all(later - earlier <= 1 for earlier, later in zip(outline.headings, outline.headings[1:], strict=False))
    assert len(outline.pictures) >= 6
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in outline.pictures)


def test_every_quote_is_in_a_review(made: Path, figures: dict[str, Any]) -> None:
    with DEMO.open(encoding="utf-8-sig", newline="") as file:
        texts = [" ".join(row["toelichting"].split()) for row in csv.DictReader(file, delimiter=";")]
    quotes = [q["sentence"] for m in figures["motivators"] for sign in "+-" for q in m["quotes"][sign]]
    assert len(quotes) > 20
    assert [q for q in quotes if "[" not in q and not any(q in text for text in texts)] == []


def test_a_file_that_was_not_scored_is_refused(tmp_path: Path) -> None:
    done = subprocess.run([SNAAR, "report", DEMO, "-o", tmp_path / "r.html"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "first score the reviews" in done.stderr


def test_wilson_interval_is_the_textbook_one() -> None:
    assert statistics.wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Newcombe 1998
    assert statistics.wilson(0, 0) == (0.0, 0.0)


def test_two_shares_that_differ_are_told_apart() -> None:
    assert statistics.difference(30, 100, 50, 100) == pytest.approx(0.00389, abs=1e-4)
    assert statistics.difference(30, 100, 30, 100) == 1.0


def test_a_rising_share_is_a_trend_and_a_flat_one_is_not() -> None:
    assert statistics.trend([10, 20, 30], [100, 100, 100]) < 0.001
    assert statistics.trend([20, 20, 20], [100, 100, 100]) == 1.0


def test_holm_multiplies_the_smallest_by_the_number_of_tests() -> None:
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_an_adjusted_count_undoes_known_errors() -> None:
    true, recall, alarms = 0.3, 0.8, 0.05
    assert statistics.adjusted_count(true * recall + (1 - true) * alarms, recall, alarms) == pytest.approx(true)
    assert statistics.adjusted_count(0.2, 0.5, 0.45) is None


def test_effects_are_those_of_a_regression() -> None:
    dice = np.random.default_rng(0)
    present = (dice.random((2000, 2)) < 0.4).astype(float)
    ratings = 7 - 2 * present[:, 0] + 1 * present[:, 1] + dice.normal(0, 0.5, 2000)
    (first, low, high), (second, *_) = statistics.effects(ratings, present)
    assert (first, second) == pytest.approx((-2, 1), abs=0.1)
    assert low < -2 < high
