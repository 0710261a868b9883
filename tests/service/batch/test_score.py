"""`snaar score` as an analyst runs it: whole files in, whole files out."""

import csv
import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import openpyxl
import pyarrow.parquet
import pytest

from model.predictor import Predictor
from service.batch.command import score
from service.batch.frame import score_frame
from service.batch.journal import Journal
from service.batch.table import Table
from service.batch.write import guard, unguard

SNAAR = Path(sys.executable).with_name("snaar")
TEXTS = [
    "Al drie weken wacht ik op mijn bestelling.", "", "=SOM(A1)", "Top!", "Vies\nen \"duur\"; helaas", "Top!", "👍", "x" * 20_001,
    "Bel mij op 06-12345678, slechte service.", "-5", "'s Avonds gesloten",
    "Stuurtekens: \x00 \x0b \x1f, en _x0041_ staat er echt.",
]  # fmt: skip


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(SNAAR), *map(str, arguments)], capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dump") / "dump.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["nr", "Toelichting", "cijfer"])
        writer.writerows([n, text, "7,5"] for n, text in enumerate(TEXTS))
    path.write_bytes(path.read_bytes() + b"99;kapotte tekst \xeb hier;3\r\n")
    return path


def read(path: Path) -> list[dict[str, object]]:
    table = Table.open(path)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows()]


def test_every_format_holds_the_same_rows_in_order(dump: Path, tmp_path: Path) -> None:
    made = {}
    for suffix in ("csv", "xlsx", "jsonl", "parquet"):
        score([dump], tmp_path / f"out.{suffix}")
        made[suffix] = [
            {name: str(value if value is not None else "") for name, value in row.items() if not name.startswith("_")}
            for row in read(tmp_path / f"out.{suffix}")
        ]
    for suffix, rows in made.items():
        assert [row["nr"] for row in rows] == [*map(str, range(len(TEXTS))), "99"], suffix
        for column in ("snaar_tier", "snaar_motivator", "snaar_error", "snaar_tokens", "cijfer"):
            assert [row[column] for row in rows] == [row[column] for row in made["jsonl"]], (suffix, column)
    errors = [row["snaar_error"] for row in made["jsonl"]]
    assert (errors[1], errors[7], errors[-1]) == ("empty_text", "too_long", "bad_encoding")
    assert made["jsonl"][0]["Toelichting"] == TEXTS[0]
    assert [unguard(row["Toelichting"]) for row in made["csv"][:-1]] == TEXTS
    assert [row["Toelichting"] for row in made["xlsx"][:-1]] == TEXTS
    assert made["jsonl"][-1]["Toelichting"] == "kapotte tekst ë hier"


