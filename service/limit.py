"""No body larger than the limit is ever held in memory, announced or not."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import answer


class BodyLimit:
    """Middleware that answers 413 to a body of more than `max_bytes`; the `streamed` paths bound their own."""

    def __init__(self, app: ASGIApp, max_bytes: int, streamed: frozenset[str] = frozenset()) -> None:
        self.app = app
        self.streamed = streamed
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self.streamed:
            return await self.app(scope, receive, send)
        refusal = answer(413, "too_large", f"the body is larger than {self.max_bytes} bytes; send fewer reviews at a time")
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self.max_bytes:
            return await refusal(scope, receive, send)
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self.max_bytes:
                return await refusal(scope, receive, send)
        whole: Message = {"type": "http.request", "body": bytes(body), "more_body": False}
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return whole

        return await self.app(scope, replay, send)
