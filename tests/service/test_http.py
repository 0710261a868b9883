import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from model.predictor import Predictor

COMPLAINT = "Al drie weken wacht ik op mijn bestelling en de klantenservice neemt niet op."
SECRET = "geheim-briefje-van-Truus"


def classify(client: TestClient, *texts: str, **options: Any) -> dict[str, Any]:
    reviews = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    answer = client.post("/v1/classify", json={"reviews": reviews, "options": options})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_complaint_comes_back_with_its_labels_and_evidence(client: TestClient, predictor: Predictor) -> None:
    body = classify(client, COMPLAINT)
    assert body["model"]["sha256"] == predictor.bundle.sha256
    assert body["taxonomy_version"] == predictor.taxonomy.version
    [result] = body["results"]
    assert result["id"] == "0"
    assert result["status"] == "ok"
    assert {"basics-", "ease-"} <= {label["id"] + label["sign"] for label in result["labels"]}
    assert all(COMPLAINT[span["start"] : span["end"]] for label in result["labels"] for span in label["evidence"])


def test_http_gives_what_the_predictor_gives(client: TestClient, predictor: Predictor) -> None:
    body = classify(client, COMPLAINT, "Top!", scores=True)
    ours = [{"id": str(n), **r.to_dict(scores=True)} for n, r in enumerate(predictor.predict([COMPLAINT, "Top!"]))]
    assert body["results"] == json.loads(json.dumps(ours))


def test_an_empty_and_an_over_long_review_fail_in_their_place(client: TestClient) -> None:
    results = classify(client, " ", COMPLAINT, "a" * 20_001)["results"]
    assert [(r["status"], r.get("error_type")) for r in results] == [("error", "empty_text"), ("ok", None), ("error", "too_long")]
    assert "20000" in results[2]["error"]


def test_lenses_narrow_the_labels_and_scores_come_on_request(client: TestClient) -> None:
    [result] = classify(client, COMPLAINT, lenses=["sentiment"])["results"]
    assert {label["lens"] for label in result["labels"]} == {"sentiment"}
    assert "scores" not in result
    [result] = classify(client, COMPLAINT, scores=True)["results"]
    assert len(result["scores"]) == 38


def test_redacted_text_comes_on_request(client: TestClient) -> None:
    first, second = classify(client, "Mail jan@ziggo.nl, slechte service.", " ", redact=True)["results"]
    assert (first["redacted_text"], second["redacted_text"]) == ("Mail [EMAIL], slechte service.", None)
    assert "redacted_text" not in classify(client, "Top!")["results"][0]


def test_half_a_character_is_replaced_before_redaction(client: TestClient) -> None:
    body = b'{"reviews": [{"text": "\\ud800 Mail jan@ziggo.nl"}], "options": {"redact": true}}'
    answer = client.post("/v1/classify", content=body, headers={"content-type": "application/json"})
    assert answer.json()["results"][0]["redacted_text"] == "\ufffd Mail [EMAIL]"


def test_the_page_holds_all_it_needs(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text.replace("http://www.w3.org", "")
    assert "https://" not in page.text


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (f'{{"reviews": [{{"text": "{SECRET}"', "not valid JSON"),
        (f'{{"reviews": [{{"tekst": "{SECRET}"}}]}}', "field `reviews.0.text`"),
        (f'{{"reviews": [{{"text": ["{SECRET}"]}}]}}', "field `reviews.0.text`"),
        (f'{{"reviews": [{{"text": "x", "{SECRET}": 1}}]}}', "unknown field"),
        (f'{{"reviews": "{SECRET}"}}', "field `reviews`"),
        (f'"{SECRET}"', "send a JSON object"),
        ('{"reviews": []}', "at least one"),
        (f'{{"reviews": [{{"text": "x"}}], "options": {{"lenses": ["{SECRET}"]}}}}', "known are tier"),
        (f'{{"reviews": [{{"text": "x"}}], "options": {{"scores": "{SECRET}"}}}}', "field `options.scores`"),
        (f'{{"reviews": [{{"text": "\\ud800 {SECRET}"}}]}}', "reviews"),
        ("", "field `body`"),
    ],
)
def test_bad_input_names_the_field_and_never_repeats_the_text(client: TestClient, body: str, complaint: str) -> None:
    answer = client.post("/v1/classify", content=body, headers={"content-type": "application/json"})
    if answer.status_code == 200:  # a lone surrogate may also be read as a replacement character
        assert "ud800" in body
        return
    assert answer.status_code == 422
    assert set(answer.json()) == {"error", "error_type"}
    assert answer.json()["error_type"] == "invalid_request"
    assert complaint in answer.json()["error"]
    assert SECRET not in answer.text


@pytest.mark.parametrize(("address", "field"), [("/v1/classify", "reviews"), ("/classify", "input"), ("/predict", "inputs")])
def test_too_many_reviews_are_refused(client: TestClient, address: str, field: str) -> None:
    one: Any = {"reviews": {"text": "x"}, "input": "x", "inputs": ["x"]}[field]
    for count in (257, 10_001):
        answer = client.post(address, json={field: [one] * count})
        assert (answer.status_code, answer.json()["error_type"]) == (413, "too_large")
    assert client.post(address, json={field: [1] * 10_000}).status_code == 422


def test_a_body_over_the_limit_is_refused_announced_or_not(client: TestClient) -> None:
    big = b"x" * 33_000_000
    assert client.post("/v1/classify", content=big).status_code == 413
    assert client.post("/v1/classify", content=(big[i : i + 10**6] for i in range(0, len(big), 10**6))).status_code == 413


def test_unknown_addresses_and_methods_use_the_same_table(client: TestClient) -> None:
    assert client.get("/v2").json()["error_type"] == "not_found"
    assert client.get("/v1/classify").json()["error_type"] == "method_not_allowed"


def test_taxonomy_info_and_health_tell_what_is_served(client: TestClient, predictor: Predictor) -> None:
    assert client.get("/v1/taxonomy").json()["outputs"] == list(predictor.taxonomy.output_names)
    assert client.get("/v1/info").json()["limits"]["max_reviews"] == 256
    assert client.get("/health/live").json() == {"status": "live"}
    assert client.get("/health/ready").json() == {"status": "ready"}


def test_the_example_in_the_documentation_works(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()["components"]["schemas"]["ClassifyRequest"]
    answer = client.post("/v1/classify", json=schema["examples"][0])
    assert answer.status_code == 200
    assert all(result["labels"] for result in answer.json()["results"])
