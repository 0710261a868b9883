"""Light disturbance of training text: what sloppy writers do, and a little Flemish. Labels never change."""

import random
import re
import unicodedata
from collections.abc import Iterator

import numpy as np

FLEMISH = {
    "jij": "gij", "je": "ge", "jullie": "gulle", "leuk": "plezant", "mooi": "schoon", "zin": "goesting",
    "mobieltje": "gsm", "klaar": "gedaan", "nou": "allez", "straks": "subiet", "friet": "frieten", "ruzie": "ambras",
    "eventjes": "efkes", "jas": "frak", "magnetron": "microgolf", "gaaf": "tof", "dadelijk": "seffens", "een": "ne",
}  # fmt: skip
LONGEST_JOINED = 12  # sentences
D_T_SLIPS = [(r"\b(\w{3,})dt\b", r"\1d"), (r"\b(\w{3,}[aeiou]l)d\b", r"\1t"), (r"\b(word|vind|houd)t\b", r"\1")]


def disturb(sentences: list[str], labels: np.ndarray, share: float, dice: random.Random) -> list[tuple[list[str], np.ndarray]]:
    """The review as it is or, in `share` of the cases each: written sloppily; or cut loose into single sentences."""
    if dice.random() < share:
        sentences = [sloppy(sentence, dice) for sentence in sentences]
    if len(sentences) > 1 and dice.random() < share:
        return [([sentence], labels[row : row + 1]) for row, sentence in enumerate(sentences)]
    return [(sentences, labels)]


def joined(
    reviews: list[tuple[list[str], np.ndarray]], share: float, dice: random.Random
) -> Iterator[tuple[list[str], np.ndarray]]:
    """The reviews in random order, about `share` of them with another one behind: a sentence must not lean on whatever stands beside it."""
    waiting = iter(dice.sample(reviews, len(reviews)))
    for sentences, labels in waiting:
        more = next(waiting, None) if dice.random() < share else None
        if more is None:
            yield sentences, labels
        elif len(sentences) + len(more[0]) <= LONGEST_JOINED:
            yield sentences + more[0], np.concatenate([labels, more[1]])
        else:
            yield from [(sentences, labels), more]


def sloppy(text: str, dice: random.Random) -> str:
    """One of: no punctuation, no diacritics, typing errors, d/t slips, Flemish words."""
    kind = dice.randrange(5)
    if kind == 0:
        return re.sub(r"[.,!?;:'\"]+", "", text).lower() or text
    if kind == 1:
        return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    if kind == 2:
        words = text.split(" ")
        for _ in range(max(1, len(words) // 8)):
            place = dice.randrange(len(words))
            words[place] = _mistype(words[place], dice)
        return " ".join(words)
    if kind == 3:
        for pattern, wrong in D_T_SLIPS:
            text = re.sub(pattern, wrong, text)
        return text
    return re.sub(r"\w+", lambda word: FLEMISH.get(word[0], word[0]) if dice.random() < 0.5 else word[0], text)


def _mistype(word: str, dice: random.Random) -> str:
    if len(word) < 4:
        return word
    place = dice.randrange(1, len(word) - 1)
    kind = dice.randrange(3)
    if kind == 0:
        return word[:place] + word[place + 1 :]
    if kind == 1:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    return word[:place] + word[place] + word[place:]
