import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.normalise import normalise
from model.split import Splitter

CASES = [json.loads(line) for line in Path(__file__).parents[1].joinpath("cases/split.jsonl").read_text().splitlines()]
SPLITTER = Splitter.load()


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_sentences_are_cut_as_a_reader_would(case: dict[str, str]) -> None:
    text = normalise(case["text"]).text
    assert [text[start:end] for start, end in SPLITTER.split(text)] == case["sentences"]


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 80


@given(st.text(alphabet=st.sampled_from("aA. !?…\n\"')(•😀0u-") | st.characters(exclude_categories=["Cs"]), max_size=60))
def test_no_character_is_lost_between_sentences(raw: str) -> None:
    text = normalise(raw).text
    spans = SPLITTER.split(text)
    assert [c for start, end in spans for c in text[start:end] if not c.isspace()] == [c for c in text if not c.isspace()]
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize("text", ["gr" + "," * 20_000, "a " * 60 + "x" * 300 + "  b.\n Nog een zin. ", ("lach" * 50 + "! ") * 90])
def test_a_long_run_without_white_space_is_cut_in_pieces_and_kept_whole(text: str) -> None:
    """Ten thousand commas in one token would keep spaCy busy for minutes."""
    assert "".join(token.text_with_ws for token in SPLITTER.tokens(text)) == text
    assert SPLITTER.split(text)[0][0] == 0
