"""Tables in: CSV, TSV, XLSX, JSONL and Parquet, plain or compressed, as chunks of columns.

Cells keep their values: text from CSV, typed values from the others. A CSV row that is too short is filled up, one that
is too long keeps its surplus in the column `EXTRA`; a JSONL line that cannot be read keeps its text in `UNREADABLE`.
Python's own csv reader is used rather than a columnar one, because those drop or refuse such rows. What reads Parquet and workbooks
is loaded when it is needed: a service that is sent no files has no use for it.
"""

import csv
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from model.errors import ModelError

if TYPE_CHECKING:
    import pyarrow

Row = list[Any]
EXTRA, UNREADABLE = "_extra", "_unreadable"
DELIMITERS = ";,\t|"
SAMPLE_BYTES = 1 << 18
BROKEN = re.compile("[\ud800-\udfff]")  # bytes that were no text, as Python's surrogateescape keeps them, or half a character
KINDS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet", ".xlsx")

csv.field_size_limit(sys.maxsize)


class TableError(ModelError):
    """A file that cannot be read or written as a table; the message says what to do."""


@dataclass(frozen=True)
class Table:
    """A file with a header. `found` says in words how it is read; `schema` is set where the file itself has one."""

    path: Path
    kind: str
    columns: list[str]
    found: str
    encoding: str = "utf-8"
    delimiter: str = ","
    schema: "pyarrow.Schema | None" = None

    @classmethod
    def open(cls, path: Path) -> "Table":
        """Look at the beginning of a file; raises TableError where it is no table we know."""
        kind = _kind(path)
        try:
            if kind == ".parquet":
                import pyarrow.parquet

                schema = pyarrow.parquet.read_schema(path)
                return cls(path, kind, _unique(list(schema.names)), "Parquet", schema=schema)
            if kind == ".xlsx":
                header = next(_xlsx(path), [])
                return cls(path, kind, _unique([str(cell or "") for cell in header]), "Excel, first sheet")
            with _stream(path) as stream:
                sample = stream.read(SAMPLE_BYTES)
        except OSError as error:
            raise TableError(f"{path}: cannot be read ({error.strerror or type(error).__name__})") from error
        except Exception as error:  # openpyxl and pyarrow share no base for "not such a file"
            raise TableError(f"{path}: is not a good {kind} file ({type(error).__name__})") from error
        if not sample:
            raise TableError(f"{path}: is empty")
        encoding = detect_encoding(sample)
        text = sample.decode(encoding, "surrogateescape" if encoding.startswith("utf-8") else "replace")
        if kind == ".jsonl":
            columns = _json_columns(text.splitlines())
            return cls(path, kind, columns, f"JSON lines, {encoding}", encoding)
        delimiter = detect_delimiter(text)
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        shown = {"\t": "tab"}.get(delimiter, delimiter)
        return cls(path, kind, [*_unique(header), EXTRA], f"{encoding}, separated by {shown}", encoding, delimiter)

    def rows(self) -> Iterator[Row]:
        """The rows, each as long as `columns`."""
        if self.kind == ".parquet":
            import pyarrow.parquet

            with pyarrow.parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(2048):
                    yield from (list(row) for row in zip(*(column.to_pylist() for column in batch.columns), strict=True))
        elif self.kind == ".xlsx":
            width = len(self.columns)
            for row in islice(_xlsx(self.path), 1, None):
                yield [*row[:width], *[None] * (width - len(row))]
        elif self.kind == ".jsonl":
            with self._text() as text:
                yield from (_json_row(line, self.columns) for line in text if line.strip())
        else:
            width = len(self.columns) - 1
            with self._text() as text:
                for row in islice(csv.reader(text, delimiter=self.delimiter), 1, None):
                    if row:
                        surplus = self.delimiter.join(row[width:])
                        yield [*row[:width], *[""] * (width - len(row)), surplus]

    @contextmanager
    def _text(self) -> Iterator[TextIO]:
        errors = "surrogateescape" if self.encoding.startswith("utf-8") else "replace"
        with (
            _stream(self.path) as stream,
            io.TextIOWrapper(stream, encoding=self.encoding, errors=errors, newline="") as text,  # type: ignore[type-var]
        ):
            yield text


