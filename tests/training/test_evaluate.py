"""Stage `evaluate`: what it measures, and that its page tells figures and no review."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from model.predictor import Predictor
from model.taxonomy import Taxonomy
from training import evaluate
from training.dataset import read
from training.lexicon import cue_counts
from training.measure import quality
from training.slices import SMALLEST, slices

DATA = Path(__file__).parents[2] / "training" / "data" / "g1-01.rev"
TAXONOMY = Taxonomy.load()
REVIEWS = read([DATA], TAXONOMY)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report on a file that two annotators labelled, of whom the second saw nothing in the first ten reviews."""
    folder = tmp_path_factory.mktemp("evaluate")
    with (folder / "valid.jsonl").open("w") as file:
        for number, review in enumerate(REVIEWS):
            codes = [sorted(c) or [TAXONOMY.neutral_code] for c in review.codes]
            second = [[TAXONOMY.neutral_code] for _ in codes] if number < 10 else codes
            record = {"sentences": review.sentences, "labels": codes, "annotator_a": codes, "annotator_b": second}
            file.write(json.dumps({**record, "sector": review.sector, "rating": review.rating, "source": "winkel:x"}) + "\n")
    evaluate.main([str(folder / "valid.jsonl"), "--train", str(DATA), "-o", str(folder / "report.json")])
    return folder


def test_json_markdown_and_page_are_written_together(written: Path) -> None:
    report = json.loads((written / "report.json").read_text())["sets"]["valid"]
    assert list(report["headline"]) == ["snaar", "tf-idf + logistic regression", "keywords", "majority"]
    reviews, sentences = report["detail"]["levels"]
    assert (reviews["rows"], sentences["rows"]) == (len(REVIEWS), sum(len(review.sentences) for review in REVIEWS))
    assert [row["name"] for row in reviews["outputs"]] == list(TAXONOMY.output_names)
    assert [row["name"] for row in sentences["lenses"]] == [lens.id for lens in TAXONOMY.lenses] + ["all"]
    for level in (reviews, sentences):
        assert sum(map(sum, level["tiers"]["counts"])) + level["tiers"]["left_out"] == level["rows"]
        assert sum(b["count"] for b in level["reliability"]["all"]) == level["rows"] * len(TAXONOMY.outputs)
        everything = level["lenses"][-1]["f1"]
        assert everything["low"] < everything["value"] < everything["high"]
    page = (written / "report.html").read_text()
    assert page.count("<svg ") == 8
    assert "Hoe goed leest Snaar?" in page
    assert not any(word in page for word in ("<script", "src=", "href=", "@import"))
    assert "| basics+ |" in (written / "report.md").read_text()


def test_no_report_holds_review_text(written: Path) -> None:
    texts = [(written / f"report.{kind}").read_text() for kind in ("json", "md", "html")]
    long = [sentence for review in REVIEWS for sentence in review.sentences if len(sentence) > 20]
    assert [sentence for sentence in long for text in texts if sentence in text] == []


def test_annotators_are_compared_with_the_bundle_and_with_each_other(written: Path) -> None:
    pairs = json.loads((written / "report.json").read_text())["sets"]["valid"]["detail"]["annotators"]
    assert list(pairs) == ["snaar with annotator a", "snaar with annotator b", "annotator a with annotator b"]
    assert 0.8 < pairs["annotator a with annotator b"]["sentiment"]["value"] < 1
    assert pairs["snaar with annotator b"]["sentiment"]["value"] < pairs["snaar with annotator a"]["sentiment"]["value"]


def test_a_figure_is_the_one_of_scikit_learn_and_its_interval_is_over_reviews() -> None:
    dice = np.random.default_rng(1)
    labels, scores = dice.integers(0, 2, (60, 3)), dice.random((60, 3))
    present = (scores > 0.4).astype(int)
    found = quality("x", scores, present, labels, np.arange(60))
    assert found.f1.value == pytest.approx(f1_score(labels, present, average="micro"))
    assert found.macro_f1.value == pytest.approx(f1_score(labels, present, average="macro"))
    assert found.precision.value == pytest.approx(precision_score(labels, present, average="micro"))
    assert found.recall.value == pytest.approx(recall_score(labels, present, average="micro"))
    twice = quality("x", *(np.concatenate([a, a]) for a in (scores, present, labels)), np.tile(np.arange(60), 2))
    assert (twice.f1.low, twice.f1.high) == pytest.approx((found.f1.low, found.f1.high))


def test_small_slices_are_hidden() -> None:
    shown, hidden = slices(REVIEWS)
    assert hidden > 0
    assert min(part.rows.sum() for part in shown) >= SMALLEST
    assert {"source", "length", "variety"} <= {part.by for part in shown}


def test_the_keyword_list_finds_the_examples_of_the_taxonomy(predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "a.rev").write_text("## web | 1 | x\nDrie kwartier in de wacht!\tn e-\nEn ook gezellig.\tp\n")
    [counts] = cue_counts(read([tmp_path / "a.rev"], TAXONOMY), TAXONOMY, predictor.splitter)
    assert counts[TAXONOMY.output_names.index("ease-")] >= 1
    assert counts[TAXONOMY.output_names.index("basics+")] == 0
