"""Which column holds what: by name, or by what is in it."""

import re
from dataclasses import dataclass
from itertools import islice
from typing import Any

from service.batch.table import EXTRA, UNREADABLE, Row, Table, TableError

TEXT_NAMES = (
    "review", "reviewtekst", "review_text", "tekst", "text", "opmerking", "opmerkingen", "toelichting", "klacht",
    "comment", "comments", "content", "body", "feedback", "antwoord", "bericht", "beoordeling", "omschrijving", "verbatim",
)  # fmt: skip
RATING_NAMES = ("rating", "cijfer", "score", "sterren", "stars", "nps", "rapportcijfer", "waardering")
DATE_NAMES = ("date", "datum", "created", "created_at", "timestamp", "besteldatum", "reviewdatum")
ID_NAMES = ("id", "review_id", "nummer", "reference", "referentie")
LOOKED_AT = 200
UNREADABLE_LINE = object()  # stands for the text of a line that could not be read


@dataclass(frozen=True)
class Roles:
    """Positions of the columns that matter."""

    text: list[int]
    rating: int | None
    date: int | None
    id: int | None
    unreadable: int | None

    @classmethod
    def find(cls, table: Table, wanted: list[str]) -> "Roles":
        """By name, or the column with the longest texts; `wanted` names the text columns outright. Raises TableError."""
        names = [_plain(name) for name in table.columns]
        unknown = [name for name in wanted if name not in table.columns]
        shown = ", ".join(name for name in table.columns if name not in (EXTRA, UNREADABLE))
        if unknown:
            raise TableError(f"{table.path}: no column `{unknown[0]}`; there are: {shown}")
        text = [table.columns.index(name) for name in wanted] or _named(names, TEXT_NAMES) or _longest(table)
        if not text:
            raise TableError(f"{table.path}: no column looks like review text; name it with --text-column (there are: {shown})")
        rating, date, identity = (_named(names, known) for known in (RATING_NAMES, DATE_NAMES, ID_NAMES))
        unreadable = [table.columns.index(UNREADABLE)] if UNREADABLE in table.columns else []
        return cls(text, *(found[0] if found and found != text else None for found in (rating, date, identity, unreadable)))

    def describe(self, table: Table) -> str:
        """What was found, in a line."""
        parts = [f"text: {' + '.join(table.columns[column] for column in self.text)}"]
        for name in ("rating", "date", "id"):
            column = getattr(self, name)
            if column is not None:
                parts.append(f"{name}: {table.columns[column]}")
        return "; ".join([table.found, *parts])

    def text_of(self, row: Row) -> Any:
        """The text of a row; several columns are joined with a newline; anything but text stays as it is."""
        if self.unreadable is not None and row[self.unreadable]:
            return UNREADABLE_LINE
        cells = [row[column] for column in self.text]
        if len(cells) == 1:
            return cells[0]
        return "\n".join(str(cell).strip() for cell in cells if cell is not None and str(cell).strip())


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().lower())


def _named(names: list[str], known: tuple[str, ...]) -> list[int]:
    return [names.index(name) for name in known if name in names][:1]


def _longest(table: Table) -> list[int]:
    """The column whose cells look most like sentences: several words, the longest on average."""
    words = [0] * len(table.columns)
    for row in islice(table.rows(), LOOKED_AT):
        for column, cell in enumerate(row):
            if isinstance(cell, str) and table.columns[column] not in (EXTRA, UNREADABLE):
                words[column] += max(len(cell.split()) - 1, 0)
    best = max(range(len(words)), key=words.__getitem__, default=0)
    return [best] if words and words[best] else []
