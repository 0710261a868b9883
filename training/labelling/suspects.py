"""Step `suspects`: labels that are probably wrong, the likeliest first, to look at again.

A bag of words is fitted on some reviews and reads the others; where it is surer than it usually is that a label should
be there, or should not, confident learning calls the label suspect (Northcutt et al. 2021; cleanlab). A bundle that was not
trained on the reviews reads better than a bag of words: `--bundle`.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit
from sklearn.model_selection import GroupKFold

from model.predictor import Predictor
from model.taxonomy import Taxonomy
from training.baseline import Bag
from training.errors import DataError
from training.files import write_atomically
from training.labelling.annotated import Annotated, Sentence, read_annotated, take_apart

COLUMNS = ("rank", "review", "annotator", "number", "sentence", "label", "given", "score", "reason", "decision")
FEWEST = 10  # sentences with and without a label, below which nothing can be learnt of it


@dataclass(frozen=True)
class Suspect:
    """A label of a sentence that is probably missing, or (`given`) probably wrong; `score`: how likely the model holds it."""

    sentence: Sentence
    label: str
    given: bool
    score: float

    @property
    def reason(self) -> str:
        seen = f"{self.score:.0%}" if self.score >= 0.01 else "under 1%"
        if self.given:
            return f"labelled, but sentences that read like it seldom are: {seen} likely"
        return f"not labelled, but sentences that read like it mostly are: {seen} likely"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training label suspects", description="Labels that are probably wrong, likeliest first.")
    parser.add_argument("data", type=Path, nargs="+", help="labelled reviews")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, help="a .csv file; fill its column `decision`, give it to `correct`"
    )
    parser.add_argument("--most", type=int, default=200, help="how many to write (200)")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--bundle", type=Path, help="let this bundle read, which must not have been trained on these reviews")
    options = parser.parse_args(arguments)
    taxonomy = Taxonomy.load()
    try:
        reviews = read_annotated(options.data, taxonomy)
        found = suspects(
            reviews,
            taxonomy,
            by_bundle(options.bundle, reviews) if options.bundle else by_folds(options.folds, reviews, taxonomy),
        )
    except DataError as error:
        sys.exit(f"label suspects: {error}")
    except ModuleNotFoundError as error:
        sys.exit(f"label suspects: {error}; pip install 'snaar[labelling]'")
    with write_atomically(options.output) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for rank, suspect in enumerate(found[: options.most], 1):
            rows.writerow(_row(rank, suspect))
    print(f"{options.output}: {min(len(found), options.most)} of {len(found)} suspect labels in {len(reviews)} reviews")


def suspects(reviews: list[Annotated], taxonomy: Taxonomy, scores: np.ndarray) -> list[Suspect]:
    """The likeliest mistakes first; `scores`: what a model that did not learn from them gives the sentences, (sentences, outputs)."""
    from cleanlab.filter import find_label_issues

    sentences = take_apart(reviews)
    labels = flags(sentences, taxonomy)
    found = []
    for column, name in enumerate(taxonomy.output_names):
        given, likely = labels[:, column], scores[:, column]
        if min(given.sum(), len(given) - given.sum()) < FEWEST:
            continue
        both = np.column_stack([1 - likely, likely])
        for row in find_label_issues(
            given, both, return_indices_ranked_by="self_confidence", filter_by="confident_learning", n_jobs=1
        ):
            found.append(Suspect(sentences[row], name, bool(given[row]), float(likely[row])))
    return sorted(found, key=lambda suspect: suspect.score if suspect.given else 1 - suspect.score)


def flags(sentences: list[Sentence], taxonomy: Taxonomy) -> np.ndarray:
    """Which outputs the sentences have, (sentences, outputs) of 0 and 1."""
    return np.array([[name in sentence.names for name in taxonomy.output_names] for sentence in sentences], dtype=int)


def by_folds(folds: int, reviews: list[Annotated], taxonomy: Taxonomy) -> np.ndarray:
    """Scores of sentences by a bag of words that saw no review with the same text. Raises DataError where there are too few."""
    owner = {text: number for number, text in enumerate(dict.fromkeys(review.sentences for review in reviews))}
    if folds < 2 or len(owner) < 2 * folds:
        raise DataError(f"{len(owner)} different reviews are too few for {folds} folds (2 or more); label more or change --folds")
    group = np.repeat([owner[review.sentences] for review in reviews], [len(review.sentences) for review in reviews])
    sentences = take_apart(reviews)
    labels, texts = flags(sentences, taxonomy), [sentence.text for sentence in sentences]
    scores = np.zeros(labels.shape)
    for train, test in GroupKFold(folds, shuffle=True, random_state=0).split(labels, groups=group):
        bag = Bag.fit([texts[row] for row in train], labels[train])
        scores[test] = expit(bag.logits([texts[row] for row in test]))
    return scores


def by_bundle(bundle: Path, reviews: list[Annotated]) -> np.ndarray:
    """Scores of sentences by a bundle."""
    predictor = Predictor.load(bundle)
    return np.concatenate([predictor.sentence_scores(list(review.sentences)) for review in reviews])


def _row(rank: int, suspect: Suspect) -> Iterator[object]:
    s = suspect.sentence
    given = "yes" if suspect.given else "no"
    yield from (rank, s.review, s.annotator, s.number, s.text, suspect.label, given, f"{suspect.score:.4f}", suspect.reason, "")
