"""Step `agree`: how far annotators of the same reviews agree, who sees what more often, and what is left to decide.

Pairwise F1 over all pairs of annotators, Krippendorff's alpha and Gwet's AC1, per label and lens, with bootstrap intervals
over reviews. Alpha corrects for chance by how often a label occurs and is harsh on rare labels; AC1 is not.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.taxonomy import Output, Taxonomy
from training.errors import DataError
from training.files import write_atomically
from training.labelling.agreement import Agreement, agreement
from training.labelling.annotated import Annotated, read_annotated
from training.labelling.label_studio import Task, shown, to_tasks

CLEAR = 1.96


@dataclass(frozen=True)
class Shared:
    """A review that two or more annotators labelled."""

    id: str
    sentences: tuple[str, ...]
    by: tuple[Annotated, ...]


@dataclass(frozen=True)
class Ratings:
    """`yes`: (annotators, units, outputs) of 0 and 1; `rated`: (annotators, units), whether the annotator saw the unit;
    `review`: (units,), the review each unit is of."""

    annotators: list[str]
    yes: np.ndarray
    rated: np.ndarray
    review: np.ndarray


@dataclass(frozen=True)
class Bias:
    """How often an annotator sees a label beside how often the others do on the same reviews; `z` of the paired difference."""

    annotator: str
    share: float
    others: float
    z: float


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training label agree", description="Agreement among annotators of the same reviews.")
    parser.add_argument("data", type=Path, nargs="+", help="JSONL with `annotator`, or a file or folder for each annotator")
    parser.add_argument("--sentences", action="store_true", help="of sentences; default: of reviews")
    parser.add_argument("--disagreements", type=Path, help="write what to decide on as Label Studio tasks (.json)")
    options = parser.parse_args(arguments)
    taxonomy = Taxonomy.load()
    try:
        reviews = shared(read_annotated(options.data, taxonomy))
    except DataError as error:
        sys.exit(f"label agree: {error}")
    ratings = rate(reviews, taxonomy, sentences=options.sentences)
    who = ", ".join(ratings.annotators)
    print(f"{len(reviews)} reviews labelled by two or more of {len(ratings.annotators)} annotators ({who})\n")
    print(table(ratings, taxonomy))
    if options.disagreements:
        tasks = disagreements(reviews, taxonomy)
        with write_atomically(options.disagreements) as temporary:
            temporary.write_text(to_tasks(tasks), encoding="utf-8")
        print(f"\n{options.disagreements}: {len(tasks)} sentences of {len({t.review for t in tasks})} reviews to decide on")


def shared(annotated: list[Annotated]) -> list[Shared]:
    """Reviews with the same sentences by two or more annotators. Raises DataError where there are none."""
    groups: dict[tuple[str, ...], dict[str, Annotated]] = {}
    for review in annotated:
        groups.setdefault(review.sentences, {})[review.annotator] = review
    found = [
        Shared(next(iter(by.values())).id, sentences, tuple(by[name] for name in sorted(by)))
        for sentences, by in groups.items()
        if len(by) > 1
    ]
    if not found:
        raise DataError("no review is labelled by two annotators; their sentences must be the same")
    return found


def rate(reviews: list[Shared], taxonomy: Taxonomy, *, sentences: bool) -> Ratings:
    """Who said what, of reviews (the union over its sentences) or of sentences."""
    annotators = sorted({review.annotator for one in reviews for review in one.by})
    sizes = [len(review.sentences) if sentences else 1 for review in reviews]
    owner = np.repeat(np.arange(len(reviews)), sizes)
    yes = np.zeros((len(annotators), len(owner), len(taxonomy.outputs)), dtype=int)
    rated = np.zeros((len(annotators), len(owner)), dtype=int)
    column = {name: number for number, name in enumerate(taxonomy.output_names)}
    for review, first in zip(reviews, np.cumsum([0, *sizes]), strict=False):
        for said in review.by:
            row = annotators.index(said.annotator)
            for number, names in enumerate(said.names):
                unit = first + (number if sentences else 0)
                rated[row, unit] = 1
                yes[row, unit, [column[name] for name in names]] = 1
    return Ratings(annotators, yes, rated, owner)


def of_columns(ratings: Ratings, columns: list[int]) -> Agreement:
    """Agreement on some outputs together: every pair of unit and output is a yes or a no."""
    yes = ratings.yes[:, :, columns].sum(0).ravel()
    return agreement(yes, np.repeat(ratings.rated.sum(0), len(columns)), np.repeat(ratings.review, len(columns)))


def biases(ratings: Ratings, column: int) -> list[Bias]:
    """Of one output, a line an annotator: positive `z` is a label seen more often than others see it."""
    yes, rated = ratings.yes[:, :, column], ratings.rated
    found = []
    for row, annotator in enumerate(ratings.annotators):
        others = np.delete(rated, row, 0).sum(0)
        both = (rated[row] > 0) & (others > 0)
        mine, theirs = yes[row, both], np.delete(yes, row, 0)[:, both].sum(0) / others[both]
        gap = mine - theirs
        by_review = np.bincount(ratings.review[both], gap - gap.mean())  # sentences of a review are not independent
        error = float(np.sqrt((by_review**2).sum()) / len(gap))
        found.append(Bias(annotator, float(mine.mean()), float(theirs.mean()), float(gap.mean()) / error if error else 0.0))
    return found


def table(ratings: Ratings, taxonomy: Taxonomy) -> str:
    """Markdown: a line a lens and a line an output, with each annotator's share of yes, `*` where it is clearly another's."""
    rows = {lens.id: taxonomy.columns(lens.id) for lens in taxonomy.lenses}
    rows |= {name: [column] for column, name in enumerate(taxonomy.output_names)}
    lines = [f"| label | yes | pairwise F1 | alpha | AC1 | {' | '.join(f'seen by {name}' for name in ratings.annotators)} |"]
    lines.append("|---" * (5 + len(ratings.annotators)) + "|")
    for name, columns in rows.items():
        found = of_columns(ratings, columns)
        if found.yes:
            seen = biases(ratings, columns[0]) if len(columns) == 1 else []
            shares = [f"{b.share:.1%}{'*' if abs(b.z) > CLEAR else ''}" for b in seen] or [""] * len(ratings.annotators)
            lines.append(f"| {name} | {found.yes} | {found.f1} | {found.alpha} | {found.ac1} | {' | '.join(shares)} |")
    return "\n".join(
        [*lines, "", "`*`: seen clearly more or less often than by the others on the same reviews (paired, |z| > 1.96)."]
    )


def disagreements(reviews: list[Shared], taxonomy: Taxonomy) -> list[Task]:
    """A task for every sentence the annotators do not label alike; its note says who said what."""
    return [
        Task(
            review.id,
            number,
            len(review.sentences),
            text,
            " ".join(review.sentences),
            blind=True,
            note=_note(review, number, taxonomy),
        )
        for review in reviews
        for number, text in enumerate(review.sentences)
        if len({said.names[number] for said in review.by}) > 1
    ]


def _note(review: Shared, number: int, taxonomy: Taxonomy) -> str:
    agreed = frozenset.intersection(*(said.names[number] for said in review.by))

    def listed(outputs: list[Output]) -> str:
        return ", ".join(shown(output) for output in outputs) or "geen"

    parts = [f"eens: {listed([o for o in taxonomy.outputs if o.name in agreed])}"]
    parts += [
        f"alleen {said.annotator}: {listed([o for o in taxonomy.outputs if o.name in said.names[number] - agreed])}"
        for said in review.by
    ]
    return "; ".join(parts)
