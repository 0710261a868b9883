"""`POST /v1/classify/stream`: a review a line in, a result a line out, for as long as you like."""

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from model.score import Result
from service.beside import beside
from service.classify import redact
from service.dependencies import ReaderHere
from service.errors import RequestError
from service.lines import Lines
from service.reader import Reader
from service.schemas import ErrorOut, ReviewIn, StreamOptions

ADDRESS = "/v1/classify/stream"
NDJSON = "application/x-ndjson"
BYTES_A_CHARACTER = 12  # the most a character of JSON takes: two escapes of six
router = APIRouter()


class StreamResponse(Response):
    """Answers while the body still comes in."""

    media_type = NDJSON

    def __init__(self, lines: Lines, reader: Reader, options: StreamOptions) -> None:
        predictor = reader.model.predictor
        manifest = predictor.bundle.manifest
        named = {"model": f"{manifest.name}/{manifest.version}", "bundle": predictor.bundle.sha256}
        headers = {f"snaar-{name}": value for name, value in {**named, "taxonomy": predictor.taxonomy.version}.items()}
        super().__init__(headers=headers)
        del self.headers["content-length"]
        self.lines = lines
        self.reader = reader
        self.options = options
        self.max_characters = reader.settings.max_characters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        filling = asyncio.create_task(self.lines.fill(receive))
        number = 0
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for lines in self.lines:
                reading = asyncio.create_task(self._read(lines, number + 1))
                number += len(lines)
                await asyncio.wait({reading, filling}, return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():  # the client has gone, and nobody waits for the rest
                    reading.cancel()
                    return
                await send({"type": "http.response.body", "body": reading.result(), "more_body": True})
            last = [_refused(number + 1, self.lines.problem)] if self.lines.problem else []
            await send({"type": "http.response.body", "body": _packed(last), "more_body": False})
        finally:
            filling.cancel()
            await asyncio.gather(filling, return_exceptions=True)
            self.lines.close()

    async def _read(self, lines: list[bytes | None], first: int) -> bytes:
        """An answer a line that is not blank, in order."""
        await self.reader.turns.mine()
        numbered = [(n, line) for n, line in enumerate(lines, first) if line is None or line.strip()]
        reviews = [_review(line, self.max_characters) for _, line in numbered]
        good = [review.text for review in reviews if isinstance(review, ReviewIn)]
        results = await self.reader.read_bulk(good)
        numbers = [number for number, _ in numbered]
        return await beside(good, lambda: self._written(numbers, reviews, good, results), heavy=self.options.redact)

    def _written(
        self, numbers: list[int], reviews: list[ReviewIn | RequestError], good: list[str], results: list[Result]
    ) -> bytes:
        cleaned = iter(redact(self.reader.model.redactor, good, results) if self.options.redact else [None] * len(good))
        found = iter(results)
        answers = [
            self._answer(number, review.id, next(found), next(cleaned))
            if isinstance(review, ReviewIn)
            else _refused(number, review)
            for number, review in zip(numbers, reviews, strict=True)
        ]
        return _packed(answers)

    def _answer(self, number: int, identity: str | None, result: Result, clean: str | None) -> dict[str, Any]:
        kept = result.only(self.options.lenses) if self.options.lenses else result
        cleaned = {"redacted_text": clean} if self.options.redact else {}
        return {"line": number, "id": identity, **kept.to_dict(scores=self.options.scores), **cleaned}


@router.post(
    ADDRESS,
    summary="A review a line in, a result a line out (NDJSON)",
    response_class=Response,
    responses={
        200: {"description": "a result a line", "content": {NDJSON: {"schema": {"type": "string"}}}},
        **{status: {"model": ErrorOut} for status in (413, 422, 429)},
    },
    openapi_extra={"requestBody": {"required": False, "content": {NDJSON: {"schema": {"type": "string"}}}}},
)
async def post_stream(
    request: Request, options: Annotated[StreamOptions, Query()], reader: ReaderHere
) -> StreamResponse:  # fmt: skip
    settings = reader.settings
    known = [lens.id for lens in reader.model.predictor.taxonomy.lenses]
    if not set(options.lenses) <= set(known):
        raise RequestError(422, "invalid_request", f"field `lenses`: an unknown lens; known are {', '.join(known)}")
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > settings.max_job_bytes:
        raise RequestError(413, "too_large", f"the body is larger than {settings.max_job_bytes} bytes; send it in parts")
    reader.check_room()
    lines = Lines(max_bytes=settings.max_job_bytes, max_line=BYTES_A_CHARACTER * settings.max_characters + 10_000)
    return StreamResponse(lines, reader, options)


def _review(line: bytes | None, max_characters: int) -> ReviewIn | RequestError:
    if line is None:
        return RequestError(
            413, "too_long", f"the line holds more than a review of {max_characters} characters; split or shorten it"
        )
    try:
        return ReviewIn.model_validate_json(line)
    except ValidationError:
        return RequestError(
            422, "invalid_request", 'the line is no {"id": …, "text": …} in UTF-8, both strings, `id` if you like'
        )


def _refused(number: int, error: RequestError) -> dict[str, Any]:
    return {"line": number, "id": None, **Result.failed(error.error_type, str(error), warnings=[]).to_dict()}


def _packed(answers: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(answer, ensure_ascii=False).encode() + b"\n" for answer in answers)
