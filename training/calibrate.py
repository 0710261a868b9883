"""Stage between export and evaluation: logits → probabilities (Platt scaling), and a threshold per output and policy.

Both are fitted on reviews the network was not trained on. An output with `ENOUGH` positive reviews in the real ones is
scaled on those alone; a rarer one on all (its real positives are too few to say anything). A threshold has to do for
every kind of review, the plain and the indirect: it is chosen on the mean over the sets, real ones weighing more, or on
all reviews together where one of them holds too few positives.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from model.taxonomy import Taxonomy

ENOUGH = 30  # positive real reviews for a scaling of their own
SOME = 15  # positive reviews for a set to have a say in a threshold
REAL_WEIGHT = 3  # of a set of real reviews in a threshold; from 2 to 4 it makes no difference, see LOG.md
SHRINKAGE = 15.0  # pseudo-reviews with which a threshold is drawn to that of its lens
POLICIES = ("balanced", "precision", "recall")
WANTED = 0.8  # the precision or recall the other two policies ask for
GRID = np.linspace(0.03, 0.97, 95)


@dataclass(frozen=True)
class Evidence:
    """Reviews for fitting. `logits`, `labels`: (reviews, outputs); `real`: (reviews,) bool, written by customers; `sets`: (reviews,)
    the number of the set each one came from."""

    logits: np.ndarray
    labels: np.ndarray
    real: np.ndarray
    sets: np.ndarray

    @classmethod
    def of(cls, sets: list[tuple[np.ndarray, np.ndarray, bool]]) -> "Evidence":
        """Of each set the logits, the labels, and whether customers wrote it."""
        logits, labels, real = zip(*sets, strict=True)
        sizes = [len(rows) for rows in logits]
        return cls(np.concatenate(logits), np.concatenate(labels), np.repeat(real, sizes), np.repeat(np.arange(len(sets)), sizes))


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
    groups = [_groups(evidence, column) for column in outputs]
    support = np.array([evidence.labels[np.concatenate(groups[column]), column].sum() for column in outputs])
    thresholds = {}
    for policy in POLICIES:
        found = np.array([_threshold(scores[:, c], evidence.labels[:, c], evidence.real, groups[c], policy) for c in outputs])
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


def _groups(evidence: Evidence, column: int) -> list[np.ndarray]:
    """The rows of each set, if every one holds `SOME` positives; otherwise all rows as one."""
    sets = [np.flatnonzero(evidence.sets == number) for number in np.unique(evidence.sets)]
    enough = all(evidence.labels[rows, column].sum() >= SOME for rows in sets)
    return sets if enough else [np.arange(len(evidence.sets))]


def _threshold(scores: np.ndarray, labels: np.ndarray, real: np.ndarray, groups: list[np.ndarray], policy: str) -> float:
    """The threshold of a policy on a grid, for the weighted mean of the groups; smoothed over neighbours so that one review does not decide."""
    weights = [REAL_WEIGHT if real[rows].all() else 1 for rows in groups]
    precision, recall, f1 = np.average([_curves(scores[rows], labels[rows]) for rows in groups], axis=0, weights=weights)
    if policy == "balanced":
        smooth = np.convolve(np.pad(f1, 3, mode="edge"), np.ones(7) / 7, "valid")
        return float(GRID[int(smooth.argmax())])
    if policy == "precision":
        good = np.flatnonzero((precision >= WANTED) & (recall > 0))
        return float(GRID[good[0]]) if len(good) else float(GRID[-1])
    good = np.flatnonzero(recall >= WANTED)
    return float(GRID[good[-1]]) if len(good) else float(GRID[0])


def _curves(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Precision, recall and F1 at every threshold of the grid, (3, thresholds)."""
    present = scores[None, :] >= GRID[:, None]
    hits = (present & (labels > 0)).sum(1)
    found, positives = np.maximum(present.sum(1), 1), max(labels.sum(), 1)
    return np.stack([hits / found, hits / positives, 2 * hits / (found + positives)])
