"""The figures behind the headline: per output, lens and overall, for reviews and for sentences, and per slice."""

from dataclasses import dataclass

import numpy as np

from model.taxonomy import Taxonomy
from training.dataset import LabelledReview
from training.measure import Bin, Figure, Point, Quality, precision_recall, quality, reliability
from training.slices import slices

ALL = "all"


@dataclass(frozen=True)
class Readings:
    """What was read and what is true: `scores`, `present`, `labels`: (rows, outputs); `unit`: the review of each row."""

    scores: np.ndarray
    present: np.ndarray
    labels: np.ndarray
    unit: np.ndarray


@dataclass(frozen=True)
class Confusion:
    """Of rows with one true tier or none: true by found. `counts[t][f]`; the last name stands for no tier.

    The found tier is the one with the highest score among those over their threshold. `left_out`: rows with more true tiers.
    """

    names: list[str]
    counts: list[list[int]]
    left_out: int


@dataclass(frozen=True)
class Level:
    """Figures of reviews, or of sentences. Lists go by output in the taxonomy's order, or by lens, `all` last."""

    name: str
    rows: int
    outputs: list[Quality]
    lenses: list[Quality]
    reliability: dict[str, list[Bin]]
    curves: dict[str, list[Point]]
    tiers: Confusion


@dataclass(frozen=True)
class SliceFigures:
    """Micro-F1 per lens within a slice; a lens without a true label in it is absent."""

    by: str
    name: str
    reviews: int
    f1: dict[str, Figure]
    support: dict[str, int]


def level(name: str, found: Readings, taxonomy: Taxonomy) -> Level:
    """All figures of one level."""
    groups = {lens.id: taxonomy.columns(lens.id) for lens in taxonomy.lenses} | {ALL: list(range(len(taxonomy.outputs)))}
    return Level(
        name=name,
        rows=len(found.labels),
        outputs=[_quality(output, found, [column]) for column, output in enumerate(taxonomy.output_names)],
        lenses=[_quality(lens, found, columns) for lens, columns in groups.items()],
        reliability={
            lens: reliability(found.scores[:, columns].ravel(), found.labels[:, columns].ravel())
            for lens, columns in groups.items()
        },
        curves={
            lens: precision_recall(found.scores[:, columns].ravel(), found.labels[:, columns].ravel())
            for lens, columns in groups.items()
        },
        tiers=_confusion(found, taxonomy),
    )


def slice_figures(reviews: list[LabelledReview], found: Readings, taxonomy: Taxonomy) -> tuple[list[SliceFigures], int]:
    """Figures of the slices that are large enough, and how many are hidden. `found` has a row a review."""
    shown, hidden = slices(reviews)
    made = []
    for part in shown:
        unit = np.arange(part.rows.sum())
        mine = Readings(found.scores[part.rows], found.present[part.rows], found.labels[part.rows], unit)
        lenses = [_quality(lens.id, mine, taxonomy.columns(lens.id)) for lens in taxonomy.lenses]
        made.append(
            SliceFigures(
                part.by,
                part.name,
                int(part.rows.sum()),
                {found.name: found.f1 for found in lenses if found.support},
                {found.name: found.support for found in lenses},
            )
        )
    return made, hidden


def _quality(name: str, found: Readings, columns: list[int]) -> Quality:
    return quality(name, found.scores[:, columns], found.present[:, columns], found.labels[:, columns], found.unit)


def _confusion(found: Readings, taxonomy: Taxonomy) -> Confusion:
    columns = taxonomy.columns("tier")
    labels, present, scores = (array[:, columns] for array in (found.labels, found.present, found.scores))
    none = len(columns)
    single = labels.sum(1) <= 1
    true = np.where(labels.any(1), labels.argmax(1), none)
    read = np.where(present.any(1), np.where(present > 0, scores, -1).argmax(1), none)
    counts = np.zeros((none + 1, none + 1), dtype=int)
    np.add.at(counts, (true[single], read[single]), 1)
    return Confusion([*(taxonomy.output_names[c] for c in columns), "none"], counts.tolist(), int((~single).sum()))
