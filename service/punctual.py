"""A connection whose request does not begin in time, or has no end of headers, is closed: many of those would shut others out."""

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

MAX_HEAD_BYTES = 65_536
UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*(?=\r\n)", re.IGNORECASE)


class PunctualProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's own, which bounds the time between requests (`timeout_keep_alive`) but not that in which the head of one comes; here
    it is the same."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.closing: asyncio.TimerHandle | None = None
        self.head_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        rest_of_a_body = self.cycle is not None and self.cycle.more_body  # of a request that was refused before its end
        if (self.cycle is None or self.cycle.response_complete) and not rest_of_a_body:
            data = _without_upgrade(data)
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait_for_head()
            self.head_bytes += 0 if rest_of_a_body else len(data)
            if self.head_bytes > MAX_HEAD_BYTES:
                self.transport.abort()
        else:
            self._head_has_come()

    def on_message_complete(self) -> None:
        """httptools; uvicorn's own does not see the end of a body that was refused before it, and what follows is a head."""
        super().on_message_complete()
        self.cycle.more_body = False

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_has_come()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self.closing is None:
            self.closing = asyncio.get_running_loop().call_later(self.timeout_keep_alive, self.transport.close)

    def _head_has_come(self) -> None:
        if self.closing is not None:
            self.closing.cancel()
        self.closing, self.head_bytes = None, 0


def _without_upgrade(data: bytes) -> bytes:
    """Java's client asks for HTTP/2 beside each first request; httptools then takes what follows the head for that, and loses the body."""
    head, end, rest = data.partition(b"\r\n\r\n")
    return UPGRADE.sub(b"", head + end) + rest
