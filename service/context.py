"""A sentence read within its review: what annotators of sentences are shown.

The queue reads whole reviews. These are read beside it by one thread, a review at a time, so that however many ask, requests keep
nearly all of the machine.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from model.normalise import normalise
from model.predictor import Predictor
from model.score import Result, Span
from service.priority import stand_back

THREAD = ThreadPoolExecutor(1, thread_name_prefix="within", initializer=stand_back)


@dataclass(frozen=True)
class Asked:
    """A text to read, and the review it is a sentence of; empty where it stands alone."""

    text: str
    whole: str


async def within_reviews(predictor: Predictor, asked: list[Asked], *, max_characters: int) -> dict[Asked, Result]:
    """A result for each that is a sentence of its review, as we cut it; the others are to be read alone."""
    of_review: dict[str, list[Asked]] = {}
    for one in asked:
        if one.whole and max(len(one.whole), len(one.text)) <= max_characters:
            of_review.setdefault(one.whole, []).append(one)
    found: dict[Asked, Result] = {}
    for whole, sentences in of_review.items():
        found |= await asyncio.get_running_loop().run_in_executor(THREAD, _found, predictor, whole, sentences)
    return found


def _found(predictor: Predictor, whole: str, asked: list[Asked]) -> dict[Asked, Result]:
    by_sentence = _sentences(predictor, whole)
    results = {one: by_sentence.get(normalise(one.text).text.strip()) for one in asked}
    return {one: result for one, result in results.items() if result}


def _sentences(predictor: Predictor, whole: str) -> dict[str, Result]:
    """Every sentence of a review with what the network, which sees the others beside it, says of that one."""
    clean = normalise(whole).text
    sentences = [clean[start:end] for start, end in predictor.splitter.split(clean)]
    if not sentences:
        return {}
    scores = predictor.sentence_scores(sentences)
    return {
        sentence: predictor.scorer.score(scores[[row]], [Span(0, len(sentence))], tokens=0, windows=0, warnings=[])
        for row, sentence in enumerate(sentences)
    }
