"""`snaar score`: a dump of reviews in, the same dump with what each review says out.

Three steps: look (count rows, columns and their types), score (every different text once, into the journal), write (the
input again, with the results beside it). Only the middle one takes long, and it goes on where it was when killed.
"""

import datetime
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow

from model.predictor import Predictor
from model.redact import Redactor
from model.score import Result
from service.batch.columns import UNREADABLE_LINE, Roles
from service.batch.journal import Journal
from service.batch.table import BROKEN, EXTRA, UNREADABLE, Row, Table, file_hash, rows_of
from service.batch.write import Style, mended, write
from service.classify import Read, classify

AT_ONCE, KEPT_AT_ONCE = 1024, 256  # rows looked at together; texts read together, of which two lots are lost at most when killed
PREFIX = "snaar_"
EVIDENCE_LENSES = ("tier", "motivator", "engagement")
SHOWN_ROWS = 20
TYPES = {int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_(), str: pyarrow.string()}


@dataclass(frozen=True)
class Task:
    """What to do. `max_characters` is the longest review that is read; `redact` is about what is written, not about what is read."""

    tables: list[Table]
    roles: Roles
    output: Path
    scores: bool
    redact: bool
    style: Style
    max_characters: int


@dataclass(frozen=True)
class Summary:
    """What came of it. `bad` counts rows by error; `bad_rows` names the first of them, 1 being the first under the header."""

    rows: int
    different: int
    scored_now: int
    bad: dict[str, int]
    bad_rows: list[int]
    warnings: dict[str, int]
    seconds: float


@dataclass(frozen=True)
class Survey:
    """What the input holds: rows, the columns that are not empty, the type of each."""

    rows: int
    used: list[int]
    types: list[pyarrow.DataType]


def score_dump(task: Task, predictor: Predictor, read: Read, progress: Callable[[int, int], None]) -> Summary:
    """Score and write; `read` reads texts as `predictor` does, `progress(done, total)` is called as rows go by. Raises TableError."""
    started = time.monotonic()
    survey = _survey(task.tables)
    inputs = file_hash(task.tables)
    options = {"text": task.roles.text, "max_characters": task.max_characters}
    key = {"input": inputs, "bundle": predictor.bundle.sha256, **options}
    with Journal(task.output.with_name(f"{task.output.name}.journal"), key) as journal:
        scored_now = _score(task, read, journal, lambda done: progress(done, survey.rows))
        bad: Counter[str] = Counter()
        warnings: Counter[str] = Counter()
        bad_rows: list[int] = []
        redactor = Redactor.on(predictor.splitter) if task.redact else None
        added = result_columns(predictor, task.scores)

        def rows() -> Iterator[Row]:
            for number, (row, text, result) in enumerate(_results(task, journal), 1):
                if result["status"] == "error":
                    bad[result["error_type"]] += 1
                    if len(bad_rows) < SHOWN_ROWS:
                        bad_rows.append(number)
                warnings.update(result["warnings"])
                cells = result_cells(text, result, predictor, task.scores)
                if redactor is not None:
                    row = [_redacted(redactor, cell) if n in task.roles.text else cell for n, cell in enumerate(row)]
                    cells = [_redacted(redactor, cell) for cell in cells]
                yield [*(row[column] for column in survey.used), *cells]

        columns = [*(task.tables[0].columns[column] for column in survey.used), *added]
        types = [*(survey.types[column] for column in survey.used), *added.values()]
        write(task.output, columns, types, rows(), task.style)
        summary = Summary(
            survey.rows, journal.readable(), scored_now, dict(bad), bad_rows, dict(warnings), round(time.monotonic() - started, 1)
        )
        _write_manifest(task, predictor, inputs, summary)
        journal.remove()
    return summary


def result_columns(predictor: Predictor, scores: bool) -> dict[str, pyarrow.DataType]:
    """Names and types of the columns we add."""
    text, number = pyarrow.string(), pyarrow.float64()
    lenses = {f"{PREFIX}{lens.id}": text for lens in predictor.taxonomy.lenses}
    outputs = {f"{PREFIX}score_{name}": number for name in predictor.taxonomy.output_names} if scores else {}
    rest = {f"{PREFIX}{name}": text for name in ("warnings", "error")}
    return {
        f"{PREFIX}primary_tier": text, **lenses, f"{PREFIX}evidence": text, **outputs, f"{PREFIX}tokens": pyarrow.int64(), **rest
    }  # fmt: skip


