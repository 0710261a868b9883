"""Figures: precision, recall, F1, average precision, with bootstrap intervals over reviews."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score

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
