"""`/v1/feedback`: a user says that a label is wrong or missing, and may take that back."""

import uuid
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from model.normalise import normalise
from model.redact import Redactor
from model.taxonomy import Taxonomy
from service.classify import HALF_CHARACTERS
from service.dependencies import PredictorHere, RedactorHere, SettingsHere
from service.errors import RequestError
from service.schemas import ErrorOut, FeedbackIn, FeedbackOut

if TYPE_CHECKING:
    from service.feedback import FeedbackStore
else:
    FeedbackStore = Any  # what the table takes to load is loaded where feedback is on

router = APIRouter(responses={status: {"model": ErrorOut} for status in (404, 422, 503)})


def _store(request: Request) -> FeedbackStore:
    found: FeedbackStore | None = request.app.state.feedback
    if found is None:
        raise RequestError(404, "feedback_off", "this service keeps no feedback; whoever runs it can set SNAAR_FEEDBACK=true")
    return found


StoreHere = Annotated[FeedbackStore, Depends(_store)]


@router.post("/v1/feedback", status_code=201, response_model=FeedbackOut, summary="A label is wrong or missing")
async def post_feedback(
    given: FeedbackIn, store: StoreHere, predictor: PredictorHere, redactor: RedactorHere, settings: SettingsHere
) -> FeedbackOut:
    from service.feedback import Feedback

    _check(given, predictor.taxonomy, max_characters=settings.max_characters)
    bundle = {**predictor.bundle.identity, "taxonomy_version": predictor.taxonomy.version}
    text = await run_in_threadpool(_clean, given.text, redactor)
    kept = Feedback(id=uuid.uuid4().hex, text=text, wrong=given.wrong, missing=given.missing, bundle=bundle)
    if not await run_in_threadpool(store.add, kept):
        raise RequestError(503, "feedback_full", "there is no room for more feedback; ask whoever runs this service")
    return FeedbackOut(id=kept.id, kept_days=settings.feedback_days)


@router.delete("/v1/feedback/{feedback_id}", status_code=204, summary="Take feedback back: it is removed at once")
def delete_feedback(feedback_id: str, store: StoreHere) -> Response:
    if not store.remove(feedback_id):
        raise RequestError(404, "no_such_feedback", "no such feedback; it was removed, or its days were over")
    return Response(status_code=204)


def _check(given: FeedbackIn, taxonomy: Taxonomy, *, max_characters: int) -> None:
    """Raises RequestError where it may not be kept, or says nothing."""
    if not given.consent:
        raise RequestError(422, "no_consent", "feedback is kept only with `consent`: true from whoever may give it")
    if len(given.text) > max_characters:
        raise RequestError(422, "too_long", f"the review is longer than {max_characters} characters; shorten it")
    if not given.text.strip():
        raise RequestError(422, "empty_text", "the review holds no text")
    if not given.wrong and not given.missing:
        raise RequestError(422, "invalid_request", "fields `wrong`, `missing`: name at least one label")
    if not set(given.wrong + given.missing) <= set(taxonomy.output_names):
        known = " ".join(taxonomy.output_names)
        raise RequestError(422, "invalid_request", f"fields `wrong`, `missing`: an unknown label; known are {known}")
    if set(given.wrong) & set(given.missing):
        raise RequestError(422, "invalid_request", "fields `wrong`, `missing`: a label stands in both")


def _clean(text: str, redactor: Redactor) -> str:
    return redactor.redact(normalise(HALF_CHARACTERS.sub("\ufffd", text)).text)
