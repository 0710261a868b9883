"""Step `adjudicate`: what annotators agree on + what was decided where they did not → one labelled set, saying who decided.

Nothing is decided by majority: a review with a sentence that is neither agreed on nor decided is left out and named.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from model.taxonomy import Taxonomy
from training.errors import DataError
from training.files import write_atomically
from training.labelling.agree import Shared, shared
from training.labelling.annotated import Sentence, coded, read_annotated
from training.labelling.label_studio import from_label_studio
from training.labelling.source import read_text


@dataclass(frozen=True)
class Decided:
    """A review with final labels. `decided_by`: `agreed` or who decided, for each sentence."""

    review: Shared
    names: tuple[frozenset[str], ...]
    decided_by: tuple[str, ...]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training label adjudicate", description="Agreed labels + decisions → one labelled set.")
    parser.add_argument("data", type=Path, nargs="+", help="what `label agree` was given")
    parser.add_argument("--decisions", type=Path, required=True, help="Label Studio export (JSON) of the disagreements")
    parser.add_argument("-o", "--output", type=Path, required=True, help="labelled reviews, JSON lines")
    options = parser.parse_args(arguments)
    taxonomy = Taxonomy.load()
    problems: list[str] = []
    try:
        reviews = shared(read_annotated(options.data, taxonomy))
        sentences = list(from_label_studio(read_text(options.decisions), taxonomy, problems))
    except DataError as error:
        sys.exit(f"label adjudicate: {error}")
    found = decide(reviews, sentences, problems)
    with write_atomically(options.output) as temporary:
        temporary.write_text("".join(_line(one, taxonomy) for one in found), encoding="utf-8")
    for problem in problems:
        print(problem, file=sys.stderr)
    decided = sum(who != "agreed" for one in found for who in one.decided_by)
    print(f"{options.output}: {len(found)} reviews, {decided} sentences decided; {len(problems)} problems")


def decide(reviews: list[Shared], decisions: list[Sentence], problems: list[str]) -> list[Decided]:
    """The reviews that are settled whole; the others are added to `problems`."""
    ruling = {(decision.review, decision.number): decision for decision in decisions}
    found = []
    for review in reviews:
        names, decided_by = [], []
        for number, text in enumerate(review.sentences):
            said = {by.names[number] for by in review.by}
            ruled = ruling.get((review.id, number))
            if len(said) == 1:
                names.append(said.pop())
                decided_by.append("agreed")
            elif ruled and ruled.text == text:
                names.append(ruled.names)
                decided_by.append(ruled.annotator)
        if len(names) == len(review.sentences):
            found.append(Decided(review, tuple(names), tuple(decided_by)))
        else:
            problems.append(
                f"review {review.id}: {len(review.sentences) - len(names)} sentences are still to be decided; left out"
            )
    return found


def _line(found: Decided, taxonomy: Taxonomy) -> str:
    record = {
        "id": found.review.id,
        "sentences": found.review.sentences,
        "labels": coded(found.names, taxonomy),
        "decided_by": found.decided_by,
    }
    record |= {f"annotator_{by.annotator}": coded(by.names, taxonomy) for by in found.review.by}
    return json.dumps(record, ensure_ascii=False) + "\n"
