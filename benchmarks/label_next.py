"""How many labels does choosing save? Labels are hidden, chosen, revealed; a model is trained on what is revealed.

    python benchmarks/label_next.py [labelled reviews …] [--start labelled reviews …] [-o plot.svg]

As a team meets it: there is a model of other reviews (`--start`) and a pool of one's own. The model here is a cheap one, a bag of
words that also gets what a bag fitted on the other reviews makes of the sentence; a fit takes a second, so hundreds can be made.
Rounds of 50 reviews, the first one random for every way. Quality is mean average precision over the outputs that ten or more of
the test reviews have, over seeds, each with its own test reviews.
"""

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import altair as alt
import numpy as np
import vl_convert
from scipy.sparse import csr_matrix, hstack
from scipy.special import expit
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from model.taxonomy import Taxonomy
from training.baseline import NEVER, Bag
from training.dataset import LabelledReview, read, targets
from training.labelling.choose import Pool, asking, choose
from training.readings import review_labels
from training.split import hold_out

DATA = Path(__file__).parents[1] / "training" / "data"
ROUND, MOST = 50, 1000
SIZES = list(range(ROUND, MOST + 1, ROUND))
ENOUGH = 10
DIRECTIONS = 64
OF_OTHERS = 0.15  # how loud the other model speaks among the features: TF-IDF has length one


def random(pool: Pool, seed: int) -> list[int]:
    return [choice.row for choice in choose(pool, ROUND, 1, seed=seed)]


def uncertain(pool: Pool, seed: int) -> list[int]:
    """The reviews with the most doubtful output, whichever it is."""
    doubt = np.abs(pool.scores - pool.thresholds).min(1)
    return [int(row) for row in np.argsort(doubt, kind="stable")[:ROUND]]


def rare(pool: Pool, seed: int) -> list[int]:
    """Doubt by rarity, without regard to what was chosen before."""
    return [int(row) for row in np.argsort(-asking(pool).max(1), kind="stable")[:ROUND]]


def different(pool: Pool, seed: int) -> list[int]:
    """k-centre alone: the farthest from all before, whatever the model says."""
    nearest, found = (pool.places @ pool.labelled.T).max(1), []
    for _ in range(ROUND):
        found.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, pool.places @ pool.places[found[-1]])
        nearest[found[-1]] = np.inf
    return found


def mix(pool: Pool, seed: int) -> list[int]:
    """`label next` as it is."""
    return [choice.row for choice in choose(pool, ROUND, 0.1, seed=seed)]


def all_telling(pool: Pool, seed: int) -> list[int]:
    """`label next --random 0`."""
    return [choice.row for choice in choose(pool, ROUND, 0, seed=seed)]


WAYS: dict[str, Callable[[Pool, int], list[int]]] = {
    "random": random, "uncertain": uncertain, "rare": rare, "different": different, "mix": mix, "mix without random": all_telling,
}  # fmt: skip
PLOTTED = ("random", "uncertain", "mix")


