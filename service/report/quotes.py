"""The few sentences that prove a label best, found while rows go by: no review is kept but those that are quoted."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from model.redact import Redactor

QUOTES, LOOKED_AT = 3, 2000  # quotes of a label, from its first so many reviews
GOOD_LENGTH = 80
AROUND = 160  # characters of the review shown on each side


@dataclass
class Quotes:
    """By label the best sentences so far, each with its review."""

    best: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    seen: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, names: Iterable[str], evidence: dict[str, list[str]], text: str) -> None:
        """Look at a review with the labels `names`."""
        for name in names:
            self.seen[name] += 1
            if self.seen[name] > LOOKED_AT:
                continue
            best = self.best[name]
            for sentence in evidence.get(name, []):
                best.setdefault(sentence, text)
                if len(best) > QUOTES:
                    del best[max(best, key=_distance)]

    def of(self, name: str, redactor: Redactor | None) -> list[dict[str, str]]:
        """Sentences that prove a label, with the review around them; those of a quotable length first."""
        made = []
        for sentence in sorted(self.best.get(name, {}), key=_distance):
            before, _, after = " ".join(self.best[name][sentence].split()).partition(sentence)
            parts = [before[-AROUND:], sentence, after[:AROUND]]
            clean = parts if redactor is None else [redactor.redact(part) for part in parts]
            made.append({"before": ("…" if len(before) > AROUND else "") + clean[0], "sentence": clean[1],
                         "after": clean[2] + ("…" if len(after) > AROUND else "")})  # fmt: skip
        return made


def _distance(sentence: str) -> tuple[int, str]:
    return abs(len(sentence) - GOOD_LENGTH) // 10, sentence
