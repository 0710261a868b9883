from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.infer import TOKENS_A_BATCH
from model.predictor import Predictor
from model.processors import adds_int8_exactly, processors
from model.score import Result

REVIEWS = [
    "Bestelling kwam te laat. Niemand nam op, drie kwartier in de wacht.",
    "Top!",
    "Vriendelijk geholpen en binnen een dag in huis.",
    "We voelden ons er meteen thuis, één grote familie. De kinderen wilden niet weg.",
    "saai boek",
    "Na twee keer wassen kapot :( geld terug? Vergeet het maar. " * 8,
    "Ik ben al twintig jaar klant en word behandeld als een nummer.",
]
UNICODE = st.text(max_size=80) | st.text(st.sampled_from("a é&;#x<br>\n.!?\u0301\u200d😀\ud800\u0000ﷺ"), max_size=60)


@pytest.mark.filterwarnings("ignore")
def test_ten_thousand_random_texts_raise_nothing_and_offsets_slice_the_original(predictor: Predictor) -> None:
    seen = 0

    @settings(max_examples=100, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(UNICODE, min_size=100, max_size=100))
    def read(texts: list[str]) -> None:
        nonlocal seen
        for text, result in zip(texts, predictor.predict(texts), strict=True):
            seen += 1
            check_offsets(text, result)

    read()
    assert seen >= 10_000


def check_offsets(text: str, result: Result) -> None:
    assert result.status in ("ok", "error")
    end = 0
    for span in result.sentences:
        assert end <= span.start < span.end <= len(text)
        end = span.end
    assert all(span in result.sentences for label in result.labels for span in label.evidence)
    assert all(label.evidence for label in result.labels)


@pytest.mark.parametrize("batch_tokens", [64, TOKENS_A_BATCH])
def test_a_review_scores_the_same_bits_alone_and_in_any_batch(
    predictor: Predictor, batch_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model.infer.TOKENS_A_BATCH", batch_tokens)
    alone = {text: raw_scores(predictor, [text])[0] for text in REVIEWS}

    @settings(max_examples=12, deadline=None, database=None)
    @given(
        st.lists(st.sampled_from(REVIEWS), min_size=1, max_size=20),
        st.sampled_from(["", " ", "\n\t", "\u00a0 "]),
        st.integers(1, 3),
    )
    def same(batch: list[str], around: str, threads: int) -> None:
        side_by_side = replace(predictor, network=replace(predictor.network, threads=threads))
        for text, found in zip(batch, raw_scores(side_by_side, [around + text + around for text in batch]), strict=True):
            assert (found == alone[text]).all()

    same()


def raw_scores(predictor: Predictor, texts: list[str]) -> list[np.ndarray]:
    """Logits of each review, not rounded: (pieces, outputs)."""
    encoded = predictor.encoder.encode([[text[a:b] for a, b in predictor.splitter.split(text)] for text in texts])
    logits = iter(predictor.network.run([window for windows in encoded for window in windows]))
    return [np.concatenate([next(logits) for _ in windows]) for windows in encoded]


def test_scores_of_sentences_do_not_depend_on_the_batch(predictor: Predictor) -> None:
    windows = [w for text in REVIEWS for w in predictor.encoder.encode([[text]])[0]]
    together = predictor.network.run(windows)
    for window, found in zip(windows, together, strict=True):
        assert (predictor.network.run([window])[0] == found).all()


def test_a_long_review_is_read_whole_in_windows(predictor: Predictor) -> None:
    text = "De bezorger was erg vriendelijk en alles klopte. " * 120
    [result] = predictor.predict([text])
    assert result.windows > 3
    assert len(result.sentences) == 120
    assert result.sentences[-1].end == len(text.rstrip())


def test_an_endless_sentence_is_flagged_not_cut(predictor: Predictor) -> None:
    [result] = predictor.predict(["en toen wachtte ik weer en " * 200])
    assert "split_long_sentence" in result.warnings
    assert result.tokens > 1000


def test_an_empty_review_is_an_error_in_its_place(predictor: Predictor) -> None:
    first, second = predictor.predict([" \n", "Prima geholpen"])
    assert (first.status, first.error_type, first.warnings) == ("error", "empty_text", ["empty"])
    assert second.status == "ok"


def test_other_languages_are_flagged_and_still_scored(predictor: Predictor) -> None:
    [english] = predictor.predict(["The delivery was three weeks late and nobody picked up the phone when I called."])
    assert english.warnings == ["not_dutch"]
    assert english.status == "ok"
    [dutch] = predictor.predict(["De levering was drie weken te laat en niemand nam de telefoon op."])
    assert dutch.warnings == []


def test_streaming_gives_what_predicting_gives(predictor: Predictor) -> None:
    texts = REVIEWS * 400
    assert list(predictor.stream(iter(texts))) == predictor.predict(texts)


def test_entities_and_accents_keep_their_place_in_the_original(predictor: Predictor) -> None:
    text = "  Caf&eacute; was dicht.<br>Niemand  nam op!"
    [result] = predictor.predict([text])
    assert [text[span.start : span.end] for span in result.sentences] == ["Caf&eacute; was dicht.", "Niemand  nam op!"]


def test_equal_reviews_are_read_once(predictor: Predictor) -> None:
    seen: list[list[int]] = []

    class Counting:
        def run(self, outputs: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            seen.extend(inputs["groups"].tolist())
            return predictor.network.session.run(outputs, inputs)

    counting = replace(predictor, network=replace(predictor.network, session=Counting()))  # type: ignore[arg-type]
    assert counting.predict([REVIEWS[0]] * 9 + [REVIEWS[2]]) == predictor.predict([REVIEWS[0]] * 9 + [REVIEWS[2]])
    assert [windows for windows, _ in seen] == [1, 1]


def test_threads_are_as_many_as_the_quota_of_the_container(tmp_path: Path) -> None:
    at_hand = processors(tmp_path)
    assert at_hand >= 1
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert processors(tmp_path) == at_hand
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert processors(tmp_path) == 1
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("80000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert processors(tmp_path) == 1


def test_int8_is_exact_where_the_processor_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    (tmp_path / "new").write_text("flags : avx512f avx512_vnni")
    (tmp_path / "old").write_text("flags : avx avx2")
    assert [adds_int8_exactly(tmp_path / name) for name in ("new", "old", "none")] == [True, False, False]
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert adds_int8_exactly(tmp_path / "old")
