"""What every front door does with reviews: hold them against the limit, and read the rest."""

import re
from collections.abc import Callable

from model.redact import Redactor
from model.score import Result

HALF_CHARACTERS = re.compile("[\ud800-\udfff]")  # JSON can hold one half of a surrogate pair; UTF-8 cannot


Read = Callable[[list[str]], list[Result]]  # what reads texts: a predictor itself, or the queue before it


def classify(read: Read, texts: list[str], *, max_characters: int) -> list[Result]:
    """One result a text, in order; a text over the limit is an error in its place."""
    results = read(fitting(texts, max_characters=max_characters))
    return in_place(texts, results, max_characters=max_characters)


def fitting(texts: list[str], *, max_characters: int) -> list[str]:
    """The texts within the limit."""
    return [text for text in texts if len(text) <= max_characters]


def in_place(texts: list[str], results: list[Result], *, max_characters: int) -> list[Result]:
    """The results of the fitting texts in their places, and an error in each place between."""
    found = iter(results)
    too_long = f"the review is longer than {max_characters} characters; split it or shorten it"
    return [
        next(found) if len(text) <= max_characters else Result.failed("too_long", too_long, warnings=[])
        for text in texts
    ]  # fmt: skip


def redact(redactor: Redactor, texts: list[str], results: list[Result]) -> list[str | None]:
    """The texts without personal data; None for a text that could not be read."""
    whole = [HALF_CHARACTERS.sub("\ufffd", text) for text in texts]
    return [redactor.redact(text) if found.status == "ok" else None for text, found in zip(whole, results, strict=True)]
