"""Which reviews to label next: those that tell the most, and a share at random.

What a review tells, three reasons multiplied:

- doubt: how near the scores of its most doubtful outputs are to their thresholds (Lewis and Gale 1994), of each output apart;
- rarity: an output counts for less the more labelled reviews have it, so labels that are hardly ever found at random are hunted;
- difference: how far it lies from all that is labelled or chosen (k-centre, greedy: Sener and Savarese 2018).

Only the random ones say how the model does on all reviews: the others are chosen to be hard.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

TELLING, RANDOM = "telling", "random"
MOST_DOUBTFUL = 3  # outputs of a review that count: more would choose the longest reviews
RARITY = 0.5  # the power of the number of labelled reviews that an output is divided by


@dataclass(frozen=True)
class Pool:
    """Reviews to choose from. `scores`: (reviews, outputs) probabilities; `thresholds`: (outputs,); `found`: (outputs,) how many
    labelled reviews have each output; `places`, `labelled`: unit vectors of the pool and of what is labelled, (reviews, any)."""

    scores: np.ndarray
    thresholds: np.ndarray
    found: np.ndarray
    places: np.ndarray
    labelled: np.ndarray


@dataclass(frozen=True)
class Choice:
    """A review of the pool by its row, why it was chosen, and the column of the output that most asked for it (-1: none)."""

    row: int
    reason: str
    column: int


def choose(pool: Pool, n: int, random_share: float, *, seed: int) -> list[Choice]:
    """`n` different reviews, or all where there are fewer. Random ones first: nothing has taken any of theirs."""
    n = min(n, len(pool.scores))
    drawn = np.random.default_rng(seed).permutation(len(pool.scores))[: round(n * random_share)]
    chosen = [Choice(int(row), RANDOM, -1) for row in drawn]
    asked = asking(pool)
    tells = np.sort(asked, axis=1)[:, -MOST_DOUBTFUL:].sum(1)
    nearest = _nearest(pool.places, np.concatenate([pool.labelled, pool.places[drawn]]))
    free = np.ones(len(tells), bool)
    free[drawn] = False
    while len(chosen) < n:
        row = int(np.argmax(np.where(free, tells * (1 - nearest), -1)))
        chosen.append(Choice(row, TELLING, int(asked[row].argmax())))
        free[row] = False
        nearest = np.maximum(nearest, pool.places @ pool.places[row])
    return chosen


def asking(pool: Pool) -> np.ndarray:
    """How much each output asks for each review: doubt by rarity, (reviews, outputs)."""
    scores, thresholds = (np.clip(values, 1e-6, 1 - 1e-6) for values in (pool.scores, pool.thresholds))
    doubt = 0.5 - np.abs(expit(logit(scores) - logit(thresholds)) - 0.5)
    return np.asarray(doubt * (1 + pool.found) ** -RARITY)


def _nearest(places: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The cosine to the nearest centre, 0 to 1; 0 where there is none."""
    return np.clip((places @ centres.T).max(1), 0, 1) if len(centres) else np.zeros(len(places))
