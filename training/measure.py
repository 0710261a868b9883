"""Figures: precision, recall, F1, average precision, with bootstrap intervals over reviews."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve

RESAMPLES = 1000


@dataclass(frozen=True)
class Figure:
    """A value with its 95 % percentile interval (Efron 1979)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"


def macro_f1(present: np.ndarray, labels: np.ndarray, columns: list[int]) -> Figure:
    """Mean over `columns` of F1; `present`, `labels`: (reviews, outputs) of 0 and 1."""
    return _bootstrap(present[:, columns], labels[:, columns], lambda hits, found, true: float(_f1(hits, found, true).mean()))


def micro_f1(present: np.ndarray, labels: np.ndarray, columns: list[int]) -> Figure:
    """F1 over all pairs of review and output in `columns`."""
    return _bootstrap(
        present[:, columns], labels[:, columns], lambda hits, found, true: float(_f1(hits.sum(), found.sum(), true.sum()))
    )


def by_output(scores: np.ndarray, present: np.ndarray, labels: np.ndarray) -> list[dict[str, float]]:
    """Per output: precision, recall, f1, average precision, support, expected calibration error (ten bins)."""
    rows = []
    for column in range(labels.shape[1]):
        found, true = present[:, column], labels[:, column]
        hits = float((found * true).sum())
        rows.append(
            {
                "precision": hits / max(float(found.sum()), 1),
                "recall": hits / max(float(true.sum()), 1),
                "f1": float(_f1(hits, found.sum(), true.sum())),
                "average_precision": float(average_precision_score(true, scores[:, column])) if true.any() else 0.0,
                "support": int(true.sum()),
                "found": int(found.sum()),
                "calibration_error": calibration_error(scores[:, column], true),
            }
        )
    return rows


def calibration_error(scores: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error over ten equal bins (Naeini et al. 2015)."""
    bins = np.minimum((scores * 10).astype(int), 9)
    gaps = [abs(scores[bins == b].mean() - labels[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    return float(sum(gaps))


def _f1(hits: np.ndarray | float, found: np.ndarray | float, true: np.ndarray | float) -> np.ndarray:
    return np.asarray(2 * hits / np.maximum(np.asarray(found) + true, 1e-9))


def _bootstrap(present: np.ndarray, labels: np.ndarray, statistic: Callable[..., float]) -> Figure:
    counts = np.stack([present * labels, present, labels], 1).astype(float)  # (reviews, 3, columns)
    random = np.random.default_rng(0)
    resampled = [
        statistic(*np.tensordot(random.multinomial(len(counts), np.full(len(counts), 1 / len(counts))).astype(float), counts, 1))
        for _ in range(RESAMPLES)
    ]
    return Figure(statistic(*counts.sum(0)), float(np.percentile(resampled, 2.5)), float(np.percentile(resampled, 97.5)))


@dataclass(frozen=True)
class Quality:
    """Of one output, or of several together: precision, recall and F1 over all pairs of row and output, macro-F1 over outputs.

    `support`: pairs that are true; `found`: pairs that are found. Average precision and calibration error are pooled.
    """

    name: str
    precision: Figure
    recall: Figure
    f1: Figure
    macro_f1: Figure
    average_precision: float
    calibration_error: float
    support: int
    found: int


def quality(name: str, scores: np.ndarray, present: np.ndarray, labels: np.ndarray, unit: np.ndarray) -> Quality:
    """`scores`, `present`, `labels`: (rows, outputs); `unit`: the review a row belongs to, (rows,): reviews are resampled, not rows."""
    by_review = np.zeros((int(unit.max()) + 1, 3, labels.shape[1]))
    np.add.at(by_review, unit, np.stack([present * labels, present, labels], 1))
    counts = by_review.sum(0)
    again = np.tensordot(_resamples(len(by_review)), by_review, 1)  # (resamples, 3, outputs)
    statistics = {
        "precision": lambda c: c[..., 0, :].sum(-1) / np.maximum(c[..., 1, :].sum(-1), 1),
        "recall": lambda c: c[..., 0, :].sum(-1) / np.maximum(c[..., 2, :].sum(-1), 1),
        "f1": lambda c: _f1(*(c[..., kind, :].sum(-1) for kind in range(3))),
        "macro_f1": lambda c: _f1(*(c[..., kind, :] for kind in range(3))).mean(-1),
    }
    figures = {
        key: Figure(float(of(counts)), *(float(bound) for bound in np.percentile(of(again), [2.5, 97.5])))
        for key, of in statistics.items()
    }
    return Quality(
        name,
        **figures,
        average_precision=float(average_precision_score(labels.ravel(), scores.ravel())) if labels.any() else 0.0,
        calibration_error=calibration_error(scores.ravel(), labels.ravel()),
        support=int(labels.sum()),
        found=int(present.sum()),
    )


def _resamples(units: int) -> np.ndarray:
    """How often each review is drawn in each resample, (resamples, reviews)."""
    drawn: np.ndarray = np.random.default_rng(0).multinomial(units, np.full(units, 1 / units), size=RESAMPLES)
    return drawn.astype(float)


@dataclass(frozen=True)
class Bin:
    """One of ten equal bins of scores: their mean, the share that is true, how many there are."""

    score: float
    share: float
    count: int


def reliability(scores: np.ndarray, labels: np.ndarray) -> list[Bin]:
    """The bins that hold anything."""
    bins = np.minimum((scores * 10).astype(int), 9)
    return [
        Bin(float(scores[bins == b].mean()), float(labels[bins == b].mean()), int((bins == b).sum())) for b in np.unique(bins)
    ]


@dataclass(frozen=True)
class Point:
    """Precision and recall at one threshold."""

    recall: float
    precision: float


def precision_recall(scores: np.ndarray, labels: np.ndarray, points: int = 80) -> list[Point]:
    """The curve over all thresholds, thinned to about `points`, without the made-up one at recall 0; empty where nothing is true."""
    if not labels.any():
        return []
    precision, recall, _ = precision_recall_curve(labels, scores)
    kept = np.unique(np.linspace(0, len(recall) - 2, points).astype(int))
    return [Point(float(recall[place]), float(precision[place])) for place in kept]
