"""Labelled reviews: read, check and split them."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.taxonomy import Taxonomy
from training.errors import DataError
from training.exports import Marked, label_studio, tool_line


@dataclass(frozen=True)
class LabelledReview:
    """A review cut into sentences, with the codebook's codes of each sentence."""

    place: str
    sentences: tuple[str, ...]
    codes: tuple[frozenset[str], ...]
    sector: str
    source: str
    register: str
    rating: float | None

    @property
    def text(self) -> str:
        return " ".join(self.sentences)


def read(paths: Iterable[Path], taxonomy: Taxonomy) -> list[LabelledReview]:
    """Labelled reviews of `.rev`, `.jsonl`, `.json` and `.csv` files; a folder stands for the files in it. Raises DataError."""
    reviews: list[LabelledReview] = []
    for path in paths:
        for file in files_of(path):
            if file.suffix not in READERS:
                raise DataError(f"{file}: labelled reviews are {', '.join(READERS)} files")
            try:
                text = file.read_text(encoding="utf-8")
            except FileNotFoundError as error:
                raise DataError(f"{file}: there is no such file") from error
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(f"{file}: cannot be read as UTF-8 ({type(error).__name__}); save it as UTF-8") from error
            found = list(READERS[file.suffix](file, text, taxonomy))
            if not found:
                raise DataError(f"{file}: holds no reviews")
            reviews += found
    return reviews


def files_of(path: Path) -> list[Path]:
    """The files a path stands for. Raises DataError where a folder holds none."""
    files = sorted(file for file in path.iterdir() if file.suffix in READERS) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path}: no {', '.join(READERS)} files in this folder")
    return files


def without_positive(reviews: list[LabelledReview], taxonomy: Taxonomy) -> list[str]:
    """The outputs no sentence carries: a model cannot learn them."""
    seen = {code for review in reviews for codes in review.codes for code in codes}
    return [output.name for output in taxonomy.outputs if output.code not in seen]


def _read_rev(path: Path, text: str, taxonomy: Taxonomy) -> Iterator[LabelledReview]:
    header: list[str] = []
    begun = 0
    lines: list[tuple[str, frozenset[str]]] = []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        where = f"{path}:{number}"
        if line.startswith("## "):
            header = [field.strip() for field in line[3:].split("|")]
            begun = number
            if len(header) != 3 or not re.fullmatch(r"[1-5]|-", header[1]):
                raise DataError(f"{where}: a header is `## sector | rating 1-5 or - | register`")
        elif line.strip():
            sentence, tab, codes = line.partition("\t")
            if not header:
                raise DataError(f"{where}: a sentence before its `## sector | rating | register` line")
            if not tab or not sentence.strip():
                raise DataError(f"{where}: a sentence line is `sentence<TAB>codes`")
            lines.append((sentence.strip(), _codes(codes.split(), where, taxonomy)))
        elif header:
            if not lines:
                raise DataError(f"{path}:{begun}: a review without sentences")
            sector, rating, register = header
            stars = None if rating == "-" else float(rating)
            sentences, coded = zip(*lines, strict=True)
            yield LabelledReview(f"{path}:{begun}", sentences, coded, sector, path.stem.partition("-")[0], register, stars)
            header, lines = [], []


def _read_jsonl(path: Path, text: str, taxonomy: Taxonomy) -> Iterator[LabelledReview]:
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if "sentences" not in record:
                marked = tool_line(record)
                if marked:
                    yield _from_tool(marked, where, path, taxonomy)
                continue
            sentences, labels = record["sentences"], record["labels"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            wanted = "`sentences` and `labels`, or as doccano or Prodigy write it"
            raise DataError(f"{where}: a line is a JSON object with {wanted}") from error
        if not sentences or len(sentences) != len(labels):
            raise DataError(f"{where}: `sentences` and `labels` must be equally long and not empty")
        codes = tuple(_named(names, where, taxonomy) for names in labels)
        rating = record.get("rating")
        stars = float(rating) if isinstance(rating, (int, float)) and 0 < rating <= 5 else None
        yield LabelledReview(
            where,
            tuple(sentences),
            codes,
            record.get("sector", ""),
            record.get("source", path.stem),
            record.get("register", ""),
            stars,
        )


def _read_csv(path: Path, text: str, taxonomy: Taxonomy) -> Iterator[LabelledReview]:
    """Columns `text` and `labels` (names such as `basics-`, or codes, separated by spaces); a review counts as one sentence."""
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    if not {"text", "labels"} <= set(rows.fieldnames or []):
        raise DataError(f"{path}: a CSV of labelled reviews has the columns `text` and `labels`")
    for row in rows:
        where = f"{path}:{rows.line_num}"
        if not (row["text"] or "").strip():
            raise DataError(f"{where}: the column `text` is empty")
        codes = _named((row["labels"] or "").split(), where, taxonomy)
        yield LabelledReview(where, (row["text"].strip(),), (codes,), "", path.stem, "", None)


def _read_json(path: Path, text: str, taxonomy: Taxonomy) -> Iterator[LabelledReview]:
    for where, marked in label_studio(text, str(path)):
        yield _from_tool(marked, where, path, taxonomy)


def _from_tool(marked: Marked, where: str, path: Path, taxonomy: Taxonomy) -> LabelledReview:
    sentences, names = marked.sentences(where)
    return LabelledReview(where, sentences, tuple(_named(n, where, taxonomy) for n in names), "", path.stem, "", None)


READERS = {".rev": _read_rev, ".jsonl": _read_jsonl, ".json": _read_json, ".csv": _read_csv}


def _named(names: list[str], where: str, taxonomy: Taxonomy) -> frozenset[str]:
    """Codes of labels that are named as outputs or by their codes."""
    code_of = dict(zip(taxonomy.output_names, taxonomy.index_of_code, strict=True))
    return _codes([code_of.get(name, name) for name in names], where, taxonomy)


def _codes(codes: list[str], where: str, taxonomy: Taxonomy) -> frozenset[str]:
    known = taxonomy.index_of_code
    for code in codes:
        if code not in known and code != taxonomy.neutral_code:
            raise DataError(f"{where}: unknown label code `{code}`; known are {' '.join([*known, taxonomy.neutral_code])}")
    return frozenset(codes) - {taxonomy.neutral_code}


def targets(codes: Iterable[frozenset[str]], taxonomy: Taxonomy) -> np.ndarray:
    """Codes of sentences → (sentences, outputs) float32 of zeros and ones."""
    rows = list(codes)
    matrix = np.zeros((len(rows), len(taxonomy.outputs)), dtype=np.float32)
    for row, present in enumerate(rows):
        matrix[row, [taxonomy.index_of_code[code] for code in present]] = 1
    return matrix
