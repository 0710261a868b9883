"""Files that people bring: text in UTF-8, its JSON lines and its CSV rows, each with the line it stands on."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.errors import DataError


def read_text(path: Path) -> str:
    """A file as text, without a byte order mark; raises DataError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8: {type(error).__name__}") from error


def json_lines(text: str) -> Iterator[tuple[int, Any]]:
    """Every line that is not empty, with its number; None for one that is no JSON."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError:
                yield number, None


def csv_rows(text: str) -> "csv.DictReader[str]":
    """The rows of a table separated by commas, semicolons or tabs, whichever its header has most of."""
    return csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=text.partition("\n")[0].count))