def test_half_a_character_and_a_line_that_is_no_json_are_errors_in_their_rows(tmp_path: Path) -> None:
    lines = ['{"tekst": "Mooi \\ud83d"}', '{"tekst": "Top!"}', "{kapot", '{"tekst": "één goede, één \\udceb"}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for suffix in ("csv", "xlsx", "jsonl", "parquet"):
        score([tmp_path / "in.jsonl"], tmp_path / f"out.{suffix}")
        rows = read(tmp_path / f"out.{suffix}")
        assert [row["snaar_error"] or "" for row in rows] == ["bad_encoding", "", "unreadable", "bad_encoding"], suffix
        assert "{kapot" in str(rows[2].values())
        assert rows[0]["tekst"] == "Mooi \ufffd"
    assert rows[3]["tekst"] == "één goede, één ë"


def test_scores_are_those_of_the_predictor(dump: Path, tmp_path: Path, predictor: Predictor) -> None:
    score([dump], tmp_path / "out.parquet", scores=True)
    rows = pyarrow.parquet.read_table(tmp_path / "out.parquet").to_pylist()
    [alone] = predictor.predict([TEXTS[4]])
    assert {name: rows[4][f"snaar_score_{name}"] for name in alone.scores} == alone.scores


def test_a_dutch_excel_file_has_semicolons_decimal_commas_and_a_mark(dump: Path, tmp_path: Path) -> None:
    score([dump], tmp_path / "out.csv", excel_nl=True, scores=True)
    raw = (tmp_path / "out.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfnr;Toelichting;")
    assert b";0,0" in raw


def test_no_cell_of_a_workbook_is_a_formula(dump: Path, tmp_path: Path) -> None:
    score([dump], tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").active
    assert sheet is not None
    assert (sheet["B4"].value, sheet["B4"].data_type, sheet.freeze_panes) == ("=SOM(A1)", "s", "A2")


def test_a_cell_excel_cannot_hold_is_kept_whole_beside_the_workbook(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps({"tekst": "Top!", "log": "é" * 40_000}), encoding="utf-8")
    done = run("score", tmp_path / "in.jsonl", "-o", tmp_path / "out.xlsx")
    assert "out.xlsx.long.jsonl" in done.stderr.replace("\n", "")
    (row,) = read(tmp_path / "out.xlsx")
    assert len(str(row["log"])) == 32_767
    assert str(row["log"]).endswith("[ingekort, volledig in out.xlsx.long.jsonl]")
    assert json.loads((tmp_path / "out.xlsx.long.jsonl").read_text())["text"] == "é" * 40_000


def test_personal_data_is_redacted_on_request(dump: Path, tmp_path: Path) -> None:
    score([dump], tmp_path / "out.csv", redact=True)
    text = (tmp_path / "out.csv").read_text(encoding="utf-8", errors="replace")
    assert "12345678" not in text
    assert "[TELEFOON]" in text


def test_the_run_is_described_beside_the_output(dump: Path, tmp_path: Path) -> None:
    done = run("score", dump, "-o", tmp_path / "out.csv", "--strict")
    told = json.loads((tmp_path / "out.csv.manifest.json").read_text())
    assert done.returncode == 3
    assert (told["rows"], told["different"], told["bad"]) == (13, 9, {"bad_encoding": 1, "empty_text": 1, "too_long": 1})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.csv.manifest.json"]


def test_standard_input_is_a_table_too(dump: Path, tmp_path: Path) -> None:
    with dump.open("rb") as file:
        done = subprocess.run([SNAAR, "score", "-", "-o", tmp_path / "a.csv"], stdin=file, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    score([dump], tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_standard_input_that_is_no_table_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run([SNAAR, "score", "-", "-o", tmp_path / "out.csv"], input=b"a;b\n1;2\n", capture_output=True)
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_journal_of_another_input_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path / "out.csv.journal", {"input": "of another run"}):
        pass
    other = tmp_path / "other.csv"
    other.write_text("review\nheel iets anders\n")
    done = run("score", other, "-o", tmp_path / "out.csv")
    assert done.returncode == 2
    assert "unfinished run" in done.stderr


def kept(journal: Path) -> int:
    """How many results a run has put by so far."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM results").fetchone()[0])
    return 0


@pytest.mark.parametrize(
    "name", ["out.csv", pytest.param("out.xlsx", marks=pytest.mark.long), pytest.param("out.parquet", marks=pytest.mark.long)]
)
def test_a_run_killed_at_random_moments_ends_as_if_nothing_happened(name: str, tmp_path: Path) -> None:
    dice = random.Random(name)
    source = tmp_path / "dump.jsonl"
    words = ["de", "bezorger", "kwam", "te", "laat", "en", "niemand", "nam", "op", "maar", "het", "eten", "was", "warm"]
    texts = [" ".join(dice.choices(words, k=dice.randint(3, 20))) for _ in range(2000)]
    source.write_text("".join(json.dumps({"id": n, "review": text}) + "\n" for n, text in enumerate(texts)))
    (tmp_path / "whole").mkdir()
    score([source], tmp_path / "whole" / name)
    journal = tmp_path / f"{name}.journal"
    kills = 0
    for _ in range(60):
        before = kept(journal)
        process = subprocess.Popen([SNAAR, "score", source, "-o", tmp_path / name], stderr=subprocess.DEVNULL)
        while process.poll() is None and kept(journal) <= before:
            time.sleep(0.02)
        time.sleep(dice.uniform(0, 1 if kills else 0.2))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    assert process.returncode == 0
    assert kills > 0
    assert (tmp_path / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    told = json.loads((tmp_path / f"{name}.manifest.json").read_text())
    assert told["scored_now"] < told["different"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv", "-o", "out.csv"], "cannot be read"),
        (["dump.csv", "-o", "out.pdf"], "unknown kind of output"),
        (["dump.csv", "-o", "nowhere/out.csv"], "no such folder"),
        (["dump.csv", "-o", "out.csv", "--text-column", "onzin"], "no column `onzin`"),
    ],
)
def test_a_wrong_command_says_what_to_do(dump: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "dump.csv").write_bytes(dump.read_bytes())
    done = subprocess.run([SNAAR, "score", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("cell", ["=1+1", "+31 6", "@naam", "'s avonds", "-5", "gewoon", "''=x", "-", "5,3"])
def test_a_guarded_cell_comes_back(cell: str) -> None:
    assert unguard(guard(cell)) == cell


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_a_frame_gets_the_same_columns(library: str, predictor: Predictor) -> None:
    frames = pytest.importorskip(library)
    scored = score_frame(frames.DataFrame({"tekst": ["Weer een uur in de wacht", None]}), text="tekst", predictor=predictor)
    [alone] = predictor.predict(["Weer een uur in de wacht"])
    assert list(scored["snaar_primary_tier"]) == [alone.primary_tier, ""]
    assert list(scored["snaar_error"]) == ["", "empty_text"]
