"""Logits → what a review says: calibrated scores, the labels above their thresholds, and the sentences that prove them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from model.encode import Window
from model.taxonomy import Taxonomy

# Evidence scores at least this share of the most telling sentence. Thresholds are fitted on reviews, and alone let weak sentences
# through: on labelled sentences the F1 of evidence is flat from 0.7 to 0.8 and falls on both sides (training/LOG.md).
TELLING = 0.75


@dataclass(frozen=True)
class Span:
    """Part of the original text: characters `start` up to, not including, `end`."""

    start: int
    end: int


@dataclass(frozen=True)
class FoundLabel:
    """A label above its threshold. `score` is a calibrated probability; `evidence` are the sentences above the threshold."""

    lens: str
    id: str
    sign: str
    score: float
    threshold: float
    evidence: list[Span]


@dataclass(frozen=True)
class Result:
    """One review, read. `status` is `ok` or `error`; an error carries `error_type` and `error` and no labels."""

    status: str
    primary_tier: str | None
    labels: list[FoundLabel]
    scores: dict[str, float]
    sentences: list[Span]
    tokens: int
    windows: int
    warnings: list[str]
    error_type: str | None = None
    error: str | None = None

    @classmethod
    def failed(cls, error_type: str, error: str, *, warnings: list[str]) -> "Result":
        return cls("error", None, [], {}, [], 0, 0, warnings, error_type, error)

    def only(self, lenses: list[str]) -> "Result":
        """The same result with the labels of these lenses alone."""
        return replace(self, labels=[label for label in self.labels if label.lens in lenses])

    def to_dict(self, *, scores: bool = False) -> dict[str, Any]:
        """The result as JSON-ready data: the same object from every door."""
        data = {
            **vars(self),
            "labels": [{**vars(label), "evidence": [{**vars(span)} for span in label.evidence]} for label in self.labels],
            "scores": {**self.scores},
            "sentences": [{**vars(span)} for span in self.sentences],
            "warnings": [*self.warnings],
        }  # dataclasses.asdict takes ten times as long
        if not scores or self.status == "error":
            del data["scores"]
        if self.status == "ok":
            del data["error"], data["error_type"]
        return data


@dataclass(frozen=True)
class Scorer:
    """Calibration and thresholds, per output: `slopes`, `intercepts`, `thresholds`, (outputs,) float."""

    taxonomy: Taxonomy
    slopes: np.ndarray
    intercepts: np.ndarray
    thresholds: np.ndarray

    def sentence_scores(self, windows: list[Window], logits: list[np.ndarray], sentences: int) -> np.ndarray:
        """Scores of each sentence, (sentences, outputs) float64: of its pieces the highest, calibrated."""
        highest = np.full((sentences, len(self.thresholds)), -np.inf)
        for window, found in zip(windows, logits, strict=True):
            np.maximum.at(highest, window.sentences, found)
        return 1 / (1 + np.exp(-np.clip(self.slopes * highest + self.intercepts, -60, 60)))

    def score(self, by_sentence: np.ndarray, spans: list[Span], *, tokens: int, windows: int, warnings: list[str]) -> Result:
        """A review from the scores of its sentences: per output the maximum; the evidence is what comes near it."""
        highest = by_sentence.max(0)
        telling = np.maximum(self.thresholds, TELLING * highest)
        labels = [
            FoundLabel(
                lens=output.label.lens,
                id=output.label.id,
                sign=output.sign,
                score=round(float(highest[column]), 4),
                threshold=round(float(self.thresholds[column]), 4),
                evidence=[spans[row] for row in np.flatnonzero(by_sentence[:, column] >= telling[column])],
            )
            for column, output in enumerate(self.taxonomy.outputs)
            if highest[column] >= self.thresholds[column]
        ]
        tiers = [label for label in labels if label.lens == "tier"]
        return Result(
            status="ok",
            primary_tier=max(tiers, key=lambda label: label.score).id if tiers else None,
            labels=labels,
            scores={name: round(float(value), 4) for name, value in zip(self.taxonomy.output_names, highest, strict=True)},
            sentences=spans,
            tokens=tokens,
            windows=windows,
            warnings=warnings,
        )