def tables(paths: list[Path]) -> list[Table]:
    """The tables of files and folders, in order; raises TableError where there are none or their columns differ."""
    files = [file for path in paths for file in (_inside(path) if path.is_dir() else [path])]
    if not files:
        raise TableError(f"no tables found; known are {' '.join(KINDS)}, also with .gz or .zst")
    found = [Table.open(file) for file in files]
    for table in found[1:]:
        if table.columns != found[0].columns:
            raise TableError(f"{table.path}: has other columns than {found[0].path}; score them apart")
    return found


def rows_of(found: list[Table]) -> Iterator[Row]:
    return chain.from_iterable(table.rows() for table in found)


def file_hash(found: list[Table]) -> str:
    """sha256 over the bytes of all files."""
    digest = hashlib.sha256()
    for table in found:
        with table.path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def detect_encoding(sample: bytes) -> str:
    """The encoding of a file from its beginning: by its mark, or UTF-8 unless most accented lines are no UTF-8."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if sample.startswith(mark):
            return encoding
    if sample[1::2].count(0) > len(sample) // 4:
        return "utf-16-le"
    good = bad = 0
    for line in sample.split(b"\n")[:-1] or [sample]:
        if not line.isascii():
            try:
                line.decode("utf-8")
                good += 1
            except UnicodeDecodeError:
                bad += 1
    return "cp1252" if bad > good else "utf-8"


def detect_delimiter(sample: str) -> str:
    """The separator with which most of the first rows are as wide as the header, and wider than one."""

    def fit(delimiter: str) -> tuple[int, int]:
        first = list(islice(csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter), 50))
        width = len(first[0]) if first else 0
        return (sum(len(row) == width for row in first) if width > 1 else 0, width)

    return max(DELIMITERS, key=fit) if any(fit(delimiter)[0] for delimiter in DELIMITERS) else ","


def _kind(path: Path) -> str:
    suffix = Path(path.name.removesuffix(".gz").removesuffix(".zst")).suffix.lower()
    if suffix not in KINDS:
        raise TableError(f"{path}: unknown kind of file; known are {' '.join(KINDS)}, also with .gz or .zst")
    return {".ndjson": ".jsonl", ".txt": ".csv", ".tsv": ".csv"}.get(suffix, suffix)


def _inside(folder: Path) -> list[Path]:
    return [
        file
        for file in sorted(folder.iterdir())
        if file.is_file() and Path(file.name.removesuffix(".gz").removesuffix(".zst")).suffix.lower() in KINDS
    ]


@contextmanager
def _stream(path: Path) -> Iterator[io.BufferedIOBase]:
    import pyarrow

    with pyarrow.input_stream(path, compression="detect", buffer_size=1 << 20) as stream:
        yield stream


def _xlsx(path: Path) -> Iterator[Row]:
    from openpyxl import load_workbook
    from openpyxl.utils.escape import unescape

    book = load_workbook(path, read_only=True, data_only=True)
    try:
        for row in book.worksheets[0].iter_rows(values_only=True):
            yield [unescape(cell) if isinstance(cell, str) else cell for cell in row]
    finally:
        book.close()


def _unique(names: list[str]) -> list[str]:
    """Column names without gaps or doubles."""
    made: list[str] = []
    for number, name in enumerate(names, 1):
        name = name.strip() or f"column_{number}"
        while name in made:
            name += "_2"
        made.append(name)
    return made


def _json_columns(lines: list[str]) -> list[str]:
    columns: dict[str, None] = {}
    for line in lines[:1000]:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            columns.update(dict.fromkeys(record))
    return [*(name for name in columns if name not in (EXTRA, UNREADABLE)), EXTRA, UNREADABLE]


def _json_row(line: str, columns: list[str]) -> Row:
    try:
        record = json.loads(line)
        if not isinstance(record, dict):
            raise ValueError
    except ValueError:
        return [*[None] * (len(columns) - 1), line.rstrip("\r\n")]
    extra = {name: value for name, value in record.items() if name not in columns[:-2]}
    return [*(record.get(name) for name in columns[:-2]), extra or None, None]
