"""How far annotators agree, in formulas: any number of annotators, any of whom may have skipped a unit.

All from one table: how many annotators put each unit in each category. So a bootstrap over reviews is a matter of weights.
"""

from dataclasses import dataclass

import numpy as np

from training.measure import RESAMPLES, Figure


@dataclass(frozen=True)
class Agreement:
    """Of one label, with 95 % bootstrap intervals over reviews. `yes`: how often an annotator sees it, all together."""

    yes: int
    f1: Figure
    alpha: Figure
    ac1: Figure


def alpha(counts: np.ndarray) -> float:
    """Krippendorff's alpha for nominal data (Krippendorff 2011); `counts`: annotators a unit and category."""
    return float(_alpha(_sums(counts, np.arange(len(counts))), np.ones((1, len(counts))))[0])


def ac1(counts: np.ndarray) -> float:
    """Gwet's AC1 (Gwet 2008), nominal, units that some did not rate included."""
    return float(_ac1(_sums(counts, np.arange(len(counts))), np.ones((1, len(counts))))[0])


def agreement(yes: np.ndarray, raters: np.ndarray, review: np.ndarray) -> Agreement:
    """Of one label. `yes`: how many of the `raters` of each unit see it; `review`: which review, from 0, the unit is of; (units,) of int."""
    sums = _sums(np.column_stack([raters - yes, yes]), review)
    reviews = len(sums.twice)
    drawn = np.random.default_rng(0).multinomial(reviews, np.full(reviews, 1 / reviews), RESAMPLES)
    weights = np.vstack([np.ones(reviews), drawn]).astype(float)
    both, either = (weights @ _by_review(np.column_stack([yes * (yes - 1), yes * (raters - 1)]), review)).T
    f1 = np.divide(both, either, out=np.ones_like(both), where=either > 0)
    return Agreement(int(yes.sum()), *(_figure(values) for values in (f1, _alpha(sums, weights), _ac1(sums, weights))))


@dataclass(frozen=True)
class _Sums:
    """Sums over the units of each review. Of units that two or more rated: ratings per category, disagreement, agreement and
    how many they are; of all units: shares of the categories, and how many are rated."""

    paired: np.ndarray
    disagreement: np.ndarray
    agreement: np.ndarray
    twice: np.ndarray
    shares: np.ndarray
    rated: np.ndarray


def _sums(counts: np.ndarray, review: np.ndarray) -> _Sums:
    raters = counts.sum(1)
    twice = raters >= 2
    others = np.maximum(raters - 1, 1)
    paired = counts * twice[:, None]
    disagreement = twice * (counts * (raters[:, None] - counts)).sum(1) / others
    agreed = twice * (counts * (counts - 1)).sum(1) / np.maximum(raters * others, 1)
    shares = counts / np.maximum(raters, 1)[:, None]
    return _Sums(*(_by_review(values, review) for values in (paired, disagreement, agreed, twice, shares, raters > 0)))


def _by_review(values: np.ndarray, review: np.ndarray) -> np.ndarray:
    """Sums over the units of each review."""
    sums = np.zeros((review.max() + 1, *values.shape[1:]))
    np.add.at(sums, review, values)
    return sums


def _alpha(sums: _Sums, weights: np.ndarray) -> np.ndarray:
    """1 where all ratings are of one category: there is nothing to disagree on."""
    totals = weights @ sums.paired
    n = totals.sum(1)
    expected = (totals * (n[:, None] - totals)).sum(1) / np.maximum(n - 1, 1)
    observed = weights @ sums.disagreement
    return 1 - np.divide(observed, expected, out=np.zeros_like(observed), where=expected > 0)


def _ac1(sums: _Sums, weights: np.ndarray) -> np.ndarray:
    observed = (weights @ sums.agreement) / np.maximum(weights @ sums.twice, 1e-9)
    share = (weights @ sums.shares) / np.maximum(weights @ sums.rated, 1e-9)[:, None]
    by_chance = (share * (1 - share)).sum(1) / (share.shape[1] - 1)
    return (observed - by_chance) / (1 - by_chance)


def _figure(values: np.ndarray) -> Figure:
    """The value on all units and the percentiles of the resampled ones."""
    return Figure(float(values[0]), float(np.percentile(values[1:], 2.5)), float(np.percentile(values[1:], 97.5)))
