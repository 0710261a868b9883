"""The one way from text to scores: normalise → split → encode → infer → score."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from model.bundle import DEFAULT_BUNDLE, NETWORK, TAXONOMY, TOKENIZER, Bundle
from model.encode import Encoder, Window
from model.errors import BundleError
from model.infer import Network
from model.language import looks_foreign
from model.normalise import normalise
from model.score import Result, Scorer, Span
from model.split import Splitter
from model.taxonomy import Taxonomy

AT_ONCE = 256  # reviews whose windows share batches; the next are split and encoded meanwhile
POLICY = "balanced"


@dataclass(frozen=True)
class Prepared:
    """A review on its way: its sentences as text and as spans of the original."""

    sentences: list[str]
    spans: list[Span]
    warnings: list[str]


@dataclass(frozen=True)
class Encoded:
    """Reviews before the network: each prepared, or the error it is; and of those that are prepared the windows."""

    reviews: list[Prepared | Result]
    windows: list[list[Window]]


@dataclass(frozen=True)
class Predictor:
    """A loaded bundle. Safe to share between threads."""

    bundle: Bundle
    taxonomy: Taxonomy
    splitter: Splitter
    encoder: Encoder
    network: Network
    scorer: Scorer

    @classmethod
    def load(cls, folder: Path = DEFAULT_BUNDLE, *, threads: int | None = None) -> "Predictor":
        """Open a bundle; raises BundleError or TaxonomyError where it does not fit together."""
        bundle = Bundle.open(folder)
        manifest = bundle.manifest
        taxonomy = Taxonomy.load(bundle.path(TAXONOMY))
        network = Network.load(bundle.path(NETWORK), threads=threads)
        marks = manifest.marks
        encoder = Encoder.load(
            bundle.path(TOKENIZER), start=marks.start, end=marks.end, padding=marks.padding, window=manifest.window
        )
        numbers = [manifest.slopes, manifest.intercepts, manifest.thresholds[POLICY]]
        if {network.outputs, *map(len, numbers)} != {len(taxonomy.outputs)}:
            raise BundleError(f"{folder}: network, calibration and taxonomy disagree on the number of outputs")
        return cls(bundle, taxonomy, Splitter.load(), encoder, network, Scorer(taxonomy, *map(np.array, numbers)))

    def predict(self, reviews: list[str]) -> list[Result]:
        """Read reviews; one result each, in order. A review that cannot be read is an error in its place."""
        encoded = self.encode(reviews)
        return self.score(encoded, self.infer(encoded))

    def encode(self, reviews: list[str]) -> Encoded:
        """The first half of the way: normalised, split and in windows."""
        prepared = [self._prepare(review) for review in reviews]
        good = [review.sentences for review in prepared if isinstance(review, Prepared)]
        return Encoded(prepared, self.encoder.encode(good))

    def infer(self, encoded: Encoded) -> list[np.ndarray]:
        """The logits of all windows, in order; each (pieces, outputs)."""
        return self.network.run([window for windows in encoded.windows for window in windows])

    def score(self, encoded: Encoded, logits: list[np.ndarray]) -> list[Result]:
        """The last step: a result a review, in order."""
        windows, found = iter(encoded.windows), iter(logits)
        return [
            self._score(review, mine := next(windows), list(islice(found, len(mine)))) if isinstance(review, Prepared) else review
            for review in encoded.reviews
        ]

    def stream(self, reviews: Iterable[str]) -> Iterator[Result]:
        """Read any number of reviews in flat memory; results come in order, some hundreds at a time."""
        waiting = iter(reviews)
        running: deque[Future[list[Result]]] = deque()
        with ThreadPoolExecutor(2) as side_by_side:
            while chunk := list(islice(waiting, AT_ONCE)):
                running.append(side_by_side.submit(self.predict, chunk))
                if len(running) == 2:
                    yield from running.popleft().result()
            for last in running:
                yield from last.result()

    def sentence_scores(self, sentences: list[str]) -> np.ndarray:
        """Scores of a review that is already cut into sentences, (sentences, outputs): for evaluation on given cuts."""
        windows = self.encoder.encode([[normalise(sentence).text for sentence in sentences]])[0]
        return self.scorer.sentence_scores(windows, self.network.run(windows), len(sentences))

    def failed_canaries(self) -> list[str]:
        """What the bundle's own canary texts get wrong, in words; empty when all is well."""
        return self.canary_failures(self.predict([canary.text for canary in self.bundle.manifest.canaries]))

    def canary_failures(self, found: list[Result]) -> list[str]:
        """The same, from results of the canary texts."""
        failures = []
        for number, (canary, result) in enumerate(zip(self.bundle.manifest.canaries, found, strict=True), 1):
            got = {label.id + label.sign for label in result.labels}
            missing, wrong = sorted(set(canary.labels) - got), sorted(set(canary.absent) & got)
            failures += [f"canary {number}: {', '.join(missing)} not found"] if missing else []
            failures += [f"canary {number}: {', '.join(wrong)} found, which it does not say"] if wrong else []
        return failures

    def _prepare(self, review: str) -> Prepared | Result:
        if not isinstance(review, str):
            return Result.failed("not_text", "a review must be text", warnings=[])
        clean = normalise(review)
        spans = self.splitter.split(clean.text)
        if not spans:
            return Result.failed("empty_text", "the review holds no text", warnings=["empty"])
        return Prepared(
            sentences=[clean.text[start:end] for start, end in spans],
            spans=[Span(*clean.original_span(start, end)) for start, end in spans],
            warnings=["not_dutch"] if looks_foreign(clean.text) else [],
        )

    def _score(self, review: Prepared, windows: list[Window], logits: list[np.ndarray]) -> Result:
        pieces = sum(len(window.starts) for window in windows)
        warnings = [*review.warnings, *(["split_long_sentence"] if pieces > len(review.sentences) else [])]
        return self.scorer.score(
            self.scorer.sentence_scores(windows, logits, len(review.sentences)),
            review.spans,
            tokens=sum(len(window.ids) for window in windows),
            windows=len(windows),
            warnings=warnings,
        )
