"""Do reviews still look like those this bundle saw first? Bundles carry no reference of their own yet, so the first thousand
reviews after it took over are the reference, and each thousand after them is held against it."""

from dataclasses import dataclass, field

import numpy as np

from model.score import Result

BLOCK = 1000
LENGTHS = (8, 16, 32, 64, 128, 256, 512)  # tokens


@dataclass
class Block:
    """Counts over some reviews: of each label, and of lengths by bucket."""

    reviews: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    lengths: np.ndarray = field(default_factory=lambda: np.zeros(len(LENGTHS) + 1))

    def add(self, result: Result) -> None:
        self.reviews += 1
        self.lengths[np.searchsorted(LENGTHS, result.tokens)] += 1
        for label in result.labels:
            name = label.id + label.sign
            self.labels[name] = self.labels.get(name, 0) + 1


@dataclass(frozen=True)
class Distance:
    """`labels`: the largest difference in the rate of a label. `length`: the largest between the cumulative shares of lengths
    (Kolmogorov–Smirnov). Both 0 to 1."""

    labels: float
    length: float


class Drift:
    """Fed with every result; tells a distance each time a block is full, the first excepted."""

    def __init__(self) -> None:
        self.first: Block | None = None
        self.block = Block()

    def add(self, result: Result) -> Distance | None:
        self.block.add(result)
        if self.block.reviews < BLOCK:
            return None
        full, self.block = self.block, Block()
        if self.first is None:
            self.first = full
            return None
        return distance(self.first, full)


def distance(first: Block, second: Block) -> Distance:
    """Between two blocks that are not empty."""
    names = {*first.labels, *second.labels}
    rates = [abs(first.labels.get(n, 0) / first.reviews - second.labels.get(n, 0) / second.reviews) for n in names]
    shares = np.cumsum(first.lengths) / first.reviews - np.cumsum(second.lengths) / second.reviews
    return Distance(max(rates, default=0.0), float(np.abs(shares).max()))
