"""No body larger than the limit is ever held in memory, announced or not, and none may take for ever to come."""

import asyncio
import time

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import RequestError, answer, refusal
from service.seen import Seen
from service.turns import Turns
from service.values import AT_ONCE, check_values

HEALTH = {"/health/live", "/health/ready"}


class BodyLimit:
    """Middleware that answers 413 to a body of more than `max_bytes`, 408 to one that takes more than `seconds`; the
    `streamed` paths bound their own."""

    def __init__(
        self, app: ASGIApp, max_bytes: int, seconds: float, turns: Turns, streamed: frozenset[str] = frozenset()
    ) -> None:
        self.app = app
        self.streamed = streamed
        self.max_bytes = max_bytes
        self.seconds = seconds
        self.turns = turns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.streamed:
            return await self.app(scope, receive, send)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self.max_bytes:
            return await self._too_large()(scope, receive, send)
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.seconds):
                body = await _body(receive, self.max_bytes)
        except TimeoutError:
            slow = answer(408, "too_slow", f"the body did not come within {self.seconds:g} s; send it at once")
            return await slow(scope, receive, send)
        if body is None:
            return None
        Seen.of(scope).received = time.monotonic() - began
        if len(body) > self.max_bytes:
            return await self._too_large()(scope, receive, send)
        try:
            await self._wait_to_read(scope["path"], body)
        except RequestError as error:
            return await refusal(error)(scope, receive, send)
        return await self.app(scope, _replay(body, receive), send)

    def _too_large(self) -> JSONResponse:
        return answer(413, "too_large", f"the body is larger than {self.max_bytes} bytes; send fewer reviews at a time")

    async def _wait_to_read(self, path: str, body: bytes) -> None:
        """Until it is its turn, health at once; raises RequestError where it is not UTF-8 or has too much in it."""
        if b"\0" in body:  # UTF-16 or UTF-32: Python reads those too, but their bytes are not what `check_values` looks for
            raise RequestError(400, "bad_request", "the body holds zero bytes; send JSON in UTF-8")
        if len(body) > AT_ONCE:
            await check_values(body, self.turns)
        elif path not in HEALTH:
            await self.turns.mine()


async def _body(receive: Receive, max_bytes: int) -> bytes | None:
    """The whole body, or the beginning of one that is too large; None when the client leaves before its end."""
    body = bytearray()
    more = True
    while more and len(body) <= max_bytes:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body first and then goes on as before."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
