import gzip
import json
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from service.batch.columns import Roles
from service.batch.table import EXTRA, UNREADABLE, Table, TableError, detect_encoding, tables

ROWS = [["id", "Toelichting", "cijfer"], ["1", 'Prima; snel "en" goed', "8"], ["2", "Café\nwas vies", "7,5"]]


def as_csv(delimiter: str) -> str:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ';,"\n\t') else cell

    return "".join(delimiter.join(map(quoted, row)) + "\r\n" for row in ROWS)


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_csv_is_read_whatever_its_encoding_and_delimiter(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = tmp_path / "dump.csv"
    path.write_bytes(as_csv(delimiter).encode(encoding))
    table = Table.open(path)
    assert [table.columns[:3], *(row[:3] for row in table.rows())] == ROWS


def test_compressed_csv_is_the_same_table(tmp_path: Path) -> None:
    path = tmp_path / "dump.csv.gz"
    path.write_bytes(gzip.compress(as_csv(",").encode()))
    assert [row[:3] for row in Table.open(path).rows()] == ROWS[1:]


def test_no_cell_of_a_ragged_row_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "dump.csv"
    path.write_text("id;tekst\n1;goed\n2\n3;slecht;en;meer\n")
    assert list(Table.open(path).rows()) == [["1", "goed", ""], ["2", "", ""], ["3", "slecht", "en;meer"]]


def test_a_broken_json_line_keeps_its_text(tmp_path: Path) -> None:
    path = tmp_path / "dump.jsonl"
    path.write_text('{"id": 1, "review": "goed"}\n{"id": 2, \n{"id": 3, "review": "x"}\n')
    table = Table.open(path)
    assert table.columns == ["id", "review", EXTRA, UNREADABLE]
    assert list(table.rows()) == [[1, "goed", None, None], [None, None, None, '{"id": 2, '], [3, "x", None, None]]


def test_excel_and_parquet_keep_their_types(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [["id", "review"], [1, "goed"], [2, None]]:
        book.active.append(row)
    book.save(tmp_path / "dump.xlsx")
    pyarrow.parquet.write_table(pyarrow.table({"id": [1, 2], "review": ["goed", None]}), tmp_path / "dump.parquet")
    for name in ("dump.xlsx", "dump.parquet"):
        assert list(Table.open(tmp_path / name).rows()) == [[1, "goed"], [2, None]]


def test_one_broken_line_does_not_change_the_encoding_of_the_others() -> None:
    assert detect_encoding("één\ntwee\ndrieë\n".encode() + b"vi\xebr\n") == "utf-8"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [(["id", "Opmerking"], "Opmerking"), (["klacht", "tekst"], "tekst"), (["a", "b"], "b"), (["NPS score", "Review_text"], "Review_text")],
)  # fmt: skip
def test_the_text_column_is_found_by_name_or_by_content(tmp_path: Path, columns: list[str], expected: str) -> None:
    path = tmp_path / "dump.jsonl"
    path.write_text(json.dumps(dict(zip(columns, ["kort", "een zin van zes hele woorden"], strict=True))) + "\n")
    table = Table.open(path)
    assert [table.columns[column] for column in Roles.find(table, []).text] == [expected]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", b"", "is empty"),
        ("x.doc", b"hello", "unknown kind of file"),
        ("x.xlsx", b"not excel", "not a good .xlsx file"),
        ("x.parquet", b"not parquet", "not a good .parquet file"),
        ("missing.csv", None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_is_told_apart(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=message):
        Table.open(tmp_path / name)


def test_files_with_other_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,review\n1,goed\n")
    (tmp_path / "b.csv").write_text("id,tekst\n1,goed\n")
    with pytest.raises(TableError, match="other columns"):
        tables([tmp_path])
