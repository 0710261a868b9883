"""The wide half: tokens and pairs of neighbouring tokens, read linearly."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.encode import Encoder
from model.taxonomy import Taxonomy
from training.dataset import LabelledReview
from training.train import encoder_of
from training.wide import Wide, WideReader

NEGATIVE = [f"{thing} is niet goed" for thing in ("Alles", "Eten", "Service", "Kamer", "Bed", "Prijs")]
POSITIVE = [f"{thing} is goed" for thing in ("Alles", "Eten", "Service", "Kamer", "Bed", "Prijs")]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return encoder_of(Path("training/base"), 64)


@pytest.fixture(scope="module")
def wide(encoder: Encoder) -> Wide:
    reviews = [
        LabelledReview("", (text,), (frozenset(codes),), "", "", "", None)
        for texts, codes in ((NEGATIVE, {"n", "b-"}), (POSITIVE, {"p", "b+"}))
        for text in texts
    ]
    return Wide.fit(reviews, encoder, Taxonomy.load())


def logits(wide: Wide, encoder: Encoder, sentences: list[str]) -> np.ndarray:
    (window,) = encoder.encode([sentences])[0]
    return WideReader(wide)(torch.from_numpy(window.ids)[None], torch.from_numpy(window.starts)).numpy()


def test_it_learns_what_the_words_say(wide: Wide, encoder: Encoder) -> None:
    names = list(Taxonomy.load().output_names)
    good, bad = logits(wide, encoder, ["De muziek is goed", "De muziek is niet goed"])[:, names.index("positive")]
    assert good > bad


def test_a_sentence_reads_the_same_alone_and_among_others(wide: Wide, encoder: Encoder) -> None:
    sentences = ["Het bed is niet goed", "Eten is goed, prijs is goed", "Onbekend woord"]
    together = logits(wide, encoder, sentences)
    assert (together == np.concatenate([logits(wide, encoder, [sentence]) for sentence in sentences])).all()


def test_words_it_does_not_know_leave_the_bias(wide: Wide, encoder: Encoder) -> None:
    assert logits(wide, encoder, ["Zwembroek"])[0] == pytest.approx(wide.bias)


def test_it_comes_back_from_its_file_as_it_was(wide: Wide, tmp_path: Path) -> None:
    wide.save(tmp_path)
    found = Wide.load(tmp_path)
    assert all((vars(found)[name] == values).all() for name, values in vars(wide).items())
