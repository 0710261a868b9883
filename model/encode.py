"""Sentences → windows of token ids: every sentence is `[CLS] … [SEP]`, and a window is a run of whole sentences.

A sentence longer than a window is cut into pieces that fit; every piece gets its own `[CLS]`, and the sentence's
score is the highest of its pieces. No token is dropped.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from model.errors import BundleError


@dataclass(frozen=True)
class Window:
    """One input of the network. `ids`: (tokens,) int64. `starts`: positions of the `[CLS]` tokens, (pieces,) int64.
    `sentences`: the index of the sentence each start belongs to, (pieces,) int64."""

    ids: np.ndarray
    starts: np.ndarray
    sentences: np.ndarray


@dataclass(frozen=True)
class Encoder:
    """The tokenizer with the marks it puts around a sentence and the size of a window, in tokens."""

    tokenizer: Tokenizer
    cls: int
    sep: int
    pad: int
    window: int

    @classmethod
    def load(cls, path: Path, *, start: str, end: str, padding: str, window: int) -> "Encoder":
        """Read `tokenizer.json`; `start`, `end` and `padding` are tokens such as `[CLS]` or `<s>`."""
        if not path.is_file():
            raise BundleError(f"{path} is missing: a bundle or base needs a tokenizer.json")
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        marks: list[int] = []
        for token in (start, end, padding):
            found = tokenizer.token_to_id(token)
            if found is None:
                raise BundleError(f"{path} lacks the token {token}")
            marks.append(found)
        return cls(tokenizer, cls=marks[0], sep=marks[1], pad=marks[2], window=window)

    def encode(self, reviews: list[list[str]]) -> list[list[Window]]:
        """The windows of each review, given as its sentences. A review without sentences has no windows."""
        texts = [sentence for review in reviews for sentence in review]
        encodings = iter(self.tokenizer.encode_batch_fast(texts, add_special_tokens=False))
        return [self._windows([next(encodings).ids for _ in review]) for review in reviews]

    def _windows(self, sentences: list[list[int]]) -> list[Window]:
        windows: list[Window] = []
        room = self.window - 2
        ids: list[int] = []
        starts: list[int] = []
        owners: list[int] = []
        for owner, tokens in enumerate(sentences):
            for first in range(0, max(len(tokens), 1), room):
                piece = tokens[first : first + room]
                if len(ids) + len(piece) + 2 > self.window:
                    windows.append(_window(ids, starts, owners))
                    ids, starts, owners = [], [], []
                starts.append(len(ids))
                owners.append(owner)
                ids += [self.cls, *piece, self.sep]
        if ids:
            windows.append(_window(ids, starts, owners))
        return windows


def _window(ids: list[int], starts: list[int], owners: list[int]) -> Window:
    return Window(*(np.array(values, dtype=np.int64) for values in (ids, starts, owners)))
