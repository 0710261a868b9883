"""Label Studio's machine-learning backend protocol, on the bundle that ships."""

import asyncio
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient

from model.predictor import Predictor
from model.taxonomy import Taxonomy
from service.context import Asked, within_reviews
from service.settings import Settings
from training.labelling.label_studio import config

CONFIG = config(Taxonomy.load())
LATE = "Al drie weken wacht ik op mijn bestelling en de klantenservice neemt niet op."
OTHER = """<View><Text name="body" value="$comment"/><Choices name="mood" toName="body" choice="single">
<Choice value="Positief"/><Choice value="Negatief"/><Choice value="Weet niet"/></Choices></View>"""


def predict(client: TestClient, config: str, *data: dict[str, Any]) -> list[dict[str, Any]]:
    tasks = [{"id": number, "data": one} for number, one in enumerate(data)]
    answer = client.post("/labelstudio/predict", json={"tasks": tasks, "label_config": config, "project": "1.2", "params": {}})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def test_the_backend_is_up_and_names_its_version(client: TestClient) -> None:
    assert client.get("/labelstudio/health").json()["status"] == "UP"
    body = {"project": "1.2", "schema": CONFIG, "hostname": "http://x", "access_token": "y", "extra_params": None}
    assert client.post("/labelstudio/setup", json=body).json()["model_version"].startswith("snaar-nl-")


def test_predictions_are_what_the_predictor_finds(client: TestClient, predictor: Predictor) -> None:
    [found] = predict(client, CONFIG, {"text": LATE})
    [result] = predictor.predict([LATE])
    shown = {name: score for region in found["result"] for name, score in region["meta"]["scores"].items()}
    assert shown == {label.id + label.sign: label.score for label in result.labels}
    assert {region["to_name"] for region in found["result"]} == {"text"}
    assert {region["from_name"] for region in found["result"]} == {label.lens for label in result.labels}
    assert 0.5 <= found["score"] <= 1


def test_a_sentence_is_read_within_its_review_and_a_strange_one_alone(client: TestClient, predictor: Predictor) -> None:
    sentences = ["De camping lag aan zee.", "Dat was dus niet zo.", "Nooit meer!"]
    whole = " ".join(sentences)
    tasks = [{"text": text, "review": whole} for text in [*sentences, LATE]] + [{"text": sentences[1]}]
    found = predict(client, CONFIG, *tasks)
    within, [alone] = predictor.sentence_scores(sentences), predictor.predict([sentences[1]])
    for row, one in enumerate(found[:3]):
        shown = {name: score for region in one["result"] for name, score in region["meta"]["scores"].items()}
        above = within[row] >= predictor.scorer.thresholds
        assert shown == {
            name: round(float(score), 4)
            for name, score, is_above in zip(predictor.taxonomy.output_names, within[row], above, strict=True)
            if is_above
        }
    assert found[1] != found[4]
    assert found[3] == predict(client, CONFIG, {"text": LATE})[0]
    assert found[4]["score"] == pytest.approx(min(max(score, 1 - score) for score in alone.scores.values()), abs=1e-4)


def test_long_texts_within_a_review_do_not_hold_the_loop(predictor: Predictor) -> None:
    asked, gaps = [Asked(f"{number} " + "é😀 a. " * 2800, "Ja. Nee.") for number in range(150)], []

    async def run() -> None:
        reading = asyncio.create_task(within_reviews(predictor, asked, max_characters=20_000))
        while not reading.done():
            began = time.monotonic()
            await asyncio.sleep(0.001)
            gaps.append(time.monotonic() - began)
        assert await reading == {}

    asyncio.run(run())
    assert max(gaps) < 0.25


def test_sentences_within_reviews_have_a_deadline_too(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(client.app.state._state, "settings", Settings(timeout=0.01))  # type: ignore[attr-defined]
    reviews = [f"Review {number}. " + "De bezorger kwam te laat. " * 200 for number in range(8)]
    tasks = [{"data": {"text": "De bezorger kwam te laat.", "review": review}} for review in reviews]
    answer = client.post("/labelstudio/predict", json={"tasks": tasks, "label_config": CONFIG})
    assert (answer.status_code, answer.json()["error_type"]) == (504, "timeout")


def test_the_tags_of_another_config_are_followed(client: TestClient) -> None:
    [found] = predict(client, OTHER, {"comment": LATE})
    [region] = found["result"]
    assert (region["from_name"], region["to_name"], region["value"]) == ("mood", "body", {"choices": ["Negatief"]})


def test_blind_empty_and_strange_tasks_get_nothing_and_the_rest_goes_on(client: TestClient) -> None:
    tasks = [{"text": LATE, "blind": True}, {"text": ""}, {"text": 5}, {}, {"text": "x" * 30_000}, {"text": LATE}]
    found = predict(client, CONFIG, *tasks)
    assert [bool(one["result"]) for one in found] == [False] * 5 + [True]


@pytest.mark.parametrize(
    "wrong",
    ["geheim", "<View/>", '<!DOCTYPE x [<!ENTITY a "b">]><View/>', OTHER.replace("Positief", "a").replace("Negatief", "b")],
)
def test_a_config_that_is_not_ours_is_refused_with_what_to_do(client: TestClient, wrong: str) -> None:
    answer = client.post("/labelstudio/predict", json={"tasks": [{"data": {"text": "geheim"}}], "label_config": wrong})
    assert (answer.status_code, answer.json()["error_type"]) == (422, "invalid_config")
    assert "geheim" not in answer.text


@pytest.mark.parametrize(("address", "body"), [("train", {"annotations": []}), ("webhook", {"action": "START_TRAINING"})])
def test_who_asks_for_training_is_told_how(client: TestClient, address: str, body: dict[str, Any]) -> None:
    answer = client.post(f"/labelstudio/{address}", json=body)
    assert (answer.status_code, answer.json()["error_type"]) == (501, "trains_elsewhere")
    assert "training retrain" in answer.json()["error"]


def test_other_events_are_let_be(client: TestClient) -> None:
    assert client.post("/labelstudio/webhook", json={"action": "ANNOTATION_CREATED"}).json() == {"status": "ignored"}


@pytest.mark.parametrize(
    "config",
    [OTHER.replace("<View>", "<View>" + "<a/>" * 20_000), OTHER.replace("<View>", "<View>" + OTHER * 30)],
    ids=["long", "many tags"],
)
def test_a_config_that_would_hold_the_event_loop_is_refused(client: TestClient, config: str) -> None:
    answer = client.post("/labelstudio/predict", json={"tasks": [{"data": {"comment": LATE}}], "label_config": config})
    assert (answer.status_code, answer.json()["error_type"]) in {(422, "invalid_request"), (422, "invalid_config")}
    assert client.post("/labelstudio/setup", json={"schema": config}).status_code == 422
