"""What routes are given: the loaded predictor and the settings."""

from typing import Annotated

from fastapi import Depends, Request

from model.predictor import Predictor
from model.redact import Redactor
from service.settings import Settings


def _predictor(request: Request) -> Predictor:
    found: Predictor = request.app.state.predictor
    return found


def _redactor(request: Request) -> Redactor:
    found: Redactor = request.app.state.redactor
    return found


def _settings(request: Request) -> Settings:
    found: Settings = request.app.state.settings
    return found


PredictorHere = Annotated[Predictor, Depends(_predictor)]
RedactorHere = Annotated[Redactor, Depends(_redactor)]
SettingsHere = Annotated[Settings, Depends(_settings)]
