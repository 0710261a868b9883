"""`POST /v1/classify`: reviews in, labels with evidence out."""

import json

from fastapi import APIRouter
from fastapi.responses import Response

from model.score import Result
from service.beside import beside
from service.classify import redact
from service.dependencies import ReaderHere
from service.errors import RequestError
from service.models import Model
from service.schemas import ClassifyRequest, ClassifyResponse

router = APIRouter()
AS_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@router.post(
    "/v1/classify",
    response_model=ClassifyResponse,
    summary="Read reviews: tiers, motivators, sentiment, journey, engagement, with the sentences that prove them",
)
async def post_classify(request: ClassifyRequest, reader: ReaderHere) -> Response:
    reader.check_count("reviews", len(request.reviews))
    lenses = [lens.id for lens in reader.model.predictor.taxonomy.lenses]
    if set(request.options.lenses or []) - set(lenses):
        known = ", ".join(lenses)
        raise RequestError(422, "invalid_request", f"field `options.lenses`: an unknown lens; known are {known}")
    texts = [review.text for review in request.reviews]
    results = await reader.read(texts)
    body = await beside(texts, lambda: write(request, results, reader.model), heavy=request.options.redact)
    return Response(body, media_type="application/json")


def write(request: ClassifyRequest, results: list[Result], model: Model) -> bytes:
    """The answer as JSON, one review at a time."""
    predictor, lenses = model.predictor, request.options.lenses
    texts = [review.text for review in request.reviews]
    clean = redact(model.redactor, texts, results) if request.options.redact else []
    written = []
    for number, (review, result) in enumerate(zip(request.reviews, results, strict=True)):
        shown = result if lenses is None else result.only(lenses)
        extra = {"redacted_text": clean[number]} if clean else {}
        answer = {"id": review.id, **shown.to_dict(scores=request.options.scores), **extra}
        written.append(AS_JSON(answer))
    head = AS_JSON({"model": predictor.bundle.identity, "taxonomy_version": predictor.taxonomy.version})
    return f'{head[:-1]},"results":[{",".join(written)}]}}'.encode()
