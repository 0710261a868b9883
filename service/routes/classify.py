"""`POST /v1/classify`: reviews in, labels with evidence out."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from service.classify import classify, redact
from service.dependencies import PredictorHere, RedactorHere, SettingsHere
from service.errors import RequestError
from service.schemas import ClassifyRequest, ClassifyResponse, ErrorOut

router = APIRouter()


@router.post(
    "/v1/classify",
    response_model=ClassifyResponse,
    responses={413: {"model": ErrorOut}, 422: {"model": ErrorOut}},
    summary="Read reviews: tiers, motivators, sentiment, journey, engagement, with the sentences that prove them",
)
async def post_classify(
    request: ClassifyRequest, predictor: PredictorHere, redactor: RedactorHere, settings: SettingsHere
) -> JSONResponse:
    if not 1 <= len(request.reviews) <= settings.max_reviews:
        raise RequestError(422, "invalid_request", f"field `reviews`: send 1 to {settings.max_reviews} reviews in one request")
    unknown = set(request.options.lenses or []) - {lens.id for lens in predictor.taxonomy.lenses}
    if unknown:
        known = ", ".join(lens.id for lens in predictor.taxonomy.lenses)
        raise RequestError(422, "invalid_request", f"field `options.lenses`: an unknown lens; known are {known}")
    texts = [review.text for review in request.reviews]
    results = await run_in_threadpool(classify, predictor, texts, max_characters=settings.max_characters)
    lenses = request.options.lenses
    answers = [
        {"id": review.id, **(result if lenses is None else result.only(lenses)).to_dict(scores=request.options.scores)}
        for review, result in zip(request.reviews, results, strict=True)
    ]
    if request.options.redact:
        for answer, clean in zip(answers, await run_in_threadpool(redact, redactor, texts, results), strict=True):
            answer["redacted_text"] = clean
    return JSONResponse({"model": model_of(predictor), "taxonomy_version": predictor.taxonomy.version, "results": answers})


def model_of(predictor: PredictorHere) -> dict[str, str]:
    """Which bundle answers."""
    manifest = predictor.bundle.manifest
    return {"name": manifest.name, "version": manifest.version, "sha256": predictor.bundle.sha256}
