"""Do reviews still look like those they should look like? Each thousand that come in are held against the bundle's reference.

A bundle that was made without a reference is held against the first thousand reviews it reads here.
"""

from dataclasses import dataclass

import numpy as np

from model.reference import Reference
from model.score import Result

BLOCK = 1000


@dataclass(frozen=True)
class Distance:
    """`labels`: the largest difference in the rate of a label. `length`: the largest between the cumulative shares of lengths
    (Kolmogorov–Smirnov). Both 0 to 1."""

    labels: float
    length: float


class Drift:
    """Fed with all results; tells a distance each time a thousand or more are in."""

    def __init__(self, reference: Reference | None) -> None:
        self.reference = reference
        self.against = "first_reviews" if reference is None else "bundle"
        self.block = Reference.of([])

    def add(self, results: list[Result]) -> Distance | None:
        self.block += Reference.of(results)
        if self.block.reviews < BLOCK:
            return None
        full, self.block = self.block, Reference.of([])
        if self.reference is None:
            self.reference = full
            return None
        return distance(self.reference, full)


def distance(expected: Reference, found: Reference) -> Distance:
    """Between two counts that are not empty."""
    names = {*expected.labels, *found.labels}
    rates = [abs(expected.labels.get(n, 0) / expected.reviews - found.labels.get(n, 0) / found.reviews) for n in names]
    shares = np.cumsum(expected.lengths) / expected.reviews - np.cumsum(found.lengths) / found.reviews
    return Distance(max(rates, default=0.0), float(np.abs(shares).max()))
