"""Parts of a set of reviews to look at apart: by sector, source, length, variety of Dutch, rating and register."""

import re
from dataclasses import dataclass

import numpy as np

from training.dataset import LabelledReview

SMALLEST = 20  # a slice of fewer reviews says nothing and is hidden
FLEMISH = re.compile(r"\b(gij|gulle|goesting|plezant\w*|ambras|subiet|efkes|seffens|amai|allez|gsm|nen|microgolf|zulle)\b", re.I)


@dataclass(frozen=True)
class Slice:
    """`rows`: which reviews, (reviews,) bool."""

    by: str
    name: str
    rows: np.ndarray


def slices(reviews: list[LabelledReview]) -> tuple[list[Slice], int]:
    """The slices of `SMALLEST` reviews or more, largest first within each cut, and how many smaller ones are hidden."""
    shown, hidden = [], 0
    for by, name_of in CUTS.items():
        names = np.array([name_of(review) for review in reviews])
        found = sorted(((int((names == name).sum()), str(name)) for name in set(names) if name), reverse=True)
        shown += [Slice(by, name, names == name) for size, name in found if size >= SMALLEST]
        hidden += sum(size < SMALLEST for size, _ in found)
    return shown, hidden


def _sector(review: LabelledReview) -> str:
    return re.split(r" \(|/", review.sector)[0]


def _source(review: LabelledReview) -> str:
    return review.source.partition(":")[0]


def _length(review: LabelledReview) -> str:
    words = len(review.text.split())
    return "under 15 words" if words < 15 else "15 to 50 words" if words <= 50 else "over 50 words"


def _variety(review: LabelledReview) -> str:
    """A guess: the register or the sector says so, or a word that is hardly used in the Netherlands."""
    said = re.search(r"flem|vlaam|\bBE\b", f"{review.register} {review.sector}") or FLEMISH.search(review.text)
    return "Flemish" if said else "Netherlands"


def _rating(review: LabelledReview) -> str:
    return "no rating" if review.rating is None else f"{round(review.rating)} of 5"


def _register(review: LabelledReview) -> str:
    return review.register


CUTS = {
    "sector": _sector,
    "source": _source,
    "length": _length,
    "variety": _variety,
    "rating": _rating,
    "register": _register,
}
