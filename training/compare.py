"""Stage `compare`: a candidate bundle against the current one on the same reviews; the gate before it is promoted.

Paired bootstrap over reviews (Efron 1979; Koehn 2004), per lens. A lens is worse where the whole 95 % interval of the
difference in micro-F1 lies below zero. Exit status 1 where any lens is worse.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.bundle import DEFAULT_BUNDLE
from model.predictor import Predictor
from training.dataset import LabelledReview, read
from training.measure import RESAMPLES
from training.readings import review_labels


@dataclass(frozen=True)
class Difference:
    """Micro-F1 of candidate minus current, with its 95 % interval."""

    current: float
    candidate: float
    low: float
    high: float

    @property
    def worse(self) -> bool:
        return self.high < 0


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training compare", description="May this candidate replace the current bundle?")
    parser.add_argument("candidate", type=Path)
    parser.add_argument("--current", type=Path, default=DEFAULT_BUNDLE)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="labelled reviews neither bundle was trained on")
    options = parser.parse_args(arguments)
    current, candidate = Predictor.load(options.current), Predictor.load(options.candidate)
    reviews = read(options.data, candidate.taxonomy)
    found = compare(current, candidate, reviews)
    print("| lens | current | candidate | difference, 95 % |\n|---|---|---|---|")
    for lens, d in found.items():
        print(f"| {lens} | {d.current:.3f} | {d.candidate:.3f} | {d.low:+.3f} … {d.high:+.3f}{' worse' if d.worse else ''} |")
    worse = [lens for lens, difference in found.items() if difference.worse]
    if worse:
        sys.exit(f"refused: the candidate is worse on {', '.join(worse)}")
    print("accepted: no lens is worse")


def compare(current: Predictor, candidate: Predictor, reviews: list[LabelledReview]) -> dict[str, Difference]:
    """Per lens that occurs in the reviews. Raises ValueError where the bundles have different outputs."""
    taxonomy = candidate.taxonomy
    if taxonomy.output_names != current.taxonomy.output_names:
        raise ValueError("the bundles have different outputs and cannot be compared")
    labels = review_labels(reviews, taxonomy) > 0
    present = [present_labels(predictor, reviews) for predictor in (current, candidate)]
    rows = np.random.default_rng(0).integers(0, len(reviews), (RESAMPLES, len(reviews)))
    made = {}
    for lens in taxonomy.lenses:
        columns = taxonomy.columns(lens.id)
        if labels[:, columns].any():
            before, after = (hits_by_review(p[:, columns], labels[:, columns]) for p in present)
            spread = np.quantile([f1(after[r]) - f1(before[r]) for r in rows], [0.025, 0.975])
            made[lens.id] = Difference(f1(before), f1(after), float(spread[0]), float(spread[1]))
    return made


def present_labels(predictor: Predictor, reviews: list[LabelledReview]) -> np.ndarray:
    """Labels found, (reviews, outputs) bool."""
    index = {name: column for column, name in enumerate(predictor.taxonomy.output_names)}
    present = np.zeros((len(reviews), len(index)), dtype=bool)
    for row, result in enumerate(predictor.stream(review.text for review in reviews)):
        present[row, [index[label.id + label.sign] for label in result.labels]] = True
    return present


def hits_by_review(present: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Per review hits and found + true, (reviews, 2)."""
    return np.stack([(present & labels).sum(1), present.sum(1) + labels.sum(1)], axis=1)


def f1(counts: np.ndarray) -> float:
    """Micro-F1 of counts of some reviews, (reviews, 2)."""
    hits, both = counts.sum(0)
    return float(2 * hits / max(both, 1))
