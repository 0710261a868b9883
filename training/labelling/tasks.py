"""Step `tasks`: raw reviews → Label Studio tasks: redacted, cut into sentences, a task a sentence."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from model.normalise import normalise
from model.redact import Redactor
from training.errors import DataError
from training.files import write_atomically
from training.join import text_hash
from training.labelling.label_studio import Task, to_tasks
from training.labelling.source import csv_rows, json_lines, read_text


@dataclass(frozen=True)
class Raw:
    """A review as it came in."""

    id: str
    text: str


@dataclass(frozen=True)
class Ready:
    """A review to label: redacted and cut as the model will cut it."""

    id: str
    sentences: tuple[str, ...]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training label tasks", description="Raw reviews → tasks to import into Label Studio.")
    parser.add_argument("reviews", type=Path, help=".jsonl or .csv with `text` and, if you have it, `id`")
    parser.add_argument("-o", "--output", type=Path, required=True, help="tasks, a .json file")
    parser.add_argument("--blind", type=float, default=0.2, help="share of the reviews for which no prediction is shown (0.2)")
    options = parser.parse_args(arguments)
    raw, problems = read_raw(options.reviews)
    redactor = Redactor.load()
    ready = list(prepare(raw, redactor, problems))
    with write_atomically(options.output) as temporary:
        temporary.write_text(to_tasks(task for review in ready for task in tasks_of(review, options.blind)), encoding="utf-8")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{options.output}: {len(ready)} reviews, {sum(len(r.sentences) for r in ready)} tasks; {len(problems)} left out")


def read_raw(path: Path) -> tuple[list[Raw], list[str]]:
    """The reviews of a file, and what was left out in words. Without an `id` a review is named by a hash of its text."""
    text = read_text(path)
    if path.suffix not in (".jsonl", ".csv"):
        raise DataError(f"{path}: reviews to label are a .jsonl or .csv file with `text`")
    found: dict[str, Raw] = {}
    problems: list[str] = []
    rows = csv_rows(text)
    for line, record in json_lines(text) if path.suffix == ".jsonl" else ((rows.line_num, row) for row in rows):
        body = record.get("text") if isinstance(record, dict) else None
        if not isinstance(record, dict) or not isinstance(body, str) or not body.strip():
            problems.append(f"{path}:{line}: no `text`; left out")
            continue
        name = str(record.get("id") or text_hash(body)[:12])
        if name in found:
            problems.append(f"{path}:{line}: its id or text has been seen before; left out")
            continue
        found[name] = Raw(name, body)
    return list(found.values()), problems


def prepare(reviews: Iterable[Raw], redactor: Redactor, problems: list[str]) -> Iterator[Ready]:
    """Normalise, redact, split; a text that holds no sentence is added to `problems`."""
    for review in reviews:
        clean = redactor.redact(normalise(review.text).text)
        spans = redactor.splitter.split(clean)
        if spans:
            yield Ready(review.id, tuple(clean[start:end] for start, end in spans))
        else:
            problems.append(f"review {review.id}: holds no text; left out")


def tasks_of(review: Ready, blind_share: float, *, note: str = "", reason: str = "") -> list[Task]:
    """A task a sentence; about `blind_share` of the reviews are blind, the same ones every time."""
    blind = int(sha256(review.id.encode()).hexdigest()[:8], 16) < blind_share * 16**8
    whole = " ".join(review.sentences)
    of = len(review.sentences)
    return [Task(review.id, number, of, text, whole, blind, note, reason) for number, text in enumerate(review.sentences)]
