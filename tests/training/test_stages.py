"""The small stages: statistics, joining, comparing, behaviour."""

import json
import lzma
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.predictor import Predictor
from model.taxonomy import Taxonomy
from training import join, stats
from training.behave import behave, rates, read_cases
from training.compare import compare
from training.dataset import read
from training.errors import DataError

DATA = Path(__file__).parents[2] / "training" / "data"


def test_stats_counts_reviews_with_each_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.rev").write_text("## bank | 2 | web\nKapot.\tn b-\nNog eens kapot.\tn b-\n\n## bank | - | app\nTop.\tp\n")
    stats.main([str(tmp_path), "--by", "register"])
    shown = capsys.readouterr().out
    assert "2 reviews, 3 sentences" in shown
    assert "| basics- | 1 | 1 | 0 |" in shown


def test_labels_join_the_texts_they_name(tmp_path: Path) -> None:
    text = "Prima &amp; snel.  Wel duur."
    record = {"sha256": join.text_hash(text), "spans": [[0, 13], [14, 23]], "labels": [["p", "b+", "e+"], ["n", "b-"]]}
    lost = {"sha256": join.text_hash("weg"), "spans": [[0, 3]], "labels": [["0"]]}
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (record, lost)))
    with lzma.open(tmp_path / "texts.xz", "wt") as file:
        file.write(json.dumps({"text": text, "rating": 4, "sector": "x", "source": "y"}) + "\n")
    join.main(
        ["--labels", str(tmp_path / "labels.jsonl"), "--texts", str(tmp_path / "texts.xz"), "-o", str(tmp_path / "o.jsonl")]
    )
    [review] = read([tmp_path / "o.jsonl"], Taxonomy.load())
    assert review.sentences == ("Prima & snel.", "Wel duur.")
    assert review.codes == (frozenset({"p", "b+", "e+"}), frozenset({"n", "b-"}))


def test_a_csv_of_two_columns_is_labelled_data(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text('text;labels\n"Kapot; na een week";basics- negative\nPrima;\n')
    first, second = read([tmp_path / "mine.csv"], Taxonomy.load())
    assert (first.text, first.codes) == ("Kapot; na een week", (frozenset({"b-", "n"}),))
    assert second.codes == (frozenset(),)
    (tmp_path / "wrong.csv").write_text("text,labels\nPrima,onzin\n")
    with pytest.raises(DataError, match=r"wrong\.csv:2: unknown label code `onzin`"):
        read([tmp_path / "wrong.csv"], Taxonomy.load())


def test_a_worse_candidate_is_refused_and_the_same_one_is_not(predictor: Predictor) -> None:
    reviews = read([DATA / "g1-01.rev"], predictor.taxonomy)
    silent = replace(predictor, scorer=replace(predictor.scorer, thresholds=np.full_like(predictor.scorer.thresholds, 2.0)))
    assert not any(difference.worse for difference in compare(predictor, predictor, reviews).values())
    assert compare(predictor, silent, reviews)["sentiment"].worse


def test_the_behavioural_suite_names_known_outputs_and_covers_every_group() -> None:
    cases = read_cases()
    known = set(Taxonomy.load().output_names)
    assert len(cases) >= 400
    assert len({case["group"] for case in cases}) == 14
    for case in cases:
        named = [name for key in ("present", "absent", "outputs", "falls", "rises") for name in case.get(key, [])]
        assert named
        assert set(named) <= known
        assert ("variant" in case) == (case["kind"] != "minimum")


def test_most_behaviour_is_as_expected(predictor: Predictor) -> None:
    found = rates(behave(predictor, read_cases()))["all"]
    assert found.passed / found.of >= 0.5
