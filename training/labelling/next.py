"""Step `next`: which raw reviews to label next, by what the bundle makes of them."""

import argparse
import sys
from pathlib import Path

import numpy as np

from model.bundle import DEFAULT_BUNDLE
from model.predictor import Predictor
from model.redact import Redactor
from model.taxonomy import Taxonomy
from training.dataset import read
from training.errors import DataError
from training.files import write_atomically
from training.labelling.choose import RANDOM, Choice, Pool, choose
from training.labelling.label_studio import shown, to_tasks
from training.labelling.tasks import Ready, prepare, read_raw, tasks_of
from training.labelling.vectors import encoder_vectors, places
from training.readings import review_labels


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training label next", description="Choose the reviews that are worth labelling next.")
    parser.add_argument("reviews", type=Path, help=".jsonl or .csv with `text` and, if you have it, `id`")
    parser.add_argument("-o", "--output", type=Path, required=True, help="tasks for Label Studio, a .json file")
    parser.add_argument("--n", type=int, default=200, help="how many reviews (200)")
    parser.add_argument("--labelled", type=Path, nargs="*", default=[], help="what is labelled already; is not chosen again")
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    parser.add_argument("--random", type=float, default=0.1, help="share drawn at random, which alone give honest figures (0.1)")
    parser.add_argument("--why", action="store_true", help="show annotators why a review was chosen (this may sway them)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if not 0 <= options.random <= 1:
        parser.error("--random is a share: from 0 to 1")
    if options.n < 1:
        parser.error("--n must be 1 or more")
    try:
        raw, problems = read_raw(options.reviews)
        predictor = Predictor.load(options.bundle)
        labelled = read(options.labelled, predictor.taxonomy)
    except DataError as error:
        sys.exit(f"label next: {error}")
    known = {review.text for review in labelled}
    ready = [r for r in prepare(raw, Redactor.on(predictor.splitter), problems) if " ".join(r.sentences) not in known]
    if not ready:
        sys.exit(f"{options.reviews}: nothing is left to label")
    counts = review_labels(labelled, predictor.taxonomy).sum(0) if labelled else np.zeros(len(predictor.taxonomy.outputs))
    pool = pool_of(predictor, ready, [review.sentences for review in labelled], counts)
    chosen = choose(pool, options.n, options.random, seed=options.seed)
    _write(options.output, ready, chosen, predictor.taxonomy, why=options.why)
    for problem in problems:
        print(problem, file=sys.stderr)
    random = sum(choice.reason == RANDOM for choice in chosen)
    told = f"{len(chosen) - random} telling, {random} random; {len(problems)} left out"
    print(f"{options.output}: {len(chosen)} of {len(ready)} reviews: {told}")


def pool_of(predictor: Predictor, ready: list[Ready], labelled: list[tuple[str, ...]], found: np.ndarray) -> Pool:
    """What the bundle makes of the reviews."""
    fresh = [review.sentences for review in ready]
    vectors = encoder_vectors(predictor, [*fresh, *labelled])
    where = places(vectors, vectors.mean(0))
    return Pool(score(predictor, fresh), predictor.scorer.thresholds, found, where[: len(fresh)], where[len(fresh) :])


def score(predictor: Predictor, reviews: list[tuple[str, ...]]) -> np.ndarray:
    """Per review the highest score of its sentences, (reviews, outputs)."""
    names = predictor.taxonomy.output_names
    results = predictor.stream(" ".join(sentences) for sentences in reviews)
    return np.array([[result.scores[name] for name in names] for result in results]).reshape(-1, len(names))


def _write(path: Path, ready: list[Ready], chosen: list[Choice], taxonomy: Taxonomy, *, why: bool) -> None:
    """Tasks in a mixed order, so that an annotator does not meet all hard ones at the end; the random reviews are blind."""
    tasks = []
    for place in np.random.default_rng(0).permutation(len(chosen)):
        choice = chosen[place]
        note = f"het model twijfelt over {shown(taxonomy.outputs[choice.column])}" if why and choice.reason != RANDOM else ""
        blind = 1.0 if choice.reason == RANDOM else 0.0
        tasks += tasks_of(ready[choice.row], blind, note=note, reason=choice.reason)
    with write_atomically(path) as temporary:
        temporary.write_text(to_tasks(tasks), encoding="utf-8")
