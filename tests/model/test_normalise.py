import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.normalise import normalise

MESSY = st.lists(
    st.sampled_from(
        [
            "&amp;",
            "&lt;",
            "&#8203;",
            "&#x301;",
            "<br>",
            "</p>",
            " ",
            "\u00a0",
            "\r\n",
            "\u2028",
            "e",
            "\u0301",
            "\u200b",
            "\ud800",
        ]
    )
    | st.characters(),
    max_size=30,
).map("".join)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  a \t b  ", "a b"),
        ("a\r\n\r\n b", "a\nb"),
        ("a<br/>b<br>c", "a\nb\nc"),
        ("t&eacute; &amp; zo", "té & zo"),
        ("&amp;lt;", "<"),
        ("cafe\u0301", "café"),
        ("nul\u200bbreed\ufeff", "nulbreed"),
        ("a\x00b\x1bc", "abc"),
        ("\ud83d los", "\ufffd los"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("\u1112\u1161\u11ab", "한"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_text_is_cleaned(raw: str, clean: str) -> None:
    assert normalise(raw).text == clean


@given(MESSY)
def test_normalising_twice_changes_nothing(raw: str) -> None:
    once = normalise(raw).text
    assert normalise(once).text == once
    assert unicodedata.is_normalized("NFC", once)


@given(MESSY)
def test_every_character_knows_its_place_in_the_original(raw: str) -> None:
    clean = normalise(raw)
    assert len(clean.starts) == len(clean.ends) == len(clean.text)
    for place, character in enumerate(clean.text):
        start, end = clean.original_span(place, place + 1)
        assert 0 <= start < end <= len(raw)
        if character.isalnum() and end - start == 1:
            assert unicodedata.normalize("NFC", raw[start]) == character  # 豈 has two codes of one character
    assert list(clean.starts) == sorted(clean.starts)
