"""The model that answers, the one before it, and how a new one takes over while requests go on."""

from dataclasses import dataclass
from pathlib import Path

from model.predictor import Predictor
from model.redact import Redactor


@dataclass(frozen=True)
class Model:
    """A loaded bundle with what goes with it: a request keeps the one it began with."""

    predictor: Predictor
    redactor: Redactor

    @classmethod
    def load(cls, folder: Path, *, threads: int | None) -> "Model":
        """Load and verify a bundle; raises ModelError."""
        predictor = Predictor.load(folder, threads=threads)
        predictor.bundle.verify()
        return cls(predictor, Redactor.on(predictor.splitter))


class Models:
    """The current model."""

    def __init__(self, current: Model) -> None:
        self.current = current
