from pathlib import Path

import pytest

from model.taxonomy import Taxonomy
from training.dataset import LabelledReview, read
from training.errors import DataError
from training.split import hold_out

TAXONOMY = Taxonomy.load()


def test_near_duplicates_stay_on_one_side(tmp_path: Path) -> None:
    path = tmp_path / "a.rev"
    blocks = [f"## web | 2 | x\nDe bezorger belde nummer {n} niet aan bij ons.\tn\n" for n in range(3)]
    blocks += [
        f"## web | 2 | x\n{word} is hier altijd heel erg {word} geweest\tn\n"
        for word in ["brood", "water", "fietsen", "kleding", "boeken", "muziek", "reizen"]
    ]
    path.write_text("\n".join(blocks))
    reviews = read([path], TAXONOMY)
    for seed in range(5):
        kept, held = hold_out(reviews, 0.3, seed=seed)
        assert len(kept) + len(held) == len(reviews)
        assert held
        assert sum("bezorger" in review.text for review in held) in (0, 3)


def review(text: str, *codes: str) -> LabelledReview:
    return LabelledReview("here:1", (text,), (frozenset(codes),), "", "here", "", None)


@pytest.mark.parametrize("seed", range(5))
def test_rare_labels_are_on_both_sides(seed: int) -> None:
    words = [f"{a}{b}" for a in "bdfghjklmnprst" for b in ("aan", "een", "oon", "uur", "ijs")]
    reviews = [
        review(f"{word} {word}{word[::-1]} {word * 2}", "n", *(["cf+"] if n % 35 == 0 else [])) for n, word in enumerate(words)
    ]
    kept, held = hold_out(reviews, 0.3, seed=seed)
    rare = [sum("cf+" in sentence for one in side for sentence in one.codes) for side in (kept, held)]
    assert rare == [1, 1]
    assert 15 <= len(held) <= 21


def test_reviews_that_are_all_alike_cannot_be_split() -> None:
    with pytest.raises(DataError, match="all alike"):
        hold_out([review("Het brood was ook vandaag weer erg lekker", "p")] * 4, 0.3, seed=0)


def test_reviews_without_any_label_can_be_split() -> None:
    kept, held = hold_out([review(f"{word * 3} {word[::-1]}") for word in ("brood", "water", "fiets", "boek")], 0.3, seed=0)
    assert (len(kept), len(held)) == (3, 1)
