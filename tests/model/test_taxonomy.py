from pathlib import Path

import pytest

from model.errors import TaxonomyError
from model.taxonomy import DEFAULT_PATH, Taxonomy

GOOD = DEFAULT_PATH.read_text(encoding="utf-8")


def test_there_are_38_outputs_in_six_lenses() -> None:
    taxonomy = Taxonomy.load()
    assert len(taxonomy.outputs) == 38
    assert [lens.id for lens in taxonomy.lenses] == ["tier", "motivator", "sentiment", "journey", "engagement", "source"]
    assert len(taxonomy.columns("motivator")) == 20


def test_wow_has_no_minus_and_hearsay_no_sign() -> None:
    names = Taxonomy.load().output_names
    assert "wow+" in names
    assert "wow-" not in names
    assert "hearsay" in names


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('code = "so"', 'code = "cf"', "used twice"),
        ('id = "thrill"', 'id = "freedom"', "id `freedom` is used twice"),
        ('signs = ["+", "-"]', 'signs = ["-"]', "`signs` of `basics`"),
        ('name_nl = "Welzijn"', 'name_nl = ""', "`wellbeing` needs a non-empty `name_nl`"),
        ('metric = "CES"', 'metrik = "CES"', "unknown keys ['metrik']"),
        ('version = "1.0"', "version = 1.0", "`version` must be"),
        ('id = "ease"', 'id = "ea se"', "lacks a usable `id`"),
        ('"-" = ["opgelicht"', '"x" = ["opgelicht"', "`examples` of `security`"),
        ("[[lens]]", "[[lens", "not TOML"),
    ],
)
def test_a_broken_taxonomy_is_refused_with_file_and_line(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    path = tmp_path / "taxonomy.toml"
    path.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(TaxonomyError) as refused:
        Taxonomy.load(path)
    assert complaint in str(refused.value)
    assert str(path) in str(refused.value)


def test_the_line_named_is_the_line_of_the_label(tmp_path: Path) -> None:
    path = tmp_path / "taxonomy.toml"
    path.write_text(GOOD.replace('name_nl = "Welzijn"', 'name_nl = ""'), encoding="utf-8")
    line = GOOD.splitlines().index('id = "wellbeing"') + 1
    with pytest.raises(TaxonomyError, match=f":{line}:"):
        Taxonomy.load(path)
