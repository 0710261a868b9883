"""Stage `agree`: how far two annotators of the same reviews agree, per label.

Pairwise F1, Krippendorff's alpha (nominal, two annotators, nothing missing: Krippendorff 2004) and Gwet's AC1 (Gwet
2008), at review level. Alpha corrects for chance by how often a label occurs and is harsh on rare labels; AC1 is not.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.taxonomy import Taxonomy
from training.dataset import LabelledReview, read
from training.errors import DataError
from training.readings import review_labels


@dataclass(frozen=True)
class Agreement:
    """Of one label. `first`, `second`: in how many reviews each annotator sees it."""

    first: int
    second: int
    f1: float
    alpha: float
    ac1: float


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training agree", description="Agreement between two annotators.")
    parser.add_argument("--first", type=Path, nargs="+", required=True, help="labelled reviews")
    parser.add_argument("--second", type=Path, nargs="+", required=True, help="(some of) the same reviews, labelled by another")
    options = parser.parse_args(arguments)
    taxonomy = Taxonomy.load()
    first, second = same_reviews(read(options.first, taxonomy), read(options.second, taxonomy))
    print(f"{len(first)} reviews labelled by both\n")
    print("| label | first | second | F1 | alpha | AC1 |\n|---|---|---|---|---|---|")
    a, b = review_labels(first, taxonomy) > 0, review_labels(second, taxonomy) > 0
    rows = {lens.id: taxonomy.columns(lens.id) for lens in taxonomy.lenses}
    rows |= {name: [column] for column, name in enumerate(taxonomy.output_names)}
    for name, columns in rows.items():
        found = agreement(a[:, columns].ravel(), b[:, columns].ravel())
        if found.first or found.second:
            print(f"| {name} | {found.first} | {found.second} | {found.f1:.2f} | {found.alpha:.2f} | {found.ac1:.2f} |")


def same_reviews(first: list[LabelledReview], second: list[LabelledReview]) -> tuple[list[LabelledReview], list[LabelledReview]]:
    """The reviews both lists hold, in the order of the second; raises DataError where there are none."""
    known = {review.sentences: review for review in first}
    both = [review for review in second if review.sentences in known]
    if not both:
        raise DataError("no review is labelled by both annotators; their sentences must be the same")
    return [known[review.sentences] for review in both], both


def agreement(a: np.ndarray, b: np.ndarray) -> Agreement:
    """Of two vectors of yes and no."""
    n, both, observed = len(a), int((a & b).sum()), float((a == b).mean())
    share = (a.sum() + b.sum()) / (2 * n)
    by_chance_alpha = 1 - 2 * share * (1 - share) * 2 * n / (2 * n - 1)
    by_chance_ac1 = 2 * share * (1 - share)
    alpha = 1.0 if by_chance_alpha == 1 else (observed - by_chance_alpha) / (1 - by_chance_alpha)
    ac1 = (observed - by_chance_ac1) / (1 - by_chance_ac1)
    return Agreement(int(a.sum()), int(b.sum()), 2 * both / max(int(a.sum() + b.sum()), 1), float(alpha), float(ac1))
