"""Labelled reviews through the runtime: the logits a bundle gives, for calibration and evaluation."""

import numpy as np

from model.normalise import normalise
from model.predictor import Predictor
from model.taxonomy import Taxonomy
from training.dataset import LabelledReview, targets

AT_ONCE = 256


def review_labels(reviews: list[LabelledReview], taxonomy: Taxonomy) -> np.ndarray:
    """The union of the labels of each review's sentences, (reviews, outputs) of 0 and 1."""
    return np.stack([targets(review.codes, taxonomy).max(0) for review in reviews])


def review_logits(predictor: Predictor, reviews: list[LabelledReview]) -> np.ndarray:
    """Per review the highest logit of its sentences, cut by our own splitter, (reviews, outputs)."""
    sentences = []
    for review in reviews:
        text = normalise(review.text).text
        sentences.append([text[start:end] for start, end in predictor.splitter.split(text)])
    return np.stack([logits.max(0) for logits in _logits(predictor, sentences)])


def sentence_logits(predictor: Predictor, reviews: list[LabelledReview]) -> np.ndarray:
    """The logits of the sentences as the annotators cut them, (sentences, outputs)."""
    return np.concatenate(_logits(predictor, [[normalise(s).text for s in review.sentences] for review in reviews]))


def _logits(predictor: Predictor, reviews: list[list[str]]) -> list[np.ndarray]:
    found = []
    for first in range(0, len(reviews), AT_ONCE):
        part = reviews[first : first + AT_ONCE]
        encoded = predictor.encoder.encode(part)
        logits = iter(predictor.network.run([window for windows in encoded for window in windows]))
        for sentences, windows in zip(part, encoded, strict=True):
            highest = np.full((len(sentences), predictor.network.outputs), -np.inf)
            for window in windows:
                np.maximum.at(highest, window.sentences, next(logits))
            found.append(highest)
    return found