def result_cells(text: Any, result: dict[str, Any], predictor: Predictor, scores: bool) -> Row:
    """The cells of `result_columns` for a result as `Result.to_dict(scores=True)` gives it."""
    labels = result["labels"]
    lenses = [
        " ".join(label["id"] + label["sign"] for label in labels if label["lens"] == lens.id)
        for lens in predictor.taxonomy.lenses
    ]
    evidence = "\n".join(
        f"{label['id']}{label['sign']}: {' '.join(text[span['start'] : span['end']].split())}"
        for label in labels
        if label["lens"] in EVIDENCE_LENSES
        for span in label["evidence"]
    )
    found = result.get("scores", {})
    return [
        result["primary_tier"] or "",
        *lenses,
        evidence,
        *([found.get(name) for name in predictor.taxonomy.output_names] if scores else []),
        result["tokens"],
        " ".join(result["warnings"]),
        result.get("error_type", ""),
    ]


def read_texts(read: Read, texts: list[Any], max_characters: int) -> list[Result]:
    """One result a cell, in order; a cell that holds no readable text is an error in its place."""
    refused = [_refusal(text) for text in texts]
    good = [text for text, error in zip(texts, refused, strict=True) if error is None]
    results = iter(classify(read, good, max_characters=max_characters))
    return [error or next(results) for error in refused]


def _refusal(text: Any) -> Result | None:
    if text is UNREADABLE_LINE:
        return Result.failed("unreadable", "the line is not a JSON object", warnings=[])
    if text is None:
        return Result.failed("empty_text", "the row holds no text", warnings=["empty"])
    if not isinstance(text, str):
        return Result.failed("not_text", "the cell holds no text", warnings=[])
    if BROKEN.search(text):
        return Result.failed("bad_encoding", "the cell holds bytes that are not UTF-8", warnings=[])
    return None


def _redacted(redactor: Redactor, cell: Any) -> Any:
    return redactor.redact(mended(cell)) if isinstance(cell, str) else cell


def _score(task: Task, read: Read, journal: Journal, progress: Callable[[int], None]) -> int:
    """Bring every text that is not in the journal yet into it; returns how many."""
    scored = done = 0
    with ThreadPoolExecutor(2) as side_by_side:  # while the network reads some, others are split and encoded
        for chunk in _chunks(task.tables):
            texts = {text for text in map(task.roles.text_of, chunk) if _refusal(text) is None}
            fresh = sorted(texts - set(journal.get(texts)), key=lambda text: (len(text), text))
            parts = [fresh[first : first + KEPT_AT_ONCE] for first in range(0, len(fresh), KEPT_AT_ONCE)]
            found_in = side_by_side.map(lambda part: read_texts(read, part, task.max_characters), parts)
            for part, found in zip(parts, found_in, strict=True):
                journal.add({text: result.to_dict(scores=True) for text, result in zip(part, found, strict=True)})
            scored += len(fresh)
            done += len(chunk)
            progress(done)
    return scored


def _results(task: Task, journal: Journal) -> Iterator[tuple[Row, Any, dict[str, Any]]]:
    """Every row with its text and its result."""
    for chunk in _chunks(task.tables):
        texts = [task.roles.text_of(row) for row in chunk]
        refused = [_refusal(text) for text in texts]
        known = journal.get(text for text, error in zip(texts, refused, strict=True) if error is None)
        for row, text, error in zip(chunk, texts, refused, strict=True):
            yield row, text, known[text] if error is None else error.to_dict()


def _chunks(tables: list[Table]) -> Iterator[list[Row]]:
    rows = rows_of(tables)
    while chunk := list(islice(rows, AT_ONCE)):
        yield chunk


def _survey(tables: list[Table]) -> Survey:
    columns = tables[0].columns
    seen: list[set[type]] = [set() for _ in columns]
    count = 0
    for row in rows_of(tables):
        count += 1
        for kinds, value in zip(seen, row, strict=True):
            if value is not None and value != "":
                kinds.add(type(value))
    used = [n for n, name in enumerate(columns) if name not in (EXTRA, UNREADABLE) or seen[n]]
    schema = tables[0].schema
    types = [schema.field(n).type if schema else _type_of(kinds) for n, kinds in enumerate(seen)]
    return Survey(count, used, types)


def _type_of(kinds: set[type]) -> pyarrow.DataType:
    if kinds == {int, float}:
        return pyarrow.float64()
    if kinds == {datetime.datetime}:
        return pyarrow.timestamp("us")
    return TYPES.get(next(iter(kinds)), pyarrow.string()) if len(kinds) == 1 else pyarrow.string()


def _write_manifest(task: Task, predictor: Predictor, inputs: str, summary: Summary) -> None:
    told = {
        "inputs": [table.path.name for table in task.tables],
        "input_sha256": inputs,
        "output": task.output.name,
        "text_columns": [task.tables[0].columns[column] for column in task.roles.text],
        "options": {"scores": task.scores, "redact": task.redact, "max_characters": task.max_characters, **vars(task.style)},
        "bundle": predictor.bundle.identity,
        "taxonomy_version": predictor.taxonomy.version,
        "versions": {name: version(name) for name in ("snaar", "onnxruntime")},
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **vars(summary),
    }
    task.output.with_name(f"{task.output.name}.manifest.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
