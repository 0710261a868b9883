"""The annotation guide says all that the taxonomy says."""

from pathlib import Path

import pytest

from model.taxonomy import Taxonomy
from training.labelling import guide


@pytest.mark.parametrize("suffix", [".html", ".md"])
def test_the_guide_holds_every_label_with_its_rulings_and_examples(tmp_path: Path, suffix: str) -> None:
    guide.main(["-o", str(tmp_path / f"gids{suffix}")])
    text = (tmp_path / f"gids{suffix}").read_text().replace("&#39;", "'").replace("&gt;", ">")
    taxonomy = Taxonomy.load()
    for label in taxonomy.labels:
        assert label.definition_nl in text
        assert label.not_this_nl in text
        assert all(phrase in text for phrases in label.examples.values() for phrase in phrases)
    assert all(f"{name}<" in text or f"`{name}`" in text for name in taxonomy.output_names)


def test_the_guide_fetches_nothing() -> None:
    assert "http" not in guide.guide(Taxonomy.load(), ".html")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"written as \.html or \.md"):
        guide.main(["-o", str(tmp_path / "gids.pdf")])
