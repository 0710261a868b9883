"""Step `curve`: is it worth it to label more? What the bundles of the rounds so far do on the same reviews, and where that leads.

Error falls as a power of the number of labels (Figueroa et al. 2012, BMC Medical Informatics 12:8): a line through the
rounds on logarithmic scales says what the next reviews will bring. Its interval is from a bootstrap over the reviews measured on.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.predictor import Predictor
from training.compare import f1, hits_by_review, present_labels
from training.dataset import LabelledReview, read
from training.errors import DataError
from training.measure import RESAMPLES, Figure
from training.readings import review_labels

FEWEST = 3  # rounds: through two any line fits


@dataclass(frozen=True)
class Round:
    """A bundle and how many reviews of your own it had learnt from; 0 for the one you began with."""

    labelled: int
    bundle: Path


@dataclass(frozen=True)
class Curve:
    """Micro-F1 after each round, what the last round brought, and what `more` labelled reviews are expected to bring."""

    rounds: list[Round]
    figures: list[Figure]
    last: Figure
    more: int
    expected: Figure

    def hint(self, worth: float) -> str:
        """What to do, where a round is worth labelling for `worth` of F1."""
        if self.expected.high < worth:
            return f"stop: even the upper end is less than {worth}"
        if self.expected.low >= worth:
            return f"go on: even the lower end is {worth} or more"
        return (
            f"undecided: {worth} lies inside the interval; another round tells more, and so do more random reviews to measure on"
        )


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training label curve", description="Is it worth it to label more?")
    parser.add_argument("rounds", nargs="+", type=_round, help="100=runs/first 200=runs/second …: labelled reviews, bundle")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="labelled random reviews none was trained on")
    parser.add_argument("--n", type=int, default=200, help="reviews the next round would have (200)")
    parser.add_argument("--worth", type=float, default=0.01, help="gain of F1 a round is worth the work for (0.01)")
    options = parser.parse_args(arguments)
    rounds = sorted(options.rounds, key=lambda one: one.labelled)
    if len({one.labelled for one in rounds} - {0}) < FEWEST or len({one.labelled for one in rounds}) < len(rounds):
        parser.error(f"give {FEWEST} rounds or more that learnt from your reviews, each from another number of them")
    predictors = [Predictor.load(one.bundle) for one in rounds]
    if len({predictor.taxonomy.output_names for predictor in predictors}) > 1:
        raise DataError("the bundles have different outputs and cannot be compared")
    reviews = read(options.data, predictors[0].taxonomy)
    found = curve(rounds, [hits(predictor, reviews) for predictor in predictors], options.n)
    print(f"{len(reviews)} reviews to measure on\n\n| labelled reviews | micro-F1 |\n|---|---|")
    for one, figure in zip(found.rounds, found.figures, strict=True):
        print(f"| {one.labelled} | {figure} |")
    print(f"\nthe last round brought {_signed(found.last)}; the next {options.n} are expected to bring {_signed(found.expected)}")
    print(found.hint(options.worth))
    if len(reviews) < 100:
        print("measured on fewer than 100 reviews: the intervals are too wide to lean on", file=sys.stderr)


def curve(rounds: list[Round], counts: list[np.ndarray], more: int) -> Curve:
    """`counts`: of each round `hits` on the same reviews, (reviews, 2). What was before the first label is shown, not fitted."""
    reviews = len(counts[0])
    rows = np.random.default_rng(0).integers(0, reviews, (RESAMPLES, reviews))
    sizes = np.array([one.labelled for one in rounds])
    values = np.array([[f1(count[drawn]) for count in counts] for drawn in [np.arange(reviews), *rows]])
    fitted = sizes > 0
    gains = np.array([expected_gain(sizes[fitted], 1 - row[fitted], more) for row in values])
    figures = [_figure(column) for column in values.T]
    return Curve(rounds, figures, _figure(values[:, -1] - values[:, -2]), more, _figure(gains))


def expected_gain(sizes: np.ndarray, errors: np.ndarray, more: int) -> float:
    """How much the power law through the errors falls from the last size to `more` beyond it; 0 where they do not fall."""
    slope, level = np.polyfit(np.log(sizes), np.log(np.maximum(errors, 1e-6)), 1)
    now, then = np.exp(level + slope * np.log(np.array([sizes[-1], sizes[-1] + more])))
    return max(float(now - then), 0.0)


def hits(predictor: Predictor, reviews: list[LabelledReview]) -> np.ndarray:
    """Per review how many labels are right, and how many are found and true together, (reviews, 2)."""
    return hits_by_review(present_labels(predictor, reviews), review_labels(reviews, predictor.taxonomy) > 0)


def _figure(values: np.ndarray) -> Figure:
    return Figure(float(values[0]), float(np.percentile(values[1:], 2.5)), float(np.percentile(values[1:], 97.5)))


def _signed(figure: Figure) -> str:
    return f"{figure.value:+.3f} ({figure.low:+.3f} … {figure.high:+.3f})"


def _round(text: str) -> Round:
    number, equals, bundle = text.partition("=")
    if not equals or not number.isdigit():
        raise argparse.ArgumentTypeError(f"{text}: a round is LABELLED=BUNDLE, such as 200=runs/second")
    return Round(int(number), Path(bundle))
