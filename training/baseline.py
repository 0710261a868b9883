"""What a bag of words can do with the same data: TF-IDF of words and character n-grams, one logistic regression an output."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, make_union

from model.taxonomy import Taxonomy
from training.dataset import LabelledReview, targets

NEVER = -10.0  # the logit of an output that no sentence of the training data has


@dataclass(frozen=True)
class Bag:
    """A fitted bag of words. `classifiers`: by column, of the outputs that were seen."""

    features: FeatureUnion
    classifiers: dict[int, LogisticRegression]
    outputs: int

    @classmethod
    def fit(cls, sentences: Sequence[str], labels: np.ndarray, *, characters: bool = True) -> "Bag":
        """`labels`: (sentences, outputs) of 0 and 1. Without `characters` it is four times as fast, and a little worse."""
        rare = 2 if len(sentences) > 2000 else 1
        words = TfidfVectorizer(ngram_range=(1, 2), min_df=rare, sublinear_tf=True, dtype=np.float32)
        grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=rare, sublinear_tf=True, dtype=np.float32)
        features = make_union(words, grams) if characters else make_union(words)
        known = features.fit_transform(sentences)
        classifiers = {
            column: LogisticRegression(C=5.0, class_weight="balanced", solver="liblinear", max_iter=200).fit(
                known, labels[:, column]
            )
            for column in range(labels.shape[1])
            if 0 < labels[:, column].sum() < len(labels)
        }
        return cls(features, classifiers, labels.shape[1])

    def logits(self, sentences: Sequence[str]) -> np.ndarray:
        """(sentences, outputs)."""
        asked = self.features.transform(sentences)
        logits = np.full((asked.shape[0], self.outputs), NEVER)
        for column, classifier in self.classifiers.items():
            logits[:, column] = classifier.decision_function(asked)
        return logits


def baseline_logits(train: list[LabelledReview], test: list[LabelledReview], taxonomy: Taxonomy) -> np.ndarray:
    """Fit on the sentences of `train`; per review of `test` the highest logit of its sentences, (reviews, outputs)."""
    labels = np.concatenate([targets(review.codes, taxonomy) for review in train])
    bag = Bag.fit([sentence for review in train for sentence in review.sentences], labels)
    logits = bag.logits([sentence for review in test for sentence in review.sentences])
    ends = np.cumsum([len(review.sentences) for review in test])[:-1]
    return np.stack([part.max(0) for part in np.split(logits, ends)])
