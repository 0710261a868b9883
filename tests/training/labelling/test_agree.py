"""Agreement: the textbook figures, our two annotators, and what happens to disagreements."""

import json
from pathlib import Path

import numpy as np
import pytest

from model.taxonomy import Taxonomy
from training.labelling import adjudicate, agree
from training.labelling.agreement import ac1, agreement, alpha
from training.labelling.annotated import Annotated, write_annotated

TAXONOMY = Taxonomy.load()
ROOT = Path(__file__).parents[3]
DATA = ROOT / "training" / "data"
VALID = Path(__file__).parents[4] / "shared" / "data" / "real" / "valid.jsonl"
# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", C: nominal data, four observers, values missing
FOUR = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]


def counts(rows: list[str]) -> np.ndarray:
    return np.array([[sum(row[unit] == value for row in rows) for value in "12345"] for unit in range(12)])


def test_alpha_of_four_observers_with_values_missing_is_the_textbook_one() -> None:
    assert alpha(counts(FOUR)) == pytest.approx(0.743, abs=5e-4)


def test_ac1_of_the_same_data_is_that_of_gwets_own_package() -> None:
    assert ac1(counts(FOUR)) == pytest.approx(0.77544, abs=1e-5)  # irrCAC, cac.raw4raters


def test_binary_data_of_two_observers_give_the_textbook_alpha() -> None:
    meg, owen = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]])
    found = agreement(meg + owen, np.full(10, 2), np.arange(10))  # Krippendorff (2011), B: 0.095
    assert found.alpha.value == pytest.approx(0.095, abs=5e-4)
    assert found.f1.value == pytest.approx(2 / 6)
    assert found.alpha.low < found.alpha.value < found.alpha.high
    same = agreement(2 * meg, np.full(10, 2), np.arange(10))
    assert (same.f1.value, same.alpha.value, same.ac1.value) == (1, 1, 1)


def test_ac1_stays_high_where_a_rare_label_makes_alpha_fall() -> None:
    table = np.array([[118, 5], [2, 0]])  # Gwet (2008), table: 118 yes-yes, 5 and 2 disagree, 0 no-no: kappa -0.02, AC1 0.94
    units = np.repeat([[2, 0], [1, 1], [0, 2]], [table[0, 0], table[0, 1] + table[1, 0], table[1, 1]], axis=0)
    assert ac1(units) == pytest.approx(0.94, abs=5e-3)
    assert alpha(units) < 0


def test_intervals_of_a_lens_are_over_reviews_not_over_its_labels() -> None:
    random = np.random.default_rng(1)
    yes = random.integers(0, 3, 40)
    one = agreement(yes, np.full(40, 2), np.arange(40))
    copied = agreement(np.repeat(yes, 5), np.full(200, 2), np.repeat(np.arange(40), 5))
    assert copied.f1 == one.f1
    assert copied.ac1.low == pytest.approx(one.ac1.low)


def test_the_second_annotator_saw_a_tenth_of_the_new_reviews(capsys: pytest.CaptureFixture[str]) -> None:
    agree.main([str(DATA / "motivators"), str(DATA / "second")])
    shown = capsys.readouterr().out
    assert "280 reviews labelled by two or more of 2 annotators (motivators, second)" in shown
    f1 = {line.split(" | ")[0][2:]: line.split(" | ")[2][:4] for line in shown.splitlines() if line.startswith("| ")}
    assert [f1[lens.id] for lens in TAXONOMY.lenses[:5]] == ["0.93", "0.97", "1.00", "0.93", "0.67"]  # training/data/README.md


@pytest.mark.skipif(not VALID.exists(), reason=f"{VALID} is not here: the real reviews lie beside the project, not in it")
def test_the_command_in_the_docs_gives_the_figures_in_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "labelling.md").read_text(encoding="utf-8")
    assert "training label agree ../shared/data/real/valid.jsonl" in page
    shown = [line for line in page.splitlines() if (line.startswith("| ") and line.endswith("%* |")) or "| alpha |" in line]
    shown += [
        line for line in page.splitlines() if line.split(" | ")[0].removeprefix("| ") in {lens.id for lens in TAXONOMY.lenses}
    ]
    agree.main([str(VALID)])
    printed = capsys.readouterr().out
    assert printed.startswith("238 reviews")
    assert len(shown) >= 8
    assert [line for line in shown if line not in printed.splitlines()] == []


def said(annotator: str, *names: set[str], review: str = "r", sentences: tuple[str, ...] = ("Een.", "Twee.")) -> Annotated:
    return Annotated(review, annotator, sentences, tuple(frozenset(n) for n in names))


def test_an_annotator_who_sees_a_label_everywhere_stands_out() -> None:
    name = TAXONOMY.output_names[0]
    labelled = [
        said(who, {name} if who == "x" or n < 3 else set(), review=str(n), sentences=(f"Zin {n}.",))
        for n in range(40)
        for who in "xyz"
    ]
    ratings = agree.rate(agree.shared(labelled), TAXONOMY, sentences=False)
    x, y, z = agree.biases(ratings, 0)
    assert (x.share, x.others) == (1, 3 / 40)
    assert x.z > 5 > 0 > y.z == z.z


def test_disagreements_are_decided_and_say_by_whom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, three = TAXONOMY.output_names[:3]
    labelled = [said("x", {one}, {two}), said("y", {one}, {two, three})]
    labelled += [said(who, {who_said}, review="q", sentences=("Drie.",)) for who, who_said in (("x", one), ("y", two))]
    write_annotated(tmp_path / "in.jsonl", labelled, TAXONOMY)
    agree.main([str(tmp_path / "in.jsonl"), "--disagreements", str(tmp_path / "tasks.json")])
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert [(task["data"]["review_id"], task["data"]["number"]) for task in tasks] == [("r", 1), ("q", 0)]
    assert "eens: Basis −; alleen x: geen; alleen y: Gemak +" in tasks[0]["data"]["note"]
    ruling = {"completed_by": 9, "result": [{"type": "choices", "value": {"choices": [three]}}]}
    (tmp_path / "done.json").write_text(json.dumps([{**tasks[0], "annotations": [ruling]}, {**tasks[1], "annotations": []}]))
    adjudicate.main([str(tmp_path / "in.jsonl"), "--decisions", str(tmp_path / "done.json"), "-o", str(tmp_path / "out.jsonl")])
    [final] = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert final["labels"] == [[TAXONOMY.outputs[0].code], [TAXONOMY.outputs[2].code]]
    assert final["decided_by"] == ["agreed", "9"]
    assert len(final["annotator_x"]) == 2
    assert "review q: 1 sentences are still to be decided" in capsys.readouterr().err


def test_nothing_in_common_is_said(tmp_path: Path) -> None:
    write_annotated(tmp_path / "in.jsonl", [said("x", set(), set())], TAXONOMY)
    with pytest.raises(SystemExit, match="no review is labelled by two annotators"):
        agree.main([str(tmp_path / "in.jsonl")])
