"""What every benchmark prints first, and the texts they share."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np

from model.predictor import Predictor
from model.taxonomy import Taxonomy
from training.dataset import read

DATA = Path(__file__).parents[1] / "training" / "data"


def describe(predictor: Predictor, texts: list[str]) -> None:
    """Machine, versions, threads and the lengths of the texts in tokens."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?"
    )
    print(f"machine: {cpu}, {len(os.sched_getaffinity(0))} cores; Python {platform.python_version()}, ", end="")
    print(", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "torch", "transformers")))
    lengths = np.array([result.tokens for result in predictor.stream(texts[:2000])])
    marks = np.percentile(lengths, [5, 25, 50, 75, 95]).astype(int)
    print(f"texts: {len(texts)}; tokens at 5/25/50/75/95 %: {'/'.join(map(str, marks))}, mean {lengths.mean():.0f}\n")


def reviews(count: int) -> list[str]:
    """Review texts of `training/data` in a fixed random order, repeated with a number where there are too few."""
    texts = [review.text for review in read([DATA, DATA / "motivators"], Taxonomy.load())]
    order = np.random.default_rng(0).permutation(len(texts))
    whole = [texts[n] for n in order]
    return [whole[n % len(whole)] + (f" ({n // len(whole)})" if n >= len(whole) else "") for n in range(count)]
