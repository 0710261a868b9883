"""Whether to label on."""

from pathlib import Path

import numpy as np
import pytest

from model.predictor import Predictor
from training.dataset import read
from training.labelling.curve import Round, curve, expected_gain, hits, main

ROUNDS = [Round(size, Path(str(size))) for size in (100, 200, 400)]
DEMO = Path(__file__).parents[3] / "docs" / "demo" / "labelled.csv"


def counts(f1: float, reviews: int) -> np.ndarray:
    """Hits, and found + true, of reviews with one label each, found in a share of them."""
    hit = np.arange(reviews) < round(f1 * reviews)
    return np.stack([hit, np.full(reviews, 2)], axis=1)


def test_a_power_law_is_carried_on() -> None:
    sizes = np.array([100, 200, 400])
    assert expected_gain(sizes, 2 * sizes**-0.3, 400) == pytest.approx(2 * (400**-0.3 - 800**-0.3))
    assert expected_gain(sizes, np.array([0.2, 0.3, 0.4]), 400) == 0


@pytest.mark.parametrize(
    ("values", "reviews", "hint"),
    [((0.5, 0.6, 0.68), 2000, "go on"), ((0.700, 0.701, 0.702), 2000, "stop"), ((0.60, 0.62, 0.63), 60, "undecided")],
)
def test_the_hint_follows_the_interval(values: tuple[float, ...], reviews: int, hint: str) -> None:
    found = curve(ROUNDS, [counts(value, reviews) for value in values], 200)
    assert found.hint(0.01).startswith(hint)
    assert [figure.value for figure in found.figures] == pytest.approx(values, abs=0.01)
    assert found.expected.low <= found.expected.value <= found.expected.high


def test_the_bundle_before_the_first_label_is_shown_and_not_fitted() -> None:
    values = [counts(value, 2000) for value in (0.5, 0.6, 0.68)]
    without, with_first = curve(ROUNDS, values, 200), curve([Round(0, Path("0")), *ROUNDS], [counts(0.1, 2000), *values], 200)
    assert with_first.expected == without.expected
    assert len(with_first.figures) == 4


def test_rounds_that_brought_nothing_say_stop(predictor: Predictor) -> None:
    found = hits(predictor, read([DEMO], predictor.taxonomy))
    assert curve(ROUNDS, [found] * 3, 200).hint(0.01).startswith("stop")


@pytest.mark.parametrize(
    "rounds", [["100=x", "200=y"], ["100=x", "100=y", "200=z"], ["x", "y", "z"], ["0=x", "1=y", "2=z"], ["1=x", "-2=y", "3=z"]]
)
def test_too_few_rounds_are_refused(rounds: list[str]) -> None:
    with pytest.raises(SystemExit):
        main([*rounds, "--data", str(DEMO)])
