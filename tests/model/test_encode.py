import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.bundle import DEFAULT_BUNDLE, TOKENIZER
from model.encode import Encoder

ENCODER = Encoder.load(DEFAULT_BUNDLE / TOKENIZER, start="[CLS]", end="[SEP]", padding="[PAD]", window=32)


@given(
    st.lists(
        st.lists(st.sampled_from(["te", "laat", "onbereikbaar", "!", "😀"]), max_size=80).map(" ".join), min_size=1, max_size=8
    )
)
def test_no_token_is_dropped_and_no_window_is_too_long(sentences: list[str]) -> None:
    windows = ENCODER.encode([sentences])[0]
    assert all(len(window.ids) <= 32 for window in windows)
    tokens = [int(i) for window in windows for i in window.ids if i not in (ENCODER.cls, ENCODER.sep)]
    wanted = [i for s in sentences for i in ENCODER.tokenizer.encode(s, add_special_tokens=False).ids]
    assert tokens == wanted
    assert all((window.ids[window.starts] == ENCODER.cls).all() for window in windows)
    assert set(np.concatenate([window.sentences for window in windows]).tolist()) == set(range(len(sentences)))


def test_a_sentence_longer_than_a_window_is_cut_into_pieces() -> None:
    [windows] = ENCODER.encode([["laat " * 100]])
    assert len(windows) == 4
    assert {int(owner) for window in windows for owner in window.sentences} == {0}
