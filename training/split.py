"""Labelled reviews → those to train on and those held out: nothing leaks from one to the other, and no label is short on either side."""

import re

import numpy as np

from training.dataset import LabelledReview
from training.errors import DataError

DEALS = 200
FAR_OFF = 2.5  # standard deviations of a random deal
ON_ONE_SIDE = 100.0  # as many for a label that one side lacks


def hold_out(reviews: list[LabelledReview], share: float, *, seed: int) -> tuple[list[LabelledReview], list[LabelledReview]]:
    """Split off about `share` of the reviews; near duplicates stay on one side, and every label that occurs more than once is on both sides,
    where that can be.

    Near duplicates are reviews that share a sentence of five words or more, or whose character 4-gram TF-IDF vectors
    have a cosine of 0.6 or more (contrast pairs are such). Groups are dealt at random until the share is reached, and dealt
    again while a label has more than `FAR_OFF` standard deviations too many or too few reviews on one side, or none; of `DEALS`
    the most even one is taken.
    """
    group = _near_duplicates([review.sentences for review in reviews])
    if group.max() == 0:
        raise DataError(f"{len(reviews)} reviews that are all alike cannot be split; bring more and different ones")
    codes_of = [frozenset().union(*review.codes) for review in reviews]
    all_codes = sorted(frozenset().union(*codes_of))
    has = np.array([[code in codes for code in all_codes] for codes in codes_of])
    sizes = np.bincount(group)
    dice = np.random.default_rng(seed)
    best, least = np.zeros(len(reviews), dtype=bool), np.inf
    for _ in range(DEALS):
        order = dice.permutation(len(sizes))
        outside = np.isin(group, order[np.cumsum(sizes[order]) <= max(share * len(reviews), sizes[order[0]])])
        uneven = _unevenness(has, outside)
        if uneven < least:
            best, least = outside, uneven
        if uneven <= FAR_OFF:
            break
    return (
        [review for review, out in zip(reviews, best, strict=True) if not out],
        [review for review, out in zip(reviews, best, strict=True) if out],
    )


def _unevenness(has: np.ndarray, outside: np.ndarray) -> float:
    """By how many standard deviations (of a random deal) the most uneven label of `has`, (reviews, labels) bool, is off; worse than
    that is one which occurs more than once and is on one side alone."""
    if not has.size:
        return 0.0
    all_of_it, found, share = has.sum(0), has[outside].sum(0), outside.mean()
    off = np.abs(found - share * all_of_it) / np.sqrt(np.maximum(all_of_it * share * (1 - share), 1e-9))
    on_one_side = (all_of_it > 1) & ((found == 0) | (found == all_of_it))
    return float(off.max() + ON_ONE_SIDE * on_one_side.sum())


def _near_duplicates(reviews: list[tuple[str, ...]]) -> np.ndarray:
    """A group number for each review."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from sklearn.feature_extraction.text import TfidfVectorizer

    edges: list[tuple[int, int]] = []
    first_with: dict[str, int] = {}
    for number, sentences in enumerate(reviews):
        for sentence in sentences:
            words = re.findall(r"\w+", sentence.lower())
            if len(words) >= 5:
                edges.append((number, first_with.setdefault(" ".join(words), number)))
    limits = {"min_df": 2, "max_df": len(reviews) // 50} if len(reviews) > 500 else {}
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 4), dtype=np.float32, **limits)
    vectors = grams.fit_transform(" ".join(sentences) for sentences in reviews)
    for start in range(0, len(reviews), 1000):
        near = (vectors[start : start + 1000] @ vectors.T).tocoo()
        close = near.data >= 0.6
        edges += zip(near.row[close] + start, near.col[close], strict=True)
    rows, columns = np.array(edges or [(0, 0)]).T
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(reviews), len(reviews)))
    return np.asarray(connected_components(graph, directed=False)[1])
