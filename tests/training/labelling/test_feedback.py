"""What users said becomes work for annotators."""

import json
from pathlib import Path

import pytest

from training.labelling import feedback

BUNDLE = {"name": "snaar-nl", "version": "0.2.0", "sha256": "0", "taxonomy_version": "1.0"}


def test_messages_become_blind_tasks_one_review_a_text_and_strange_lines_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [
        {"id": "a", "text": "Ik ben een nummer. Groetjes [NAAM].", "wrong": ["positive"], "missing": [], "bundle": BUNDLE},
        {"id": "b", "text": "Ik ben een nummer. Groetjes [NAAM].", "wrong": [], "missing": ["stand_out-"], "bundle": BUNDLE},
        {"id": "c", "text": "geheim", "wrong": ["nooit gehoord"], "missing": [], "bundle": BUNDLE},
        {"text": "geheim"},
        [],
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in said))
    feedback.main([str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "tasks.json")])
    tasks = [task["data"] for task in json.loads((tmp_path / "tasks.json").read_text())]
    assert [(task["review_id"], task["text"]) for task in tasks] == [("a", "Ik ben een nummer."), ("a", "Groetjes [NAAM].")]
    assert {task["note"] for task in tasks} == {"Gebruikers (2): niet Positief; wel Opvallen − (model 0.2.0)"}
    assert all(task["blind"] and task["reason"] == "feedback" for task in tasks)
    told = capsys.readouterr()
    assert "2 messages on 1 reviews, 2 tasks; 3 left out" in told.out
    assert "geheim" not in told.err and "in.jsonl:3" in told.err
