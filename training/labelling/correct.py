"""Step `correct`: apply decisions on suspect labels; every review keeps the history of what was changed, by whom and when."""

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from model.taxonomy import Taxonomy
from training.errors import DataError
from training.files import write_atomically
from training.labelling.annotated import Annotated, read_annotated, record_of
from training.labelling.source import csv_rows, read_text

DECISIONS = {"yes": True, "no": False}


@dataclass(frozen=True)
class Decision:
    """Whether sentence `number` of a review has `label`, in the end."""

    review: str
    annotator: str
    number: int
    sentence: str
    label: str
    present: bool


@dataclass(frozen=True)
class Change:
    """A label that was set or taken away."""

    number: int
    label: str
    was: bool
    now: bool
    by: str
    on: str


@dataclass(frozen=True)
class Corrected:
    """A review with the changes that were made to it."""

    review: Annotated
    changes: tuple[Change, ...]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        "training label correct", description="Apply decisions on suspect labels, with their history."
    )
    parser.add_argument("data", type=Path, nargs="+", help="what `label suspects` was given")
    parser.add_argument(
        "--decisions", type=Path, required=True, help="the .csv of `label suspects`; `decision`: yes, no or empty"
    )
    parser.add_argument("--by", required=True, help="who decided")
    parser.add_argument("-o", "--output", type=Path, required=True, help="labelled reviews, JSON lines")
    options = parser.parse_args(arguments)
    taxonomy = Taxonomy.load()
    try:
        reviews = read_annotated(options.data, taxonomy)
        histories = [history for path in options.data for history in read_histories(path, taxonomy)]
        decisions, problems = read_decisions(options.decisions, taxonomy)
    except DataError as error:
        sys.exit(f"label correct: {error}")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = correct(reviews, decisions, problems, by=options.by, on=now)
    with write_atomically(options.output) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(_line(one, history, taxonomy) for one, history in zip(found, histories, strict=True))
    for problem in problems:
        print(problem, file=sys.stderr)
    changed = sum(len(one.changes) for one in found)
    print(f"{options.output}: {len(found)} reviews, {changed} labels changed; {len(problems)} problems")


def read_decisions(path: Path, taxonomy: Taxonomy) -> tuple[list[Decision], list[str]]:
    """The lines that were decided, and the lines that make no sense in words. Raises DataError where the file is another."""
    rows = csv_rows(read_text(path))
    if not {"review", "annotator", "number", "sentence", "label", "decision"} <= set(rows.fieldnames or []):
        raise DataError(f"{path}: not a file of `label suspects`: columns are missing")
    found, problems = [], []
    for row in rows:
        said = (row["decision"] or "").strip().lower()
        if said in DECISIONS and row["label"] in taxonomy.output_names and row["number"].isdigit():
            place = (row["review"], row["annotator"], int(row["number"]), row["sentence"], row["label"])
            found.append(Decision(*place, present=DECISIONS[said]))
        elif said:
            problems.append(f"{path}:{rows.line_num}: a decision is `yes` (has the label), `no` or empty; not applied")
    return found, problems


def correct(reviews: list[Annotated], decisions: Iterable[Decision], problems: list[str], *, by: str, on: str) -> list[Corrected]:
    """All reviews, in order; a decision on a sentence that is not there is added to `problems`."""
    place = {(review.id, review.annotator): number for number, review in enumerate(reviews)}
    found = [Corrected(review, ()) for review in reviews]
    for decision in decisions:
        row = place.get((decision.review, decision.annotator))
        if row is None or found[row].review.sentences[decision.number : decision.number + 1] != (decision.sentence,):
            problems.append(f"review {decision.review}, sentence {decision.number}: not in the data as it was; not applied")
            continue
        found[row] = _apply(found[row], decision, by=by, on=on)
    return found


def _apply(one: Corrected, decision: Decision, *, by: str, on: str) -> Corrected:
    names = list(one.review.names)
    was = decision.label in names[decision.number]
    if was == decision.present:
        return one
    names[decision.number] = names[decision.number] ^ {decision.label}
    change = Change(decision.number, decision.label, was, decision.present, by, on)
    return Corrected(replace(one.review, names=tuple(names)), (*one.changes, change))


def read_histories(path: Path, taxonomy: Taxonomy) -> list[list[dict[str, object]]]:
    """What was changed before, per review of `read_annotated`; kept as it is."""
    reviews = read_annotated([path], taxonomy)
    if path.suffix != ".jsonl" or not path.is_file():
        return [[] for _ in reviews]
    history: dict[tuple[str, str], list[dict[str, object]]] = {}
    for line in path.read_text(encoding="utf-8").split("\n"):
        record = json.loads(line) if line.strip() else {}
        history[str(record.get("id")), str(record.get("annotator", path.stem))] = record.get("history", [])
    return [history.get((review.id, review.annotator), []) for review in reviews]


def _line(one: Corrected, before: list[dict[str, object]], taxonomy: Taxonomy) -> str:
    record = record_of(one.review, taxonomy)
    history = [*before, *map(asdict, one.changes)]
    return json.dumps(record | ({"history": history} if history else {}), ensure_ascii=False) + "\n"
