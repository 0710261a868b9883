from pathlib import Path

import pytest

from model.taxonomy import Taxonomy
from training.dataset import read, targets
from training.errors import DataError

TAXONOMY = Taxonomy.load()
ROOT = Path(__file__).parents[2]


def test_the_data_that_ships_is_read_whole() -> None:
    reviews = read([ROOT / "training" / "data"], TAXONOMY)
    assert len(reviews) >= 5463
    present = targets((codes for review in reviews for codes in review.codes), TAXONOMY)
    assert present.sum(0).min() >= 100


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("## web | 2\nTe laat.\tn\n", 1, "a header is"),
        ("## web | 9 | x\nTe laat.\tn\n", 1, "a header is"),
        ("Te laat.\tn\n", 1, "before its"),
        ("## web | 2 | x\nTe laat. n\n", 2, "sentence<TAB>codes"),
        ("## web | 2 | x\nTe laat.\tn qq\n", 2, "unknown label code `qq`"),
        ("## web | 2 | x\n\n", 1, "without sentences"),
    ],
)
def test_a_mistake_in_a_rev_file_is_named_with_file_and_line(tmp_path: Path, text: str, line: int, complaint: str) -> None:
    path = tmp_path / "a.rev"
    path.write_text(text)
    with pytest.raises(DataError) as refused:
        read([path], TAXONOMY)
    assert f"{path}:{line}: " in str(refused.value)
    assert complaint in str(refused.value)
    assert "Te laat" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["{", '{"sentences": []}', '{"sentences": ["a"], "labels": []}', '{"sentences": ["a"], "labels": [["zz"]]}']
)
def test_a_mistake_in_a_jsonl_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"sentences": ["goed"], "labels": [["p"]]}\n' + text)
    with pytest.raises(DataError, match=r"a\.jsonl:2: "):
        read([path], TAXONOMY)


def test_empty_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.rev").write_text("")
    for path in (tmp_path / "empty.rev", tmp_path / "none.rev", tmp_path / "table.xls"):
        with pytest.raises(DataError, match=str(path)):
            read([path], TAXONOMY)
