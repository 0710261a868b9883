"""What every front door does with reviews: hold them against the limit, and read the rest."""

from model.predictor import Predictor
from model.redact import Redactor
from model.score import Result


def classify(predictor: Predictor, texts: list[str], *, max_characters: int) -> list[Result]:
    """One result a text, in order; a text over the limit is an error in its place."""
    fitting = [text for text in texts if len(text) <= max_characters]
    results = iter(predictor.predict(fitting))
    too_long = f"the review is longer than {max_characters} characters; split it or shorten it"
    return [
        next(results) if len(text) <= max_characters else Result.failed("too_long", too_long, warnings=[])
        for text in texts
    ]  # fmt: skip


def redact(redactor: Redactor, texts: list[str], results: list[Result]) -> list[str | None]:
    """The texts without personal data; None for a text that could not be read."""
    return [redactor.redact(text) if found.status == "ok" else None for text, found in zip(texts, results, strict=True)]
