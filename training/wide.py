"""The wide half of the network: a linear reading of a sentence's tokens and pairs of neighbouring tokens.

Wide and deep (Cheng et al. 2016): rare labels hang on a few telling words, which a bag of words learns from a handful of
examples and the encoder does not; the two are wrong in different places. The features are TF-IDF with every sentence
at length one, the weights one logistic regression an output. All of it is whole numbers up to the last division, so a
sentence's result does not depend on what stands beside it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from model.encode import Encoder
from model.normalise import normalise
from model.taxonomy import Taxonomy
from training.dataset import LabelledReview, targets

FILE = "wide.safetensors"
SHARE = 0.3  # of the wide logits, the rest being the deep ones'; see LOG.md
SLOTS = 1_048_573  # a prime, so that `pair % SLOTS` spreads
RARE = 2  # sentences a feature must occur in


@dataclass(frozen=True)
class Wide:
    """The first rows of `table` belong to tokens, the next to nothing, the rest to pairs; a row is the weights of the outputs,
    as whole numbers of `steps`, and the squared idf. `slots` leads from a pair to its row, `pairs` says whose row it is."""

    table: np.ndarray  # (rows, outputs + 1) int8
    slots: np.ndarray  # (SLOTS,) int32
    pairs: np.ndarray  # (rows,) int64
    steps: np.ndarray  # (outputs,) float32
    bias: np.ndarray  # (outputs,) float32

    @classmethod
    def fit(cls, reviews: list[LabelledReview], encoder: Encoder, taxonomy: Taxonomy) -> "Wide":
        """Learn from labelled sentences."""
        sentences = [normalise(sentence).text for review in reviews for sentence in review.sentences]
        labels = np.concatenate([targets(review.codes, taxonomy) for review in reviews])
        encoded = encoder.tokenizer.encode_batch_fast(sentences, add_special_tokens=False)
        tokens = [np.array(found.ids, dtype=np.int64) for found in encoded]
        vocabulary = encoder.tokenizer.get_vocab_size()
        known, counts = np.unique(np.concatenate([np.unique(_pairs(ids, vocabulary)) for ids in tokens]), return_counts=True)
        known = known[counts >= RARE][np.argsort(-counts[counts >= RARE], kind="stable")]
        _, first = np.unique(known % SLOTS, return_index=True)  # of two pairs in one slot, the commoner stays
        known = known[np.sort(first)]
        slots = np.full(SLOTS, vocabulary, dtype=np.int32)
        slots[known % SLOTS] = vocabulary + 1 + np.arange(len(known))
        pairs = np.concatenate([np.full(vocabulary + 1, -1), known])
        features = _features(tokens, slots, pairs, vocabulary)
        found_in = np.asarray((features > 0).sum(0)).ravel()
        idf = np.where(found_in >= RARE, np.log((1 + len(sentences)) / (1 + found_in)) + 1, 0)
        squared = np.minimum(np.rint(idf**2), 127)
        length = np.sqrt(np.maximum(features @ squared, 1))
        scaled = csr_matrix(features.multiply(np.sqrt(squared)).multiply(1 / length[:, None]), dtype=np.float32)
        weights = np.zeros((labels.shape[1], len(pairs)))
        bias = np.zeros(labels.shape[1], dtype=np.float32)
        for output in np.flatnonzero((labels.any(0)) & ~(labels.all(0))):
            reader = LogisticRegression(C=5.0, class_weight="balanced", solver="liblinear", max_iter=200)
            reader.fit(scaled, labels[:, output])
            prior = labels[:, output].mean()  # class_weight took it out
            weights[output] = reader.coef_[0] * np.sqrt(squared)
            bias[output] = reader.intercept_[0] + np.log(prior / (1 - prior))
        steps = np.maximum(np.abs(weights).max(1), 1e-12) / 127
        table = np.column_stack([np.rint(weights / steps[:, None]).T, squared]).astype(np.int8)
        return cls(table, slots, pairs.astype(np.int64), steps.astype(np.float32), bias)

    @classmethod
    def load(cls, folder: Path) -> "Wide":
        return cls(**load_file(folder / FILE))

    def save(self, folder: Path) -> None:
        save_file({name: np.ascontiguousarray(values) for name, values in vars(self).items()}, folder / FILE)


class WideReader(nn.Module):
    """`input_ids`: (batch, tokens); `starts`: ascending positions in the flattened batch → logits, (starts, outputs)."""

    table: Tensor
    slots: Tensor
    pairs: Tensor
    steps: Tensor
    bias: Tensor

    def __init__(self, wide: Wide) -> None:
        super().__init__()
        self.vocabulary = int(wide.slots.min())  # the row of nothing comes right after the tokens'
        for name, values in vars(wide).items():
            self.register_buffer(name, torch.from_numpy(values))

    def forward(self, input_ids: Tensor, starts: Tensor) -> Tensor:
        before = torch.cat([torch.zeros_like(input_ids[:, :1]), input_ids[:, :-1]], 1)
        pair = before * self.vocabulary + input_ids
        row = self.slots[pair % SLOTS].long()
        row = torch.where(self.pairs[row] == pair, row, torch.full_like(row, self.vocabulary))
        held = self.table[input_ids].to(torch.int32) + self.table[row].to(torch.int32)
        summed = held.cumsum(1, dtype=torch.int32).reshape(-1, held.shape[-1])
        ends = torch.cat([starts[1:] - 1, torch.full_like(starts[:1], -1)])
        inside = (summed[ends] - summed[starts]).float()
        length = torch.sqrt(torch.clamp(inside[:, -1:], min=1.0))
        return inside[:, :-1] * self.steps / length + self.bias


def _pairs(ids: np.ndarray, vocabulary: int) -> np.ndarray:
    return ids[:-1] * vocabulary + ids[1:]


def _features(tokens: list[np.ndarray], slots: np.ndarray, pairs: np.ndarray, vocabulary: int) -> csr_matrix:
    """How often each token and each known pair occurs, (sentences, rows)."""
    rows, columns = [], []
    for number, ids in enumerate(tokens):
        asked = _pairs(ids, vocabulary)
        found = slots[asked % SLOTS].astype(np.int64)
        found = found[pairs[found] == asked]
        columns += [ids, found]
        rows.append(np.full(len(ids) + len(found), number))
    where = (np.concatenate(rows), np.concatenate(columns))
    return csr_matrix((np.ones(len(where[0]), dtype=np.float32), where), shape=(len(tokens), len(pairs)))
