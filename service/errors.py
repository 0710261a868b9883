"""One table: what goes wrong → status, stable `error_type`. No error ever repeats review text."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from model.errors import ModelError
from service.schemas import MOST_REVIEWS, ErrorOut

OWN_FIELDS = {
    "body", "query", "path", "reviews", "id", "text", "options", "scores", "lenses", "redact",
    "bundle", "share", "inputs", "input", "raw_scores", "truncate", "model", "tasks", "data", "label_config",
    "wrong", "missing", "consent", "name", "text_column", "by", "format", "excel_nl",
}  # fmt: skip
STATUS_TYPES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
STATUSES = {
    400: "not JSON at all",
    401: "no key, or an unknown one",
    403: "the key has not the role",
    404: "no such address",
    405: "wrong method",
    408: "the body came too slowly",
    413: "over a limit of size",
    422: "not what we expect; the message names the field",
    429: "too much at once; `Retry-After` says when to try again",
    500: "our fault",
    503: "not ready, or stopping",
    504: "not read in time",
}
DECLARED: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorOut, "description": meaning} for status, meaning in STATUSES.items()
}


class RequestError(Exception):
    """A request we refuse, with its status and `error_type`; `retry_after` in seconds where trying again helps."""

    def __init__(self, status: int, error_type: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.retry_after = retry_after


class SetupError(ModelError):
    """The service cannot start like this; the message says what to change."""


class ReloadError(ModelError):
    """A bundle that may not take over; the message says why. What answered before still does."""


def answer(status: int, error_type: str, message: str, *, retry_after: int | None = None) -> JSONResponse:
    headers = {"x-error-type": error_type}
    if retry_after is not None:
        headers["retry-after"] = str(max(1, retry_after))
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse({"error": message, "error_type": error_type}, status_code=status, headers=headers)


def refusal(error: RequestError) -> JSONResponse:
    return answer(error.status, error.error_type, str(error), retry_after=error.retry_after)


def install(app: FastAPI) -> None:
    """Register the table on an application."""

    @app.exception_handler(RequestError)
    async def refused(_: Request, error: RequestError) -> JSONResponse:
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        if any(found["type"] == "too_long" and found["ctx"]["max_length"] == MOST_REVIEWS for found in error.errors()):
            return answer(413, "too_large", f"more than {MOST_REVIEWS} reviews in one request; send them in parts")
        return answer(422, "invalid_request", "; ".join(_describe(found) for found in error.errors()[:5]))

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> JSONResponse:
        message = "no such address; see /docs" if error.status_code == 404 else str(error.detail)
        found = answer(error.status_code, STATUS_TYPES.get(error.status_code, "bad_request"), message)
        found.headers.update(error.headers or {})
        if error.status_code == 405:  # the framework names the methods of the first route alone
            found.headers["allow"] = ", ".join(sorted(_methods(app, request)))
        return found

    @app.exception_handler(ReloadError)
    async def unfit(_: Request, error: ReloadError) -> JSONResponse:
        return answer(409, "bundle_refused", str(error))

    @app.exception_handler(ModelError)
    async def broken(_: Request, error: ModelError) -> JSONResponse:
        return answer(500, "model_error", type(error).__name__)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        return answer(500, "internal_error", "an unexpected error; the log names its type")


def _methods(app: FastAPI, request: Request) -> set[str]:
    """What may be asked at the address of a request."""
    routes = [route for route in app.routes if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE]
    return {method for route in routes for method in route.methods or ()}


def _describe(found: dict[str, Any]) -> str:
    """A validation error in words: the field and what it should be, never what was sent."""
    if found["type"] == "json_invalid":
        return f"the body is not valid JSON (near character {found['loc'][-1]})"
    if found["type"] == "model_attributes_type" and found["loc"] == ("body",):
        return "send a JSON object as the body, with the header `Content-Type: application/json`; /docs has examples"
    if found["type"] == "extra_forbidden":
        return f"an unknown field in `{_field(found['loc'][:-1])}`; see /docs for the fields there are"
    return f"field `{_field(found['loc'])}`: {found['msg']}"


def _field(location: Sequence[int | str]) -> str:
    parts = [str(part) if isinstance(part, int) or part in OWN_FIELDS else "…" for part in location]
    return ".".join(parts[1:] or parts)
