"""Around every request: its id, the headers that keep browsers safe, one line in the log, its place in the metrics."""

import json
import logging
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import answer
from service.metrics import Metrics
from service.room import SCORED
from service.seen import Seen
from service.traces import Traces

LOG = logging.getLogger("snaar.requests")
ERRORS = logging.getLogger("snaar.errors")
METHODS = {"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"}
SAFE = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Observe:
    """The outermost middleware. An error nobody caught is answered here, and logged by its type and place alone: its message
    might hold text."""

    def __init__(self, app: ASGIApp, metrics: Metrics, traces: Traces | None, draining: Callable[[], bool]) -> None:
        self.app = app
        self.metrics = metrics
        self.traces = traces
        self.draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        seen = Seen.start(scope)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = seen.id
                for name, value in SAFE.items():
                    headers.setdefault(name, value)
                if self.draining():
                    headers["connection"] = "close"
                seen.status, seen.error_type = message["status"], headers.get("x-error-type")
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception as error:
            ERRORS.error(_place(error))
            if seen.status == 0:
                await answer(500, "internal_error", "an unexpected error; the log names its type")(scope, receive, sending)
        finally:
            seen.whole = time.monotonic() - seen.began
            method, route = _method(scope), _route(scope)
            self.metrics.request(route, seen)
            if LOG.isEnabledFor(logging.INFO):
                LOG.info(_line(method, route, seen))
            if self.traces:
                self.traces.request(method, route, seen, scope)


def _method(scope: Scope) -> str:
    """The method, where it is one that there is: else it may hold anything."""
    return scope["method"] if scope["method"] in METHODS else "other"


def _route(scope: Scope) -> str:
    """The route's template: the address itself may hold anything, unless it is one that is refused before its route is looked up."""
    if scope["path"] in SCORED:
        return scope["path"]
    return getattr(scope.get("route"), "path", "none")


def _line(method: str, route: str, seen: Seen) -> str:
    told = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "id": seen.id,
        "method": method,
        "route": route,
        "status": seen.status,
        "error_type": seen.error_type,
        "key": seen.key,
        "model": seen.model,
        "reviews": seen.reviews,
        "tokens": seen.tokens,
        "ms": {name: round(1000 * seconds, 1) for name, seconds in seen.stages.items()},
    }
    return json.dumps(told)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    return json.dumps({"error": type(error).__name__, "at": [f"{frame.filename}:{frame.lineno}" for frame in frames]})
