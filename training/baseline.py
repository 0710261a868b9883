"""What a bag of words can do with the same data: TF-IDF of words and character n-grams, one logistic regression an output."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_union

from model.taxonomy import Taxonomy
from training.dataset import LabelledReview, targets


def baseline_logits(train: list[LabelledReview], test: list[LabelledReview], taxonomy: Taxonomy) -> np.ndarray:
    """Fit on the sentences of `train`; per review of `test` the highest logit of its sentences, (reviews, outputs)."""
    rare = 2 if len(train) > 1000 else 1
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=rare, sublinear_tf=True, dtype=np.float32)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=rare, sublinear_tf=True, dtype=np.float32)
    features = make_union(words, characters)
    known = features.fit_transform([s for review in train for s in review.sentences])
    asked = features.transform([s for review in test for s in review.sentences])
    labels = np.concatenate([targets(review.codes, taxonomy) for review in train])
    logits = np.full((asked.shape[0], labels.shape[1]), -10.0)
    for column in range(labels.shape[1]):
        if labels[:, column].any():
            classifier = LogisticRegression(C=5.0, class_weight="balanced", solver="liblinear", max_iter=200)
            logits[:, column] = classifier.fit(known, labels[:, column]).decision_function(asked)
    ends = np.cumsum([len(review.sentences) for review in test])[:-1]
    return np.stack([part.max(0) for part in np.split(logits, ends)])
