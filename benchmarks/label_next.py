"""How many labels does choosing save? Labels are hidden, chosen, revealed; a bag of words is trained on what is revealed.

    python benchmarks/label_next.py [labelled reviews …] [-o plot.svg]

Three ways to choose the next reviews: at random, by uncertainty alone, and our mix (`label next`). Quality is mean average
precision over the outputs that ten or more of the test reviews have. Repeated over seeds, each with its own test reviews.
"""

import argparse
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import altair as alt
import numpy as np
import vl_convert
from scipy.special import expit
from sklearn.metrics import average_precision_score

from model.taxonomy import Taxonomy
from training.baseline import Bag
from training.dataset import LabelledReview, hold_out, read, targets
from training.labelling.choose import Pool, Shares, choose
from training.labelling.next import places
from training.readings import review_labels

DATA = Path(__file__).parents[1] / "training" / "data"
SIZES = [100, 150, 200, 250, 300, 350, 400, 500, 600, 800, 1000]
WAYS = {"random": Shares(0, 0, 0), "uncertain": Shares(1, 0, 0), "mix": Shares()}
ENOUGH = 10


@dataclass(frozen=True)
class Study:
    """The pool whose labels are hidden, and the reviews to measure on."""

    pool: list[LabelledReview]
    test: list[LabelledReview]
    taxonomy: Taxonomy

    def curve(self, shares: Shares, *, seed: int) -> list[float]:
        """Quality at each of `SIZES`; the first hundred are the same random ones for every way."""
        labels, true = review_labels(self.pool, self.taxonomy), review_labels(self.test, self.taxonomy)
        chosen = list(np.random.default_rng(seed).permutation(len(self.pool))[: SIZES[0]])
        found = []
        often = np.flatnonzero(true.sum(0) >= ENOUGH)
        for size, following in zip(SIZES, [*SIZES[1:], SIZES[-1]], strict=True):
            known = [self.pool[row] for row in chosen]
            sentences = [sentence for review in known for sentence in review.sentences]
            bag = Bag.fit(sentences, np.concatenate([targets(review.codes, self.taxonomy) for review in known]), characters=False)
            scores = review_scores(bag, self.test)
            found.append(float(np.mean([average_precision_score(true[:, column], scores[:, column]) for column in often])))
            chosen += self.more(bag, chosen, labels, following - size, shares, seed=seed + size)
        return found

    def more(self, bag: Bag, chosen: list[int], labels: np.ndarray, n: int, shares: Shares, *, seed: int) -> list[int]:
        """Rows of the pool to reveal next."""
        left = np.setdiff1d(np.arange(len(self.pool)), chosen)
        scores = review_scores(bag, self.pool)
        thresholds = np.full(scores.shape[1], 0.5)
        pool = Pool(scores[left], thresholds, labels[chosen].sum(0), places(scores[left]), places(scores[chosen]))
        return [int(left[choice.row]) for choice in choose(pool, n, shares, seed=seed)]


def review_scores(bag: Bag, reviews: list[LabelledReview]) -> np.ndarray:
    starts = np.cumsum([0, *(len(review.sentences) for review in reviews)])[:-1]
    logits = bag.logits([sentence for review in reviews for sentence in review.sentences])
    return expit(np.maximum.reduceat(logits, starts))


def plot(curves: dict[str, np.ndarray], path: Path) -> None:
    """Mean over seeds; (seeds, sizes) each. The seeds' own test reviews differ more than the ways do, so no band is drawn."""
    rows = [
        {"way": way, "labels": size, "quality": float(values[:, at].mean())}
        for way, values in curves.items()
        for at, size in enumerate(SIZES)
    ]
    chart = alt.Chart(alt.Data(values=rows)).mark_line(point=True)
    chart = chart.encode(
        x=alt.X("labels:Q", title="labelled reviews"),
        y=alt.Y("quality:Q", title="mean average precision", scale=alt.Scale(zero=False)),
        color=alt.Color("way:N", title=None, sort=list(WAYS)),
    )
    path.write_text(vl_convert.vegalite_to_svg(chart.properties(width=560, height=320).to_json()), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="*", default=sorted(DATA.glob("g[1-4]-*.rev")))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, help="plot (.svg)")
    options = parser.parse_args()
    taxonomy = Taxonomy.load()
    reviews = read(options.data, taxonomy)
    began = time.perf_counter()
    curves: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for seed in range(options.seeds):
        study = Study(*hold_out(reviews, 0.25, seed=seed), taxonomy)
        for way, shares in WAYS.items():
            curves[way].append(study.curve(shares, seed=seed))
    means = {way: np.array(values) for way, values in curves.items()}
    print(f"{len(reviews)} reviews, {options.seeds} seeds, {time.perf_counter() - began:.0f} s on {platform.machine()}\n")
    print(f"| labelled reviews | {' | '.join(WAYS)} |\n|---|---|---|---|")
    for at, size in enumerate(SIZES):
        print(f"| {size} | {' | '.join(f'{values[:, at].mean():.3f}' for values in means.values())} |")
    final = means["random"][:, -1].mean()
    for way, values in means.items():
        reached = [size for at, size in enumerate(SIZES) if values[:, at].mean() >= final]
        print(
            f"\n{way}: reaches random's final {final:.3f} at {reached[0] if reached else 'more than ' + str(SIZES[-1])} labelled reviews"
        )
    if options.output:
        plot(means, options.output)


if __name__ == "__main__":
    main()