@dataclass(frozen=True)
class Texts:
    """Reviews whose labels may be hidden. `features`, `labels`: of sentences; `first`: of each review its first sentence;
    `places`: unit vectors of reviews; `true`: labels of reviews."""

    features: csr_matrix
    labels: np.ndarray
    first: np.ndarray
    places: np.ndarray
    true: np.ndarray

    @classmethod
    def of(cls, reviews: list[LabelledReview], others: list[LabelledReview], taxonomy: Taxonomy) -> "Texts":
        """The words' weights and directions come from the texts alone, labelled or not."""
        sentences = [sentence for review in reviews for sentence in review.sentences]
        labels, of_others = (np.concatenate([targets(r.codes, taxonomy) for r in some]) for some in (reviews, others))
        start = Bag.fit([sentence for review in others for sentence in review.sentences], of_others, characters=False)
        words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, dtype=np.float32).fit_transform(sentences)
        features = hstack([words, csr_matrix(np.clip(start.logits(sentences), -8, 8) * OF_OTHERS, dtype=np.float32)]).tocsr()
        first = np.cumsum([0, *(len(review.sentences) for review in reviews)])[:-1]
        places = np.add.reduceat(TruncatedSVD(DIRECTIONS, random_state=0).fit_transform(words), first)
        places /= np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-9)
        return cls(features, labels, first, places, review_labels(reviews, taxonomy))

    def sentences(self, rows: np.ndarray) -> np.ndarray:
        """The sentences of some reviews."""
        ends = np.append(self.first[1:], self.features.shape[0])
        return np.concatenate([np.arange(self.first[row], ends[row]) for row in rows])

    def scores(self, known: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Train on the reviews `known`; score the reviews `asked`, (asked, outputs)."""
        learnt, read_ = self.sentences(known), self.sentences(asked)
        logits = np.full((len(read_), self.labels.shape[1]), NEVER)
        for column in np.flatnonzero(self.labels[learnt].any(0) & ~self.labels[learnt].all(0)):
            reader = LogisticRegression(C=5.0, class_weight="balanced", solver="liblinear", max_iter=200)
            reader.fit(self.features[learnt], self.labels[learnt, column])
            logits[:, column] = reader.decision_function(self.features[read_])
        ends = np.append(self.first[1:], self.features.shape[0])
        starts = np.cumsum([0, *(ends[asked] - self.first[asked])])[:-1]
        return np.asarray(expit(np.maximum.reduceat(logits, starts)))


@dataclass(frozen=True)
class Curve:
    """Of one way and seed, at each of `SIZES`: quality, and how many sentences had been labelled."""

    quality: list[float]
    sentences: list[int]


def study(texts: Texts, pool: np.ndarray, test: np.ndarray, way: Callable[[Pool, int], list[int]], seed: int) -> Curve:
    """`pool`, `test`: rows of reviews."""
    true = texts.true[test]
    often = np.flatnonzero(true.sum(0) >= ENOUGH)
    chosen = np.random.default_rng(seed).permutation(pool)[:ROUND]
    found = Curve([], [])
    for size in SIZES:
        left = np.setdiff1d(pool, chosen)
        scores = texts.scores(chosen, np.concatenate([test, left]))
        precision = [average_precision_score(true[:, column], scores[: len(test), column]) for column in often]
        found.quality.append(float(np.mean(precision)))
        found.sentences.append(len(texts.sentences(chosen)))
        thresholds = np.full(scores.shape[1], 0.5)
        seen = Pool(scores[len(test) :], thresholds, texts.true[chosen].sum(0), texts.places[left], texts.places[chosen])
        chosen = np.concatenate([chosen, left[way(seen, seed + size)]])
    return found


def plot(means: dict[str, np.ndarray], path: Path) -> None:
    """Means over seeds. The seeds' own test reviews differ more than the ways do, so no band is drawn."""
    rows = [
        {"way": way, "labels": size, "quality": float(value)}
        for way in PLOTTED
        for size, value in zip(SIZES, means[way], strict=True)
    ]
    chart = alt.Chart(alt.Data(values=rows)).mark_line(point=True)
    chart = chart.encode(
        x=alt.X("labels:Q", title="labelled reviews"),
        y=alt.Y("quality:Q", title="mean average precision", scale=alt.Scale(zero=False)),
        color=alt.Color("way:N", title=None, sort=list(PLOTTED)),
    )
    path.write_text(vl_convert.vegalite_to_svg(chart.properties(width=560, height=320).to_json()), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="*", default=sorted(DATA.glob("g[1-4]-*.rev")))
    parser.add_argument("--start", type=Path, nargs="+", default=[DATA / "motivators", DATA / "codebook"])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("-o", "--output", type=Path, help="plot (.svg)")
    options = parser.parse_args()
    taxonomy = Taxonomy.load()
    reviews, others = read(options.data, taxonomy), read(options.start, taxonomy)
    row_of = {id(review): row for row, review in enumerate(reviews)}
    began = time.perf_counter()
    texts = Texts.of(reviews, others, taxonomy)
    curves: dict[str, list[Curve]] = {way: [] for way in WAYS}
    for seed in range(options.seeds):
        pool, test = (np.array([row_of[id(review)] for review in part]) for part in hold_out(reviews, 0.25, seed=seed))
        for way, choosing in WAYS.items():
            curves[way].append(study(texts, pool, test, choosing, seed))
    took = time.perf_counter() - began
    print(
        f"{len(others)} reviews to start from, {len(reviews)} in pool and test, {options.seeds} seeds, {took:.0f} s on {platform.machine()}\n"
    )
    means = {way: np.mean([curve.quality for curve in found], 0) for way, found in curves.items()}
    spent = {way: np.mean([curve.sentences for curve in found], 0) for way, found in curves.items()}
    print(f"| labelled reviews | {' | '.join(WAYS)} |\n|---{'|---' * len(WAYS)}|")
    for at, size in enumerate(SIZES):
        print(f"| {size} | {' | '.join(f'{values[at]:.3f}' for values in means.values())} |")
    final = means["random"][-1]
    for way, values in means.items():
        at = next((at for at, value in enumerate(values) if value >= final), None)
        told = "never" if at is None else f"at {SIZES[at]} reviews, {spent[way][at] / spent['random'][-1]:.0%} of its sentences"
        print(f"\n{way}: reaches random's final {final:.3f} {told}")
    if options.output:
        plot(means, options.output)


if __name__ == "__main__":
    main()
