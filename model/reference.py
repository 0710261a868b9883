"""How reviews look, in counts of labels and of lengths. A bundle carries those of reviews like the ones it should meet; never text."""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from model.bundle import REFERENCE, Bundle
from model.errors import BundleError
from model.score import Result

LENGTHS = (8, 16, 32, 64, 128, 256, 512)  # tokens


@dataclass(frozen=True)
class Reference:
    """Of `reviews` that could be read: how many have each label, and how many have up to 8, up to 16 … tokens (`LENGTHS`; the
    last are those over 512)."""

    reviews: int
    labels: dict[str, int]
    lengths: list[int]

    @classmethod
    def of(cls, results: Iterable[Result]) -> "Reference":
        """The counts over what a bundle found; results that are errors do not count."""
        labels: Counter[str] = Counter()
        lengths = [0] * (len(LENGTHS) + 1)
        for result in results:
            if result.status == "ok":
                labels.update(label.id + label.sign for label in result.labels)
                lengths[bisect_left(LENGTHS, result.tokens)] += 1
        return cls(sum(lengths), dict(labels), lengths)

    def __add__(self, other: "Reference") -> "Reference":
        labels = {name: self.labels.get(name, 0) + other.labels.get(name, 0) for name in {*self.labels, *other.labels}}
        lengths = [ours + theirs for ours, theirs in zip(self.lengths, other.lengths, strict=True)]
        return Reference(self.reviews + other.reviews, labels, lengths)

    @classmethod
    def load(cls, bundle: Bundle) -> "Reference | None":
        """The bundle's own; None for one that was made without. Raises BundleError."""
        if REFERENCE not in bundle.manifest.files:
            return None
        path = bundle.path(REFERENCE)
        try:
            found = cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise BundleError(f"{path}: cannot be read as counts of labels and lengths: {type(error).__name__}") from error
        if len(found.lengths) != len(LENGTHS) + 1 or not 0 < found.reviews == sum(found.lengths):
            raise BundleError(f"{path}: its counts do not add up; make it again with `python -m training reference`")
        return found

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"
