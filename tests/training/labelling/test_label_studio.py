"""The Label Studio project: its config and its tasks."""

import json
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from model.predictor import Predictor
from model.taxonomy import Taxonomy
from training import label
from training.labelling import project, tasks
from training.labelling.label_studio import config


def test_the_config_offers_every_output_once_with_a_hotkey_of_its_own() -> None:
    taxonomy = Taxonomy.load()
    choices = fromstring(config(taxonomy)).findall(".//Choice")
    assert [choice.get("alias") for choice in choices] == list(taxonomy.output_names)
    hotkeys = [choice.get("hotkey") for choice in choices]
    assert None not in hotkeys
    assert len(set(hotkeys)) == len(hotkeys)
    assert len({choice.get("value") for choice in choices}) == len(choices)


def test_tasks_are_redacted_and_cut_as_the_model_cuts(tmp_path: Path, predictor: Predictor) -> None:
    text = "Gebeld met 06-12345678, niemand. Mail jan@voorbeeld.nl maar.\nEn snel!"
    lines = [{"id": "a", "text": text}, {"id": "b", "text": " "}, {"id": "a", "text": "dubbel"}, {"text": "Prima."}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "{kapot\n")
    tasks.main([str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "tasks.json"), "--blind", "0"])
    written = (tmp_path / "tasks.json").read_text()
    made = [task["data"] for task in json.loads(written)]
    assert "12345678" not in written and "jan@" not in written
    assert [task["text"] for task in made] == ["Gebeld met [TELEFOON], niemand.", "Mail [EMAIL] maar.", "En snel!", "Prima."]
    assert [(task["number"], task["of"]) for task in made] == [(0, 3), (1, 3), (2, 3), (0, 1)]
    for task in made:
        assert len(predictor.predict([task["text"]])[0].sentences) == 1


def test_the_same_share_of_reviews_is_blind_every_time() -> None:
    ready = [tasks.Ready(str(number), ("Zin.",)) for number in range(1000)]
    blind = [tasks.tasks_of(review, 0.2)[0].blind for review in ready]
    assert 150 < sum(blind) < 250
    assert blind == [tasks.tasks_of(review, 0.2)[0].blind for review in ready]


def test_a_csv_of_raw_reviews_is_read(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text('\ufeffid;text\n1;"Een; twee"\n2;\n', encoding="utf-8")
    found, problems = tasks.read_raw(tmp_path / "in.csv")
    assert found == [tasks.Raw("1", "Een; twee")]
    assert len(problems) == 1


def test_no_label_studio_at_the_address_is_said(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x")
    with pytest.raises(SystemExit, match="does Label Studio run there"):
        project.main(["--url", "http://127.0.0.1:9", "--token-file", str(tmp_path / "token")])
    project.main(["-o", str(tmp_path / "config.xml")])
    assert (tmp_path / "config.xml").read_text() == config(Taxonomy.load())


@pytest.mark.parametrize("step", ["tasks", "next", "agree", "suspects"])
def test_a_file_that_cannot_be_read_is_said_in_a_line(tmp_path: Path, step: str) -> None:
    (tmp_path / "in.jsonl").write_bytes(b"\xff\xfe\x00")
    output = [] if step == "agree" else ["-o", str(tmp_path / "out")]
    with pytest.raises(SystemExit, match=rf"label {step}: .*cannot be read as UTF-8"):
        label.main([step, str(tmp_path / "in.jsonl"), *output])
    assert not (tmp_path / "out").exists()


def test_an_unknown_step_is_told_the_steps() -> None:
    with pytest.raises(SystemExit, match="guide,project"):
        label.main(["onzin"])
