"""Tables out: CSV, XLSX, JSONL, Parquet. A file appears whole, under its name, when it is finished."""

import csv
import datetime
import io
import json
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pyarrow
import pyarrow.parquet
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from service.batch.table import BROKEN, Row, TableError

FORMULA = re.compile(r"['=+\-@\t\r]")
HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # what `surrogateescape` cannot write
NOT_XML = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")  # and what would be read back as such a character
NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*")
EXCEL_ROWS, EXCEL_CHARACTERS = 1_048_576, 32_767
LONG = ".long.jsonl"  # beside a workbook: the cells that are longer than Excel holds, whole
ROWS_A_GROUP = 10_000
WHEN = datetime.datetime(2000, 1, 1)  # in every workbook, so that the same table gives the same bytes


@dataclass(frozen=True)
class Style:
    """How CSV is written: `excel_nl` is what a Dutch Excel opens with a double click."""

    delimiter: str = ","
    excel_nl: bool = False


def write(path: Path, columns: list[str], types: list[pyarrow.DataType], rows: Iterable[Row], style: Style) -> None:
    """Write all rows to `path`, whole or not at all; raises TableError."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        _writer(path)(temporary, columns, types, rows, style)
        temporary.replace(path)
    except OSError as error:
        raise TableError(
            f"{path}: cannot be written ({error.strerror}); the scores are kept, give the same command again"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def check_output(path: Path) -> None:
    """Raise TableError for an output no writer knows, before any work is done."""
    _writer(path)
    if not path.parent.is_dir():
        raise TableError(f"{path.parent}: no such folder; make it first")


def guard(cell: str) -> str:
    """A text that a spreadsheet would run as a formula, with an apostrophe before it; `unguard` takes it off."""
    return f"'{cell}" if FORMULA.match(cell) and not NUMBER.fullmatch(cell) else cell


def unguard(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell


def _writer(path: Path) -> Callable[[Path, list[str], list[pyarrow.DataType], Iterable[Row], Style], None]:
    kinds = {".csv": _csv, ".tsv": _csv, ".xlsx": _xlsx, ".jsonl": _jsonl, ".parquet": _parquet}
    if path.suffix.lower() not in kinds:
        raise TableError(f"{path}: unknown kind of output; known are {' '.join(kinds)}")
    return kinds[path.suffix.lower()]


@contextmanager
def _text(path: Path, encoding: str, mode: str = "w") -> Iterator[TextIO]:
    with path.open(mode, encoding=encoding, errors="surrogateescape", newline="") as file:
        yield file


def _csv(path: Path, columns: list[str], types: list[pyarrow.DataType], rows: Iterable[Row], style: Style) -> None:
    delimiter = ";" if style.excel_nl else "\t" if path.name.endswith(".tsv.part") else style.delimiter

    def cell(value: Any) -> str:
        if isinstance(value, float):
            text = "" if math.isnan(value) else f"{value:.10g}"
            return text.replace(".", ",") if style.excel_nl else text
        return guard(HALF.sub("\ufffd", _as_text(value)))

    with _text(path, "utf-8-sig" if style.excel_nl else "utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(map(guard, columns))
        writer.writerows([cell(value) for value in row] for row in rows)


def _jsonl(path: Path, columns: list[str], types: list[pyarrow.DataType], rows: Iterable[Row], style: Style) -> None:
    with _text(path, "utf-8") as file:
        for row in rows:
            record = {name: mended(value) for name, value in zip(columns, row, strict=True)}
            file.write(json.dumps(record, ensure_ascii=False, default=_as_text) + "\n")


def _parquet(path: Path, columns: list[str], types: list[pyarrow.DataType], rows: Iterable[Row], style: Style) -> None:
    schema = pyarrow.schema(list(zip(columns, types, strict=True)))
    with pyarrow.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(rows):
            arrays = [
                pyarrow.array([mended(_as_text(v) if type_ == pyarrow.string() and v is not None else v) for v in values], type_)
                for values, type_ in zip(zip(*group, strict=True), types, strict=True)
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def _xlsx(path: Path, columns: list[str], types: list[pyarrow.DataType], rows: Iterable[Row], style: Style) -> None:
    book = Workbook(write_only=True)
    book.properties.created = book.properties.modified = WHEN
    sheet = book.create_sheet("Snaar")
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}1"
    wrap, bold = Alignment(wrap_text=True, vertical="top"), Font(bold=True)
    long = path.with_name(path.name.removeprefix(".").removesuffix(".part") + LONG)
    long.unlink(missing_ok=True)
    mark = f" … [ingekort, volledig in {long.name}]"

    def fitting(text: str, number: int, column: str) -> str:
        """The text as far as Excel holds it; what is longer goes whole into a file of its own."""
        escaped = NOT_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
        if len(escaped) <= EXCEL_CHARACTERS:
            return escaped
        with _text(long, "utf-8", "a") as file:
            file.write(json.dumps({"row": number, "column": column, "text": text}, ensure_ascii=False) + "\n")
        return escaped[: EXCEL_CHARACTERS - len(mark)] + mark

    def cell(value: Any, number: int, column: str, font: Font | None = None) -> WriteOnlyCell:
        if isinstance(value, (bool, int, datetime.date)) or (isinstance(value, float) and math.isfinite(value)):
            return WriteOnlyCell(sheet, value.replace(tzinfo=None) if isinstance(value, datetime.datetime) else value)
        made = WriteOnlyCell(sheet, fitting(mended(_as_text(value)), number, column))
        made.data_type = "s"  # never a formula
        made.alignment = wrap
        if font:
            made.font = font
        return made

    sheet.append([cell(name, 1, name, bold) for name in columns])
    for number, row in enumerate(rows, 2):
        if number > EXCEL_ROWS:
            raise TableError(f"more than the {EXCEL_ROWS} rows Excel holds; write CSV, JSONL or Parquet")
        sheet.append([cell(value, number, name) for value, name in zip(row, columns, strict=True)])
    buffer = path.with_suffix(".zip")
    try:
        book.save(buffer)
        _without_times(buffer, path)
    finally:
        buffer.unlink(missing_ok=True)


def _without_times(source: Path, target: Path) -> None:
    """Copy a zip file with the same moment on every entry."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            same = zipfile.ZipInfo(entry.filename, WHEN.timetuple()[:6])
            same.compress_type = zipfile.ZIP_DEFLATED
            with old.open(entry) as reader, new.open(same, "w", force_zip64=True) as writer:
                if entry.filename == "docProps/core.xml":
                    writer.write(re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>2000-01-01T00:00:00Z", reader.read()))
                else:
                    while block := reader.read(io.DEFAULT_BUFFER_SIZE * 16):
                        writer.write(block)


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        group.append(row)
        if len(group) == ROWS_A_GROUP:
            yield group
            group = []
    if group:
        yield group


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value.isoformat() if isinstance(value, (datetime.date, datetime.time)) else str(value)


def mended(value: Any) -> Any:
    """A byte that was no UTF-8 is read as cp1252 where a format holds nothing but text; half a character is shown as `\ufffd`."""
    return BROKEN.sub(lambda found: _character(ord(found[0])), value) if isinstance(value, str) else value


def _character(surrogate: int) -> str:
    return bytes([surrogate - 0xDC00]).decode("cp1252", "replace") if 0xDC80 <= surrogate <= 0xDCFF else "\ufffd"
