"""Addresses of other servers, for clients that were written for them: text-embeddings-inference and infinity.

They get what those servers give, with our outputs for labels and our calibrated scores, highest first.
"""

import json
import time
import uuid
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from model.score import Result
from service.beside import beside
from service.dependencies import ReaderHere
from service.errors import RequestError
from service.schemas import Many

router = APIRouter()


class ScoreOut(BaseModel):
    """An output, such as `basics-`, and its score."""

    score: float
    label: str


class PredictRequest(BaseModel):
    """A review, or a batch: a list of lists of one review each."""

    model_config = ConfigDict(strict=True)

    inputs: str | Many[str] | Many[Many[str]] = Field(examples=["Binnen een dag in huis!"])
    raw_scores: bool = False


class InfinityRequest(BaseModel):
    """Reviews. `model` may be any name: there is one model."""

    model_config = ConfigDict(strict=True)

    input: Many[str] = Field(examples=[["Binnen een dag in huis!"]])
    model: str = "default"
    raw_scores: bool = False


class UsageOut(BaseModel):
    """Tokens read."""

    prompt_tokens: int
    total_tokens: int


class InfinityResponse(BaseModel):
    """For each review the scores of all outputs."""

    object: Literal["classify"] = "classify"
    data: list[list[ScoreOut]]
    model: str
    usage: UsageOut
    id: str
    created: Annotated[int, Field(description="seconds since 1970")]


@router.post("/predict", summary="As text-embeddings-inference has it", response_model=list[ScoreOut] | list[list[ScoreOut]])
async def post_predict(request: PredictRequest, reader: ReaderHere) -> Response:
    _only_calibrated(request.raw_scores)
    single, texts = _single_and_texts(request.inputs)
    reader.check_count("inputs", len(texts))
    results = _all_read(await reader.read(texts), "inputs")
    body = await beside(texts, lambda: json.dumps(_scores(results[0]) if single else [_scores(result) for result in results]))
    return Response(body, media_type="application/json")


@router.post("/classify", summary="As infinity has it", response_model=InfinityResponse)
async def post_infinity(request: InfinityRequest, reader: ReaderHere) -> Response:
    _only_calibrated(request.raw_scores)
    reader.check_count("input", len(request.input))
    results = _all_read(await reader.read(request.input), "input")
    tokens = sum(result.tokens for result in results)
    told = {
        "object": "classify",
        "model": reader.model.predictor.bundle.manifest.name,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        "id": f"snaar-{uuid.uuid4()}",
        "created": int(time.time()),
    }
    body = await beside(request.input, lambda: json.dumps({**told, "data": [_scores(result) for result in results]}))
    return Response(body, media_type="application/json")


def _single_and_texts(inputs: str | list[str] | list[list[str]]) -> tuple[bool, list[str]]:
    """Whether one review was asked for, and the reviews. Two texts in a list are a pair there, which means nothing here."""
    if isinstance(inputs, str):
        return True, [inputs]
    if len(inputs) == 1 and isinstance(inputs[0], str):
        return True, [inputs[0]]
    texts = [entry[0] for entry in inputs if isinstance(entry, list) and len(entry) == 1]
    if len(texts) != len(inputs):
        raise RequestError(
            422, "invalid_request", 'field `inputs`: send "a review", or a batch as [["one"], ["another"]]; no pairs'
        )
    return False, texts


def _only_calibrated(raw: bool) -> None:
    if raw:
        raise RequestError(422, "invalid_request", "field `raw_scores`: scores are calibrated; leave it out or false")


def _all_read(results: list[Result], field: str) -> list[Result]:
    """The results, or the first that failed as an error: these shapes have no place for one in between."""
    for number, result in enumerate(results):
        if result.status == "error":
            raise RequestError(422, result.error_type or "invalid_request", f"field `{field}.{number}`: {result.error}")
    return results


def _scores(result: Result) -> list[dict[str, str | float]]:
    highest_first = sorted(result.scores.items(), key=lambda entry: -entry[1])
    return [{"score": score, "label": output} for output, score in highest_first]
