"""What a list of keywords can do: the taxonomy's example phrases, and the words that only one output of a lens has in them."""

from collections import Counter

import numpy as np

from model.split import Splitter  # before spaCy: it keeps torch out

# isort: split
from spacy.matcher import PhraseMatcher

from model.taxonomy import Lens, Taxonomy
from training.dataset import LabelledReview


def cue_counts(reviews: list[LabelledReview], taxonomy: Taxonomy, splitter: Splitter) -> np.ndarray:
    """Per review the most cues one of its sentences holds, (reviews, outputs)."""
    pipeline = splitter.pipeline
    matcher = PhraseMatcher(pipeline.vocab, attr="LOWER")
    for lens in taxonomy.lenses:
        for name, cues in _cues(lens, pipeline.Defaults.stop_words).items():
            matcher.add(name, [pipeline.make_doc(cue) for cue in sorted(cues)])
    column = {name: number for number, name in enumerate(taxonomy.output_names)}
    counts = np.zeros((len(reviews), len(column)))
    for row, review in enumerate(reviews):
        for sentence in review.sentences:
            found = Counter(column[pipeline.vocab.strings[key]] for key, _, _ in matcher(pipeline.make_doc(sentence)))
            for number, count in found.items():
                counts[row, number] = max(counts[row, number], count)
    return counts


def _cues(lens: Lens, stop_words: set[str]) -> dict[str, set[str]]:
    """Per output of a lens its phrases and its own words."""
    phrases = {label.id + sign: label.examples[sign or "any"] for label in lens.labels for sign in label.signs}
    words = {
        name: {word.strip("'\".,!?") for word in " ".join(found).lower().split()} - stop_words for name, found in phrases.items()
    }
    holders = Counter(word for found in words.values() for word in found)
    return {
        name: {*phrases[name], *(word for word in found if holders[word] == 1 and len(word) > 3)} for name, found in words.items()
    }
