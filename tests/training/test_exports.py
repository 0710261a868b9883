"""What labelling tools export is labelled data; `check` names mistakes, warns, and writes one clean file."""

import json
from pathlib import Path
from typing import Any

import pytest

from model.taxonomy import Taxonomy
from training import check
from training.dataset import read
from training.errors import DataError

TAXONOMY = Taxonomy.load()
TEXT = "Snel  geleverd. Maar de helpdesk  neemt niet op."
SPLIT = ("Snel geleverd.", "Maar de helpdesk neemt niet op.")
CODES = (frozenset({"e+", "p"}), frozenset({"e-", "n"}))
FIRST, SECOND = (0, 15), (20, 32)


def choices(*names: str, **value: Any) -> dict[str, Any]:
    return {"type": "choices", "from_name": "label", "to_name": "text", "value": {"choices": list(names), **value}}


def task(text: Any, *result: dict[str, Any], **annotation: Any) -> dict[str, Any]:
    return {"id": 1, "data": {"text": text}, "annotations": [{"result": list(result), **annotation}]}


def read_json(folder: Path, *tasks: Any) -> list[tuple[tuple[str, ...], tuple[frozenset[str], ...]]]:
    (folder / "a.json").write_text("[\n" + ",\n".join(json.dumps(found) for found in tasks) + "\n]")
    return [(review.sentences, review.codes) for review in read([folder / "a.json"], TAXONOMY)]


def test_label_studio_regions_label_the_sentences_they_touch(tmp_path: Path) -> None:
    regions = [choices("ease+", "positive", start=0, end=15), choices("ease-", "n", start=20, end=32)]
    assert read_json(tmp_path, task(TEXT, *regions)) == [(SPLIT, CODES)]


def test_label_studio_paragraphs_are_sentences(tmp_path: Path) -> None:
    regions = [
        {"value": {"start": str(row), "end": str(row), "paragraphlabels": names}}
        for row, names in enumerate([["ease+", "positive"], ["ease-", "negative"]])
    ]
    assert read_json(tmp_path, task([{"text": sentence} for sentence in SPLIT], *regions)) == [(SPLIT, CODES)]


def test_label_studio_choices_of_a_whole_text_make_it_one_sentence(tmp_path: Path) -> None:
    assert read_json(tmp_path, task(TEXT, choices("ease-"))) == [((" ".join(SPLIT),), (frozenset({"e-"}),))]


def test_a_skipped_task_is_left_out_and_the_ground_truth_wins(tmp_path: Path) -> None:
    both = task(TEXT, choices("ease-"))
    both["annotations"].append({"result": [choices("basics-")], "ground_truth": True})
    assert read_json(tmp_path, task(TEXT, was_cancelled=True), both) == [((" ".join(SPLIT),), (frozenset({"b-"}),))]


@pytest.mark.parametrize(
    "record",
    [
        {"text": TEXT, "label": [[*FIRST, "ease+"], [*FIRST, "positive"], [*SECOND, "ease-"], [*SECOND, "negative"]]},
        {"text": TEXT, "entities": [{"start_offset": a, "end_offset": b, "label": name}
                                    for a, b, name in [(*FIRST, "e+"), (*FIRST, "p"), (*SECOND, "e-"), (*SECOND, "n")]]},
        {"text": TEXT, "answer": "accept", "spans": [{"start": a, "end": b, "label": name}
                                                     for a, b, name in [(*FIRST, "e+"), (*FIRST, "p"), (*SECOND, "e-"), (*SECOND, "n")]]},
    ],
)  # fmt: skip
def test_spans_of_doccano_and_prodigy_label_the_sentences_they_touch(tmp_path: Path, record: dict[str, Any]) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(record))
    [review] = read([tmp_path / "a.jsonl"], TAXONOMY)
    assert (review.sentences, review.codes) == (SPLIT, CODES)


def test_what_a_prodigy_annotator_rejected_is_left_out(tmp_path: Path) -> None:
    lines = [{"text": "Goed.", "accept": ["positive"], "answer": "accept"}, {"text": "Slecht.", "accept": [], "answer": "reject"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    [review] = read([tmp_path / "a.jsonl"], TAXONOMY)
    assert (review.text, review.codes) == ("Goed.", (frozenset({"p"}),))


@pytest.mark.parametrize(
    ("mistake", "complaint"),
    [
        (task(TEXT, choices("onzin")), "unknown label code `onzin`"),
        (task(TEXT, choices("ease-", start=900, end=990)), "marks no text"),
        (task("  ", choices("ease-")), "the text is empty"),
        ({"data": {"text": TEXT}, "annotations": []}, "without annotation"),
        ({"data": {}, "annotations": [{"result": []}]}, "a Label Studio task has"),
        ([1], "a Label Studio task has"),
    ],
)
def test_a_mistake_in_an_export_is_named_with_file_and_line(tmp_path: Path, mistake: Any, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint) as refused:
        read_json(tmp_path, task(TEXT, choices("ease-")), mistake)
    assert str(refused.value).startswith(f"{tmp_path}/a.json:3: ")
    assert "helpdesk" not in str(refused.value)


def test_a_broken_export_is_named_with_the_line_where_it_breaks(tmp_path: Path) -> None:
    for text, line in (('{"a": 1}', 1), ("[\n" + json.dumps(task(TEXT, choices("ease-"))) + ",\n{", 3)):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(DataError, match=rf"a\.json:{line}: "):
            read([tmp_path / "a.json"], TAXONOMY)


def test_check_names_the_first_mistake_of_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("text,labels\nPrima,positive\nKapot,onzin\n")
    (tmp_path / "b.jsonl").write_text("{}\n")
    (tmp_path / "c.rev").write_text("")
    with pytest.raises(DataError, match="3 of the files cannot be read"):
        check.main([str(tmp_path)])
    shown = capsys.readouterr().err
    for start in ("a.csv:3: unknown label code `onzin`", "b.jsonl:1: a line is", "c.rev: holds no reviews"):
        assert f"{tmp_path}/{start}" in shown


def test_check_warns_of_labels_without_a_positive_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("text,labels\nPrima,positive\nPrima,positive\nTja,\n")
    check.main([str(tmp_path / "a.csv")])
    shown = capsys.readouterr().out
    assert "3 reviews, 3 sentences\n1 repeat another review to the letter; 1 carry no label\n" in shown
    [warning] = [line for line in shown.splitlines() if line.startswith("warning: no positive example of ")]
    assert "negative" in warning
    assert "positive," not in warning


def test_check_writes_one_file_without_personal_data(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,labels\nPrima,positive\n")
    (tmp_path / "b.rev").write_text("## web | 2 | x\nBel mij op 06-12345678.\tn\nMet vriendelijke groet,\t0\nAnja de Vries\t0\n")
    check.main([str(tmp_path), "--redact", "-o", str(tmp_path / "clean.jsonl")])
    first, second = read([tmp_path / "clean.jsonl"], TAXONOMY)
    assert (first.sentences, first.codes) == (("Prima",), (frozenset({"p"}),))
    assert second.sentences == ("Bel mij op [TELEFOON].", "Met vriendelijke groet,", "[NAAM]")
    assert (second.codes[0], second.sector, second.rating, second.register) == (frozenset({"n"}), "web", 2, "x")
    with pytest.raises(SystemExit):
        check.main([str(tmp_path / "a.csv"), "--redact"])
