"""Labelled reviews survive every tool; what cannot be read is said, not lost."""

import json
from pathlib import Path

import pytest

from model.taxonomy import Taxonomy
from training.dataset import read
from training.labelling import convert
from training.labelling.annotated import Annotated, read_annotated, write_annotated

TAXONOMY = Taxonomy.load()
NAMES = TAXONOMY.output_names
LABELLED = [
    Annotated("r1", "7", ('Te laat; "weer",', "=niemand belt\u2028terug 😡."), (frozenset(NAMES[1:4]), frozenset({NAMES[25]}))),
    Annotated("r1", "8", ('Te laat; "weer",', "=niemand belt\u2028terug 😡."), (frozenset({NAMES[1]}), frozenset())),
    Annotated("r2", "7", ("Dinsdag dicht.",), (frozenset(),)),
    Annotated("r3", "8", ("Alles.",), (frozenset(NAMES),)),
]


@pytest.mark.parametrize("tool", convert.WRITERS)
def test_a_round_trip_changes_nothing(tmp_path: Path, tool: str) -> None:
    convert.save(tmp_path / "out", LABELLED, tool, TAXONOMY)
    found = convert.load(tmp_path / "out", tool, TAXONOMY)
    assert found.problems == []
    assert sorted(found.reviews, key=lambda r: (r.id, r.annotator)) == LABELLED


def test_training_reads_what_was_collected(tmp_path: Path) -> None:
    convert.save(tmp_path / "export.json", LABELLED, "label-studio", TAXONOMY)
    convert.main([str(tmp_path / "export.json"), "-o", str(tmp_path / "ours.jsonl")])
    reviews = read([tmp_path / "ours.jsonl"], TAXONOMY)
    assert len(reviews) == 4
    assert reviews[0].sentences == LABELLED[0].sentences
    assert read_annotated([tmp_path / "ours.jsonl"], TAXONOMY)[0] == LABELLED[0]


def test_a_missing_sentence_is_named(tmp_path: Path) -> None:
    convert.save(tmp_path / "x.json", LABELLED[:1], "label-studio", TAXONOMY)
    tasks = json.loads((tmp_path / "x.json").read_text())
    (tmp_path / "x.json").write_text(json.dumps(tasks[:1]))
    found = convert.load(tmp_path / "x.json", "label-studio", TAXONOMY)
    assert found.reviews == []
    assert found.problems == ["review r1, annotator 7: 1 of 2 sentences are labelled; left out"]


@pytest.mark.parametrize("tool", ["label-studio", "doccano", "prodigy", "argilla"])
def test_a_strange_record_does_not_stop_the_rest_and_its_text_is_not_told(tmp_path: Path, tool: str) -> None:
    convert.save(tmp_path / "x", LABELLED, tool, TAXONOMY)
    text = (tmp_path / "x").read_text()
    strange = '{"data": {"text": "geheim"}, "text": "geheim"}'
    text = f"[{strange},{text.strip()[1:]}" if tool in ("label-studio", "argilla") else f"{strange}\nnot json\n{text}"
    (tmp_path / "x").write_text(text)
    found = convert.load(tmp_path / "x", tool, TAXONOMY)
    assert len(found.reviews) == 4
    assert found.problems
    assert "geheim" not in " ".join(found.problems)


def test_an_unknown_label_is_a_problem_of_its_task(tmp_path: Path) -> None:
    convert.save(tmp_path / "x", LABELLED[2:], "label-studio", TAXONOMY)
    (tmp_path / "x").write_text((tmp_path / "x").read_text().replace(f'"{NAMES[3]}"', '"onzin"'))
    found = convert.load(tmp_path / "x", "label-studio", TAXONOMY)
    assert [review.id for review in found.reviews] == ["r2"]
    assert "known are" in found.problems[0]


def test_a_skipped_task_and_a_user_object_are_understood(tmp_path: Path) -> None:
    convert.save(tmp_path / "x", LABELLED[2:3], "label-studio", TAXONOMY)
    [task] = json.loads((tmp_path / "x").read_text())
    task["annotations"][0]["completed_by"] = {"id": 7, "email": "a@b.nl"}
    task["annotations"].append({"completed_by": 9, "was_cancelled": True, "result": []})
    (tmp_path / "x").write_text(json.dumps([task]))
    assert convert.load(tmp_path / "x", "label-studio", TAXONOMY).reviews == LABELLED[2:3]


def test_the_annotators_of_a_validation_line_are_told_apart(tmp_path: Path) -> None:
    write_annotated(tmp_path / "a.jsonl", LABELLED[2:3], TAXONOMY)
    record = json.loads((tmp_path / "a.jsonl").read_text())
    del record["annotator"]
    record |= {"annotator_a": [["0"]], "annotator_b": [[TAXONOMY.outputs[0].code]]}
    (tmp_path / "a.jsonl").write_text(json.dumps(record))
    found = read_annotated([tmp_path / "a.jsonl"], TAXONOMY)
    assert [(f.annotator, f.names) for f in found] == [("a", (frozenset(),)), ("b", (frozenset({NAMES[0]}),))]
