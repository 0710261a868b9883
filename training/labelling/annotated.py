"""What annotators said: labelled sentences, put together into reviews, kept as JSON lines that training reads as they are."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from model.taxonomy import Taxonomy
from training.dataset import LabelledReview, read
from training.errors import DataError
from training.files import write_atomically
from training.join import text_hash


@dataclass(frozen=True)
class Sentence:
    """Sentence `number` (from 0) of the `of` sentences of a review, with the names of the outputs one annotator gave it."""

    review: str
    number: int
    of: int
    text: str
    annotator: str
    names: frozenset[str]


@dataclass(frozen=True)
class Annotated:
    """A review as one annotator labelled it; `names`: the outputs of each sentence, such as `basics-`."""

    id: str
    annotator: str
    sentences: tuple[str, ...]
    names: tuple[frozenset[str], ...]


@dataclass(frozen=True)
class Collected:
    """What came in. `problems` says in words, without review text, what was left out and why."""

    reviews: list[Annotated]
    problems: list[str]


def assemble(sentences: Iterable[Sentence], problems: list[str]) -> Collected:
    """Sentences → reviews, in order of first sight; a review that lacks sentences of an annotator is left out and named."""
    groups: dict[tuple[str, str], dict[int, Sentence]] = {}
    for sentence in sentences:
        groups.setdefault((sentence.review, sentence.annotator), {})[sentence.number] = sentence  # the last annotation counts
    whole, missing = [], []
    for (review, annotator), found in groups.items():
        of = max(sentence.of for sentence in found.values())
        if set(found) != set(range(of)):
            missing.append(f"review {review}, annotator {annotator}: {len(found)} of {of} sentences are labelled; left out")
            continue
        ordered = [found[number] for number in range(of)]
        whole.append(Annotated(review, annotator, tuple(s.text for s in ordered), tuple(s.names for s in ordered)))
    return Collected(whole, [*problems, *missing])


def take_apart(reviews: Iterable[Annotated]) -> list[Sentence]:
    """Reviews → their sentences."""
    return [
        Sentence(review.id, number, len(review.sentences), text, review.annotator, names)
        for review in reviews
        for number, (text, names) in enumerate(zip(review.sentences, review.names, strict=True))
    ]


def known_names(names: Iterable[object], taxonomy: Taxonomy, where: str) -> frozenset[str]:
    """Output names from names or codes. Raises DataError that says which are known."""
    name_of = dict(zip(taxonomy.index_of_code, taxonomy.output_names, strict=True))
    found = frozenset(name_of.get(str(name), str(name)) for name in names) - {taxonomy.neutral_code}
    if not found <= set(taxonomy.output_names):
        raise DataError(f"{where}: a label that is not in the taxonomy; known are {' '.join(taxonomy.output_names)}")
    return found


def read_annotated(paths: Iterable[Path], taxonomy: Taxonomy) -> list[Annotated]:
    """Labelled reviews with who labelled them. Raises DataError.

    A line of a `.jsonl` file may name its `annotator`, or hold the labels of several as `annotator_a`, `annotator_b`, …;
    all else that training reads (a `.rev` file, a folder) is one annotator, named as the file.
    """
    found: list[Annotated] = []
    for path in paths:
        reviews = read([path], taxonomy)  # first: it says in words what is wrong with a file
        lines = [] if path.suffix != ".jsonl" or not path.is_file() else path.read_text(encoding="utf-8").split("\n")
        records = [json.loads(line) for line in lines if line.strip()] or [{}] * len(reviews)
        for review, record in zip(reviews, records, strict=True):
            found += _by_annotator(review, record, path, taxonomy)
    return found


def _by_annotator(review: LabelledReview, record: dict[str, object], path: Path, taxonomy: Taxonomy) -> list[Annotated]:
    several = {key.removeprefix("annotator_"): value for key, value in record.items() if key.startswith("annotator_")}
    said = several or {str(record.get("annotator", path.stem)): [sorted(codes) for codes in review.codes]}
    found = []
    for annotator, labels in said.items():
        if not isinstance(labels, list) or len(labels) != len(review.sentences):
            raise DataError(f"{review.place}: `annotator_{annotator}` needs a list of labels for each sentence")
        names = tuple(known_names(codes, taxonomy, review.place) for codes in labels)
        found.append(Annotated(str(record.get("id") or text_hash(review.text)[:12]), annotator, review.sentences, names))
    return found


def coded(names: Iterable[frozenset[str]], taxonomy: Taxonomy) -> list[list[str]]:
    """Output names of sentences → codes, in the order of the taxonomy; the neutral one for a sentence without."""
    return [[o.code for o in taxonomy.outputs if o.name in found] or [taxonomy.neutral_code] for found in names]


def record_of(review: Annotated, taxonomy: Taxonomy) -> dict[str, object]:
    """A review as a line of JSON holds it."""
    labels = coded(review.names, taxonomy)
    return {"id": review.id, "annotator": review.annotator, "sentences": review.sentences, "labels": labels}


def write_annotated(path: Path, reviews: Iterable[Annotated], taxonomy: Taxonomy) -> None:
    """JSON lines of `id`, `annotator`, `sentences` and `labels`."""
    with write_atomically(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record_of(review, taxonomy), ensure_ascii=False) + "\n" for review in reviews)
