"""Which reviews to label next, from their scores: three reasons, and a share at random.

- uncertain: a score near its output's threshold. Each output in turn takes the review it is least sure of, so that
  outputs that are often unsure do not take all (uncertainty sampling: Lewis and Gale 1994).
- rare: the outputs with the fewest labels so far, in turn, take the review they score highest: labels that are hardly
  ever found at random.
- different: the review farthest from all labelled and chosen ones (k-centre, greedy: Sener and Savarese 2018).
- random: drawn blindly. Only these say how the model does on all reviews: the others are chosen to be hard.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

import numpy as np

REASONS = ("uncertain", "rare", "different", "random")


@dataclass(frozen=True)
class Shares:
    """How much of a round goes to each reason; the rest is random."""

    uncertain: float = 0.35
    rare: float = 0.25
    different: float = 0.2


@dataclass(frozen=True)
class Pool:
    """Reviews to choose from. `scores`: (reviews, outputs) probabilities; `thresholds`: (outputs,); `found`: (outputs,) how many
    labelled reviews have each output; `vectors`, `labelled`: unit vectors of the pool and of what is labelled, (reviews, any)."""

    scores: np.ndarray
    thresholds: np.ndarray
    found: np.ndarray
    vectors: np.ndarray
    labelled: np.ndarray


@dataclass(frozen=True)
class Choice:
    """A review of the pool by its row, why it was chosen, and the column of the output that asked for it (-1: none)."""

    row: int
    reason: str
    column: int


def choose(pool: Pool, n: int, shares: Shares, *, seed: int) -> list[Choice]:
    """`n` different reviews, or all where there are fewer."""
    n = min(n, len(pool.scores))
    random = np.random.default_rng(seed)
    free = np.ones(len(pool.scores), bool)
    wanted = {"uncertain": round(n * shares.uncertain), "rare": round(n * shares.rare), "different": round(n * shares.different)}
    wanted["random"] = n - sum(wanted.values())
    order = ("random", "uncertain", "rare", "different")  # random first: no other reason has taken any of its reviews
    pickers = {
        "random": ((int(row), -1) for row in random.permutation(len(pool.scores))),
        "uncertain": _in_turn(np.argsort(np.abs(pool.scores - pool.thresholds), axis=0), range(pool.scores.shape[1])),
        "rare": _in_turn(np.argsort(-pool.scores, axis=0), rarest(pool.found)),
    }
    chosen: list[Choice] = []
    for reason in order:
        picker = pickers.get(reason) or _farthest(pool, free)
        for _ in range(wanted[reason]):
            row, column = next((row, column) for row, column in picker if free[row])
            free[row] = False
            chosen.append(Choice(row, reason, column))
    return chosen


def rarest(found: np.ndarray) -> list[int]:
    """The third of the outputs with the fewest labelled reviews, the rarest first."""
    return [int(column) for column in np.argsort(found, kind="stable")[: max(len(found) // 3, 1)]]


def _in_turn(ranked: np.ndarray, columns: range | list[int]) -> Iterator[tuple[int, int]]:
    """Row and column: each column in turn, its next row; `ranked`: (reviews, outputs), rows by rank."""
    for rank in range(len(ranked)):
        for column in columns:
            yield int(ranked[rank, column]), column


def _farthest(pool: Pool, free: np.ndarray) -> Iterator[tuple[int, int]]:
    """The free row with the smallest largest cosine to what is labelled or taken, again and again."""
    centres = np.concatenate([pool.labelled, pool.vectors[~free]])
    nearest = (pool.vectors @ centres.T).max(1) if len(centres) else np.zeros(len(pool.vectors))
    for _ in cycle([None]):
        row = int(np.argmin(np.where(free, nearest, np.inf)))
        yield row, -1
        nearest = np.maximum(nearest, pool.vectors @ pool.vectors[row])
