"""Nothing is read of a request for which the queue has no room: what is refused takes no time of what is not."""

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from service.batcher import Batcher
from service.errors import refusal
from service.reader import overloaded

SCORED = frozenset({"/v1/classify", "/predict", "/classify"})
A_REVIEW = 32  # tokens by estimate: what is smaller is refused with it, where there is room for that alone


class Room:
    """Middleware that answers 429 where an ordinary review would not be let in; larger requests are refused when their size is known."""

    def __init__(self, app: ASGIApp, batcher: Callable[[], Batcher]) -> None:
        self.app = app
        self.batcher = batcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in SCORED
        if asked and not self.batcher().room(A_REVIEW):
            return await refusal(overloaded(self.batcher().seconds_full))(scope, receive, send)
        return await self.app(scope, receive, send)
