"""What a reader expects of real sentences; a bug in the model becomes a line of `cases/reviews.jsonl` first."""

import json
from pathlib import Path

import pytest

from model.predictor import Predictor

CASES = [json.loads(line) for line in Path(__file__).with_name("cases").joinpath("reviews.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=[case["text"][:30] for case in CASES])
def test_a_review_gets_the_labels_a_reader_expects(predictor: Predictor, case: dict[str, list[str]]) -> None:
    [result] = predictor.predict([str(case["text"])])
    assert set(case["labels"]) <= {label.id + label.sign for label in result.labels}
