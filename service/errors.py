"""One table: what goes wrong → status, stable `error_type`. No error ever repeats review text."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from model.errors import ModelError

OWN_FIELDS = {"body", "query", "path", "reviews", "id", "text", "options", "scores", "lenses", "redact"}
STATUS_TYPES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


class RequestError(Exception):
    """A request we refuse, with its status and `error_type`."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type


def answer(status: int, error_type: str, message: str) -> JSONResponse:
    return JSONResponse({"error": message, "error_type": error_type}, status_code=status)


def install(app: FastAPI) -> None:
    """Register the table on an application."""

    @app.exception_handler(RequestError)
    async def refused(_: Request, error: RequestError) -> JSONResponse:
        return answer(error.status, error.error_type, str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return answer(422, "invalid_request", "; ".join(_describe(found) for found in error.errors()[:5]))

    @app.exception_handler(HTTPException)
    async def framework(_: Request, error: HTTPException) -> JSONResponse:
        message = "no such address; see /docs" if error.status_code == 404 else str(error.detail)
        return answer(error.status_code, STATUS_TYPES.get(error.status_code, "bad_request"), message)

    @app.exception_handler(ModelError)
    async def broken(_: Request, error: ModelError) -> JSONResponse:
        return answer(500, "model_error", type(error).__name__)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        return answer(500, "internal_error", "an unexpected error; the log names its type")


def _describe(found: dict[str, Any]) -> str:
    """A validation error in words: the field and what it should be, never what was sent."""
    if found["type"] == "json_invalid":
        return f"the body is not valid JSON (near character {found['loc'][-1]})"
    if found["type"] == "extra_forbidden":
        return f"an unknown field in `{_field(found['loc'][:-1])}`; see /docs for the fields there are"
    return f"field `{_field(found['loc'])}`: {found['msg']}"


JOB_FIELDS = {"name", "text_column", "by", "format", "excel_nl"}


def _field(location: Sequence[int | str]) -> str:
    parts = [str(part) if isinstance(part, int) or part in OWN_FIELDS | JOB_FIELDS else "…" for part in location]
    return ".".join(parts[1:] or parts)
