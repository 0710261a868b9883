"""Stage between export and evaluation: logits → probabilities (Platt scaling), and a threshold per output and policy.

Both are fitted on reviews the network was not trained on. An output with `ENOUGH` positive reviews in the real ones is
fitted on those alone; a rarer one on all (its real positives are too few to say anything).
"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from model.taxonomy import Taxonomy

ENOUGH = 30
SHRINKAGE = 15.0  # pseudo-reviews with which a threshold is drawn to that of its lens
POLICIES = ("balanced", "precision", "recall")
WANTED = 0.8  # the precision or recall the other two policies ask for
GRID = np.linspace(0.03, 0.97, 95)


@dataclass(frozen=True)
class Evidence:
    """Reviews for fitting. `logits`, `labels`: (reviews, outputs); `real`: (reviews,) bool, written by customers."""

    logits: np.ndarray
    labels: np.ndarray
    real: np.ndarray

    def take(self, rows: np.ndarray) -> "Evidence":
        return Evidence(self.logits[rows], self.labels[rows], self.real[rows])


@dataclass(frozen=True)
class Calibration:
    """Per output: `slopes`, `intercepts`, and `thresholds` by policy, (outputs,) each."""

    slopes: np.ndarray
    intercepts: np.ndarray
    thresholds: dict[str, np.ndarray]

    def scores(self, logits: np.ndarray) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(-np.clip(self.slopes * logits + self.intercepts, -60, 60))))


def fit(evidence: Evidence, taxonomy: Taxonomy) -> Calibration:
    """Fit calibration and thresholds. An output without a positive keeps its logit as it is and a threshold of its lens."""
    outputs = range(len(taxonomy.outputs))
    chosen = [_rows(evidence, column) for column in outputs]
    slopes, intercepts = np.ones(len(chosen)), np.zeros(len(chosen))
    for column, rows in zip(outputs, chosen, strict=True):
        labels = evidence.labels[rows, column]
        if 5 <= labels.sum() < len(labels):
            platt = LogisticRegression(C=1.0).fit(evidence.logits[rows, column][:, None], labels)
            slopes[column], intercepts[column] = max(platt.coef_[0, 0], 0.1), platt.intercept_[0]
    scores = Calibration(slopes, intercepts, {}).scores(evidence.logits)
    thresholds = {}
    for policy in POLICIES:
        found = np.array([_best(scores[r, c], evidence.labels[r, c], policy) for c, r in zip(outputs, chosen, strict=True)])
        support = np.array([evidence.labels[rows, column].sum() for column, rows in zip(outputs, chosen, strict=True)])
        for lens in taxonomy.lenses:
            columns = taxonomy.columns(lens.id)
            common = np.average(found[columns], weights=support[columns] + 1e-9)
            weight = support[columns] / (support[columns] + SHRINKAGE)
            found[columns] = weight * found[columns] + (1 - weight) * common
        thresholds[policy] = found
    return Calibration(slopes, intercepts, thresholds)


def _rows(evidence: Evidence, column: int) -> np.ndarray:
    enough = evidence.labels[evidence.real, column].sum() >= ENOUGH
    return np.flatnonzero(evidence.real) if enough else np.arange(len(evidence.real))


def _best(scores: np.ndarray, labels: np.ndarray, policy: str) -> float:
    """The threshold of a policy on a grid; F1 is smoothed over neighbours so that one review does not decide."""
    present = scores[None, :] >= GRID[:, None]
    hits = (present & (labels > 0)).sum(1)
    precision = hits / np.maximum(present.sum(1), 1)
    recall = hits / max(labels.sum(), 1)
    if policy == "balanced":
        f1 = 2 * hits / np.maximum(present.sum(1) + labels.sum(), 1)
        smooth = np.convolve(np.pad(f1, 3, mode="edge"), np.ones(7) / 7, "valid")
        return float(GRID[int(smooth.argmax())])
    if policy == "precision":
        good = np.flatnonzero((precision >= WANTED) & (hits > 0))
        return float(GRID[good[0]]) if len(good) else float(GRID[-1])
    good = np.flatnonzero(recall >= WANTED)
    return float(GRID[good[-1]]) if len(good) else float(GRID[0])
