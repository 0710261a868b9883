"""Labels that are probably wrong are found, and corrected with their history."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.taxonomy import Taxonomy
from training.labelling import correct, suspects
from training.labelling.annotated import Annotated, read_annotated, write_annotated

TAXONOMY = Taxonomy.load()
SENTIMENT = replace(TAXONOMY, lenses=tuple(lens for lens in TAXONOMY.lenses if lens.id == "sentiment"))
DATA = Path(__file__).parents[3] / "training" / "data"


def spoilt(count: int, files: list[Path]) -> tuple[list[Annotated], set[tuple[str, int]]]:
    """Labelled reviews, their sentiment alone, in which `count` sentences got or lost one label, and where."""
    reviews = read_annotated(files, TAXONOMY)
    kept = [replace(review, names=tuple(names & set(SENTIMENT.output_names) for names in review.names)) for review in reviews]
    places = [(row, number) for row, review in enumerate(kept) for number in range(len(review.sentences))]
    changed = set()
    for place in np.random.default_rng(0).permutation(len(places))[:count]:
        row, number = places[place]
        names = list(kept[row].names)
        names[number] = names[number] ^ {SENTIMENT.output_names[1]}
        kept[row] = replace(kept[row], names=tuple(names))
        changed.add((kept[row].id, number))
    return kept, changed


def test_spoilt_labels_come_to_the_top() -> None:
    reviews, changed = spoilt(80, sorted(DATA.glob("g[12]-*.rev")))
    found = suspects.suspects(reviews, SENTIMENT, suspects.by_folds(3, reviews, SENTIMENT))
    top = {(s.sentence.review, s.sentence.number) for s in found if s.label == SENTIMENT.output_names[1]}
    ranked = [(s.sentence.review, s.sentence.number) for s in found if s.label == SENTIMENT.output_names[1]][:80]
    by_chance = 80 * 80 / sum(len(review.sentences) for review in reviews)
    assert len(set(ranked) & changed) > 5 * by_chance
    assert len(top & changed) > 0.4 * len(changed)


def test_too_few_reviews_are_refused(tmp_path: Path) -> None:
    (tmp_path / "few.rev").write_text("## bank | 2 | web\nKapot.\tn\n")
    with pytest.raises(SystemExit, match="too few for 5 folds"):
        suspects.main([str(tmp_path / "few.rev"), "-o", str(tmp_path / "out.csv")])


def test_decisions_are_applied_and_remembered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = TAXONOMY.output_names[:2]
    reviews = [Annotated(str(n), "x", ("Zin.", "Nog\u2028een."), (frozenset({one}), frozenset())) for n in range(3)]
    write_annotated(tmp_path / "in.jsonl", reviews, TAXONOMY)
    decided = [
        ("0", "0", "Zin.", one, "no"),
        ("0", "1", "Nog\u2028een.", two, "yes"),
        ("1", "0", "Zin.", one, "yes"),
        ("1", "0", "Zin.", two, ""),
    ]
    decided += [("9", "0", "Zin.", one, "no"), ("2", "0", "Anders.", one, "no"), ("2", "0", "Zin.", one, "misschien")]
    with (tmp_path / "d.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["review", "number", "sentence", "label", "decision", "annotator"])
        rows.writerows([*row, "x"] for row in decided)
    arguments = ["--decisions", str(tmp_path / "d.csv"), "--by", "anna"]
    correct.main([str(tmp_path / "in.jsonl"), *arguments, "-o", str(tmp_path / "out.jsonl")])
    first, second, third = read_annotated([tmp_path / "out.jsonl"], TAXONOMY)
    assert first.names == (frozenset(), frozenset({two}))
    assert (second, third) == tuple(reviews[1:])
    history = json.loads((tmp_path / "out.jsonl").read_text().split("\n")[0])["history"]
    assert [(c["number"], c["label"], c["was"], c["now"], c["by"]) for c in history] == [
        (0, one, True, False, "anna"), (1, two, False, True, "anna"),
    ]  # fmt: skip
    assert len(capsys.readouterr().err.splitlines()) == 3
    correct.main([str(tmp_path / "out.jsonl"), *arguments, "-o", str(tmp_path / "again.jsonl")])
    assert json.loads((tmp_path / "again.jsonl").read_text().split("\n")[0])["history"] == history


def test_the_list_of_suspects_is_what_correct_reads(tmp_path: Path) -> None:
    reviews, _ = spoilt(20, [DATA / "g1-01.rev", DATA / "g1-02.rev"])
    write_annotated(tmp_path / "in.jsonl", reviews, TAXONOMY)
    suspects.main([str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "s.csv"), "--folds", "2", "--most", "5"])
    with (tmp_path / "s.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert all("likely" in row["reason"] for row in rows)
    decisions, problems = correct.read_decisions(tmp_path / "s.csv", TAXONOMY)
    assert (decisions, problems) == ([], [])
