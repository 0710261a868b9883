"""What users say is wrong: kept with consent, without personal data, until its days are over."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from model.bundle import DEFAULT_BUNDLE, Bundle
from service import feedback
from service.app import create_app
from service.cli import app
from service.data import now
from service.feedback import Feedback, FeedbackStore
from service.settings import Settings

TEXT = "Bel mij op 06-12345678, groetjes Anja. Weer een nummer!"
MESSAGE: dict[str, Any] = {"text": TEXT, "wrong": ["positive"], "missing": ["stand_out-"], "consent": True}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data=tmp_path_factory.mktemp("data"), feedback=True, jobs=False, feedback_days=30)


@pytest.fixture(scope="module")
def keeping(settings: Settings) -> Iterator[TestClient]:
    """A service that finds a message of 31 days and one of today when it starts."""
    store = FeedbackStore.open(settings)
    for number, days in (("old", 31), ("new", 0)):
        created = now() - timedelta(days=days)
        store.add(Feedback(id=number, created=created, text="x", wrong=[], missing=["positive"], bundle={}))
    assert [found.id for found in store.all()] == ["new"]
    with TestClient(create_app(settings), raise_server_exceptions=False) as found:
        yield found


def kept(settings: Settings) -> list[Feedback]:
    return list(FeedbackStore.open(settings).all())


def test_what_is_past_its_days_is_gone_when_the_service_runs(keeping: TestClient, settings: Settings) -> None:
    engine = FeedbackStore.open(settings).engine
    for _ in range(100):
        with Session(engine) as session:
            found = list(session.scalars(select(Feedback.id)))
        if found == ["new"]:
            break
        time.sleep(0.05)
    assert found == ["new"]
    assert keeping.delete("/v1/feedback/new").status_code == 204


def test_a_message_is_kept_redacted_with_bundle_and_date_exported_and_taken_back(
    keeping: TestClient, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = keeping.post("/v1/feedback", json=MESSAGE)
    assert (answer.status_code, answer.json()["kept_days"]) == (201, 30)
    monkeypatch.setenv("SNAAR_DATA", str(settings.data))
    done = CliRunner().invoke(app, ["feedback", "-o", str(tmp_path / "out.jsonl")])
    assert (done.exit_code, "1 messages" in done.output) == (0, True)
    record = json.loads((tmp_path / "out.jsonl").read_text())
    assert record["text"] == "Bel mij op [TELEFOON], groetjes [NAAM]. Weer een nummer!"
    assert (record["wrong"], record["missing"], record["id"]) == (["positive"], ["stand_out-"], answer.json()["id"])
    assert record["bundle"]["sha256"] == Bundle.open(DEFAULT_BUNDLE).sha256
    assert record["created"].endswith("Z")
    address = f"/v1/feedback/{answer.json()['id']}"
    assert [keeping.delete(address).status_code for _ in range(2)] == [204, 404]
    assert kept(settings) == []
    assert "12345678" not in (settings.data / "jobs.sqlite").read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    ("change", "error_type"),
    [
        ({"consent": False}, "no_consent"),
        ({"consent": None}, "invalid_request"),
        ({"wrong": [], "missing": []}, "invalid_request"),
        ({"wrong": ["geheim"]}, "invalid_request"),
        ({"wrong": ["positive"] * 101}, "invalid_request"),
        ({"missing": ["positive"]}, "invalid_request"),
        ({"text": " "}, "empty_text"),
        ({"text": "geheim " * 3000}, "too_long"),
    ],
)
def test_what_may_not_be_kept_is_refused_and_not_repeated(
    keeping: TestClient, settings: Settings, change: dict[str, Any], error_type: str
) -> None:
    answer = keeping.post("/v1/feedback", json={**MESSAGE, **change})
    assert (answer.status_code, answer.json()["error_type"]) == (422, error_type)
    assert "geheim" not in answer.text
    assert kept(settings) == []


def test_of_many_mistakes_one_a_field_is_told(keeping: TestClient) -> None:
    answer = keeping.post("/v1/feedback", json={**MESSAGE, "wrong": [1] * 40_000, "missing": ["positive", 2, 3]})
    assert answer.json()["error"].count("field") == 2


def test_without_a_word_about_consent_nothing_is_kept(keeping: TestClient, settings: Settings) -> None:
    silent = {name: value for name, value in MESSAGE.items() if name != "consent"}
    assert keeping.post("/v1/feedback", json=silent).json()["error_type"] == "no_consent"
    assert kept(settings) == []


def test_it_is_off_unless_it_is_set(client: TestClient) -> None:
    assert client.post("/v1/feedback", json=MESSAGE).json()["error_type"] == "feedback_off"
    assert client.get("/v1/info").json()["feedback_days"] is None


def test_there_is_room_for_so_many(keeping: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "MOST", 1)
    first, second = [keeping.post("/v1/feedback", json=MESSAGE) for _ in range(2)]
    assert [first.status_code, second.status_code] == [201, 503]
    assert second.json()["error_type"] == "feedback_full"
