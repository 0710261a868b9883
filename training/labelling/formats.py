"""doccano, Prodigy, Argilla and CSV: labelled reviews to their files and back.

doccano and Prodigy mark spans of a text: the text is a review, a line a sentence, a span a label of a sentence. Argilla
and CSV hold a sentence a record. Every format carries the review's id and the annotator.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Any

from model.taxonomy import Taxonomy
from training.errors import DataError
from training.labelling.annotated import Annotated, Sentence, known_names, take_apart
from training.labelling.source import csv_rows, json_lines

ABOUT = ("review", "number", "of", "annotator", "sentence")
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)


def to_doccano(reviews: list[Annotated], taxonomy: Taxonomy) -> str:
    """JSON lines for a sequence labelling project that allows overlapping spans."""
    return _lines(
        {"text": "\n".join(r.sentences), "label": _spans(r, taxonomy), "review_id": r.id, "annotator": r.annotator}
        for r in reviews
    )


def from_doccano(text: str, taxonomy: Taxonomy, problems: list[str]) -> Iterator[Sentence]:
    def labelled(record: dict[str, Any], where: str) -> Iterable[Sentence]:
        about = {**record, **record.get("meta", {})}
        return _cut(record["text"], record["label"], about["review_id"], about["annotator"], taxonomy, where)

    return _each(text, labelled, problems)


def to_prodigy(reviews: list[Annotated], taxonomy: Taxonomy) -> str:
    """JSON lines for `spans.manual`."""
    return _lines(
        {
            "text": "\n".join(r.sentences),
            "spans": [{"start": start, "end": end, "label": name} for start, end, name in _spans(r, taxonomy)],
            "answer": "accept",
            "_annotator_id": r.annotator,
            "meta": {"review_id": r.id},
        }
        for r in reviews
    )


def from_prodigy(text: str, taxonomy: Taxonomy, problems: list[str]) -> Iterator[Sentence]:
    """What was rejected or ignored is added to `problems`."""

    def labelled(record: dict[str, Any], where: str) -> Iterable[Sentence]:
        if record.get("answer", "accept") != "accept":
            raise DataError(f"{where}: was not accepted in Prodigy; left out")
        spans = [(span["start"], span["end"], span["label"]) for span in record.get("spans", [])]
        return _cut(record["text"], spans, record["meta"]["review_id"], record["_annotator_id"], taxonomy, where)

    return _each(text, labelled, problems)


def to_argilla(reviews: list[Annotated], taxonomy: Taxonomy) -> str:
    """A JSON list of Argilla 2 records: field `text`, multi-label question `labels`, a response an annotator."""
    records: dict[tuple[str, int], dict[str, Any]] = {}
    for s in take_apart(reviews):
        record = records.setdefault((s.review, s.number), {
            "id": f"{s.review}-{s.number}", "fields": {"text": s.text}, "suggestions": {}, "vectors": {},
            "metadata": {"review_id": s.review, "number": s.number, "of": s.of}, "responses": {"labels": []},
        })  # fmt: skip
        names = [name for name in taxonomy.output_names if name in s.names]
        record["responses"]["labels"].append({"value": names, "user_id": s.annotator, "status": "submitted"})
    return json.dumps(list(records.values()), ensure_ascii=False, indent=1)


def from_argilla(text: str, taxonomy: Taxonomy, problems: list[str]) -> Iterator[Sentence]:
    """Responses that were discarded or are drafts are left out."""

    def labelled(record: dict[str, Any], where: str) -> Iterable[Sentence]:
        about = record["metadata"]
        place = (str(about["review_id"]), int(about["number"]), int(about["of"]), str(record["fields"]["text"]))
        said = [r for r in record["responses"].get("labels", []) if r.get("status", "submitted") == "submitted"]
        return [Sentence(*place, str(r["user_id"]), known_names(r["value"] or [], taxonomy, where)) for r in said]

    try:
        records = json.loads(text)
    except ValueError as error:
        raise DataError("not JSON; save Argilla's records with `dataset.records.to_json`") from error
    return _every(enumerate(records, 1), labelled, problems)


def to_csv(reviews: list[Annotated], taxonomy: Taxonomy) -> str:
    """A row a sentence, a column of 0 and 1 an output."""
    file = io.StringIO(newline="")
    rows = csv.writer(file)
    rows.writerow([*ABOUT, *taxonomy.output_names])
    for s in take_apart(reviews):
        flags = [int(name in s.names) for name in taxonomy.output_names]
        rows.writerow([s.review, s.number, s.of, s.annotator, s.text, *flags])
    return file.getvalue()


def from_csv(text: str, taxonomy: Taxonomy, problems: list[str]) -> Iterator[Sentence]:
    rows = csv_rows(text)
    columns = set(rows.fieldnames or [])
    if not {*ABOUT, *taxonomy.output_names} <= columns:
        missing = sorted({*ABOUT, *taxonomy.output_names} - columns)
        raise DataError(f"the columns {' '.join(missing)} are missing")

    def labelled(row: dict[str, Any], where: str) -> Iterable[Sentence]:
        if {row[name] for name in taxonomy.output_names} - {"0", "1"}:
            raise DataError(f"{where}: a label column holds something other than 0 or 1; left out")
        names = frozenset(name for name in taxonomy.output_names if row[name] == "1")
        return [Sentence(row["review"], int(row["number"]), int(row["of"]), row["sentence"], row["annotator"], names)]

    return _every(((rows.line_num, row) for row in rows), labelled, problems)


def _lines(records: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _spans(review: Annotated, taxonomy: Taxonomy) -> list[tuple[int, int, str]]:
    """Start, end and name of every label, the sentences joined by line ends."""
    starts = accumulate((len(sentence) + 1 for sentence in review.sentences), initial=0)
    return [
        (start, start + len(sentence), name)
        for start, sentence, names in zip(starts, review.sentences, review.names, strict=False)
        for name in taxonomy.output_names
        if name in names
    ]


def _cut(
    text: str, spans: Iterable[tuple[int, int, str]], review: object, annotator: object, taxonomy: Taxonomy, where: str
) -> list[Sentence]:
    """A sentence a line; a span's label goes to every sentence it touches."""
    sentences = text.split("\n")
    starts = list(accumulate((len(sentence) + 1 for sentence in sentences), initial=0))
    marks = [(int(start), int(end), name) for start, end, name in spans]
    found = []
    for number, (start, sentence) in enumerate(zip(starts, sentences, strict=False)):
        names = [name for first, last, name in marks if max(first, start) < min(last, start + len(sentence))]
        known = known_names(names, taxonomy, where)
        found.append(Sentence(str(review), number, len(sentences), sentence, str(annotator), known))
    return found


def _each(text: str, labelled: Callable[[dict[str, Any], str], Iterable[Sentence]], problems: list[str]) -> Iterator[Sentence]:
    """Of JSON lines."""
    return _every(json_lines(text), labelled, problems)


def _every(
    records: Iterable[tuple[int, Any]], labelled: Callable[[dict[str, Any], str], Iterable[Sentence]], problems: list[str]
) -> Iterator[Sentence]:
    """The sentences of every record; a record that cannot be read is added to `problems` by its line or number."""
    for number, record in records:
        try:
            found = list(labelled(record, f"record {number}"))
        except DataError as error:
            problems.append(str(error))
        except MALFORMED:
            problems.append(f"record {number}: lacks its text, labels, review id or annotator; left out")
        else:
            yield from found
