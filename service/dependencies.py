"""What routes are given: the loaded model, the queue and the settings."""

from typing import Annotated

from fastapi import Depends, Request

from model.predictor import Predictor
from model.redact import Redactor
from service.health import Health
from service.models import Models
from service.reader import Reader
from service.settings import Settings


async def _models(request: Request) -> Models:
    found: Models = request.app.state.models
    return found


async def _predictor(request: Request) -> Predictor:
    return (await _models(request)).current.predictor


async def _redactor(request: Request) -> Redactor:
    return (await _models(request)).current.redactor


async def _settings(request: Request) -> Settings:
    found: Settings = request.app.state.settings
    return found


async def _reader(request: Request) -> Reader:
    state = request.app.state
    return Reader(request, state.models.current, state.batcher, state.metrics, state.settings, state.shadow, state.turns)


async def _health(request: Request) -> Health:
    found: Health = request.app.state.health
    return found


PredictorHere = Annotated[Predictor, Depends(_predictor)]
RedactorHere = Annotated[Redactor, Depends(_redactor)]
SettingsHere = Annotated[Settings, Depends(_settings)]
ModelsHere = Annotated[Models, Depends(_models)]
ReaderHere = Annotated[Reader, Depends(_reader)]
HealthHere = Annotated[Health, Depends(_health)]
