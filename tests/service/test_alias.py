from typing import Any

import pytest
from fastapi.testclient import TestClient

from model.predictor import Predictor

TEXTS = ["Na een week kapot!", "Vriendelijk geholpen."]


def scores(predictor: Predictor, text: str) -> list[dict[str, Any]]:
    [result] = predictor.predict([text])
    return [{"score": score, "label": name} for name, score in sorted(result.scores.items(), key=lambda entry: -entry[1])]


def test_predict_answers_as_text_embeddings_inference_does(client: TestClient, predictor: Predictor) -> None:
    assert client.post("/predict", json={"inputs": TEXTS[0], "truncate": True}).json() == scores(predictor, TEXTS[0])
    assert client.post("/predict", json={"inputs": [TEXTS[0]]}).json() == scores(predictor, TEXTS[0])
    batch = client.post("/predict", json={"inputs": [[text] for text in TEXTS]}).json()
    assert batch == [scores(predictor, text) for text in TEXTS]


def test_classify_answers_as_infinity_does(client: TestClient, predictor: Predictor) -> None:
    answer = client.post("/classify", json={"input": TEXTS, "model": "any"}).json()
    assert answer["object"] == "classify"
    assert answer["data"] == [scores(predictor, text) for text in TEXTS]
    assert answer["usage"]["total_tokens"] == sum(result.tokens for result in predictor.predict(TEXTS))


@pytest.mark.parametrize(
    ("address", "body", "complaint"),
    [
        ("/predict", {"inputs": TEXTS}, "no pairs"),
        ("/predict", {"inputs": [["een", "paar"]]}, "no pairs"),
        ("/predict", {"inputs": []}, "at least one"),
        ("/predict", {"inputs": "x", "raw_scores": True}, "raw_scores"),
        ("/predict", {"inputs": [["x"], [" "]]}, "inputs.1"),
        ("/classify", {"input": "los"}, "field `input`"),
        ("/classify", {"input": ["x", "a" * 20_001]}, "input.1"),
    ],
)
def test_what_the_aliases_cannot_do_they_say(client: TestClient, address: str, body: Any, complaint: str) -> None:
    answer = client.post(address, json=body)
    assert answer.status_code == 422
    assert complaint in answer.json()["error"]
