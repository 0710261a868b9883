"""Stage `check`: can these labelled reviews be read, and what would training lack? Optionally one clean file of them all.

Every file that cannot be read is named with the line of its first mistake. With `-o` the reviews of all files are written
as JSON lines, with `--redact` without personal data: names, numbers and addresses become tags such as `[NAAM]`.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from model.redact import Redactor
from model.taxonomy import Taxonomy
from training.dataset import LabelledReview, files_of, read, without_positive
from training.errors import DataError
from training.files import write_atomically


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training check", description="Check labelled reviews; optionally write them as one file.")
    parser.add_argument("data", type=Path, nargs="+", help="labelled reviews: files or folders")
    parser.add_argument("-o", "--output", type=Path, help="write all reviews to this .jsonl file")
    parser.add_argument("--redact", action="store_true", help="replace personal data by tags in what is written")
    options = parser.parse_args(arguments)
    if options.redact and not options.output:
        parser.error("--redact needs -o: the files that are checked stay as they are")
    taxonomy = Taxonomy.load()
    reviews, mistakes = _read_each(options.data, taxonomy)
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    if mistakes:
        raise DataError(f"{len(mistakes)} of the files cannot be read; mend the lines above (the first mistake of each file)")
    print(f"{len(reviews)} reviews, {sum(len(review.sentences) for review in reviews)} sentences")
    repeated = sum(count - 1 for count in Counter(review.text for review in reviews).values())
    print(f"{repeated} repeat another review to the letter; {sum(not any(r.codes) for r in reviews)} carry no label")
    if missing := without_positive(reviews, taxonomy):
        print(f"warning: no positive example of {', '.join(missing)}")
    if options.output:
        clean = _redacted(reviews) if options.redact else reviews
        _write(clean, options.output, taxonomy)
        print(f"{options.output}: written; {sum(a != b for a, b in zip(reviews, clean, strict=True))} reviews redacted")


def _read_each(paths: list[Path], taxonomy: Taxonomy) -> tuple[list[LabelledReview], list[str]]:
    reviews: list[LabelledReview] = []
    mistakes = []
    for path in paths:
        for file in files_of(path):
            try:
                reviews += read([file], taxonomy)
            except DataError as error:
                mistakes.append(str(error))
    return reviews, mistakes


def _redacted(reviews: list[LabelledReview]) -> list[LabelledReview]:
    redactor = Redactor.load()
    return [
        replace(review, sentences=tuple(_sentences_redacted(review.sentences, redactor)))
        for review in tqdm(reviews, unit=" reviews", mininterval=1)
    ]


def _sentences_redacted(sentences: tuple[str, ...], redactor: Redactor) -> Iterator[str]:
    """Looks at the whole review, so that a name may stand in the sentence after its cue."""
    found = redactor.spans("\n".join(sentences))
    begin = 0
    for sentence in sentences:
        end, clean = begin + len(sentence), sentence
        for span in reversed(found):
            if max(span.start, begin) < min(span.end, end):
                clean = clean[: max(span.start - begin, 0)] + span.tag + clean[span.end - begin :]
        yield clean
        begin = end + 1


def _write(reviews: list[LabelledReview], path: Path, taxonomy: Taxonomy) -> None:
    with write_atomically(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for review in reviews:
            record = {
                "sentences": review.sentences,
                "labels": [sorted(codes) or [taxonomy.neutral_code] for codes in review.codes],
                "rating": review.rating,
                "sector": review.sector,
                "source": review.source,
                "register": review.register,
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
