"""Lines of a body while it still comes in.

What comes in is written to a file without a name, and read from there: a client that reads its answers as it goes gets them as
it goes, and one that first sends everything (most do) never waits for us to wait for it.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool
from starlette.types import Receive

from service.errors import RequestError

BLOCK = 1 << 16
AT_ONCE = 64
IDLE_SECONDS = 60


class Lines:
    """`fill` it in one task and iterate in another. A line over `max_line` bytes is None. `problem`: why the body was cut off."""

    def __init__(self, *, max_bytes: int, max_line: int) -> None:
        self.max_bytes = max_bytes
        self.max_line = max_line
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self.grown = asyncio.Event()
        self.ended = self.client_gone = False
        self.problem: RequestError | None = None

    def close(self) -> None:
        self.file.close()

    async def fill(self, receive: Receive) -> None:
        """Take the body in; then wait for the client to go away."""
        size = 0
        while not self.client_gone:
            try:
                message = await asyncio.wait_for(receive(), None if self.ended else IDLE_SECONDS)
            except TimeoutError:
                self._end(RequestError(408, "timeout", f"nothing came in for {IDLE_SECONDS} seconds"))
                continue
            if message["type"] == "http.disconnect":
                self.client_gone = True
                self._end()
            elif not self.ended:
                piece = message.get("body", b"")
                if size + len(piece) > self.max_bytes:
                    self._end(RequestError(413, "too_large", f"the body is larger than {self.max_bytes} bytes; send it in parts"))
                    continue
                await run_in_threadpool(os.pwrite, self.file.fileno(), piece, size)
                size += len(piece)
                self.grown.set()
                if not message.get("more_body", False):
                    self._end()

    async def __aiter__(self) -> AsyncIterator[list[bytes | None]]:
        """Lines without their ends, some at a time, as soon as they are there."""
        read = 0
        rest, skipping = b"", False
        while not self.client_gone:
            self.grown.clear()
            ended = self.ended
            block = await run_in_threadpool(os.pread, self.file.fileno(), BLOCK, read)
            read += len(block)
            if not block and ended:
                break
            if not block:
                await self.grown.wait()
                continue
            *whole, rest = (rest + block).split(b"\n")
            lines = [line if len(line) <= self.max_line else None for line in whole]
            if skipping and lines:
                lines[0], skipping = None, False
            if len(rest) > self.max_line:
                rest, skipping = b"", True
            for first in range(0, len(lines), AT_ONCE):
                yield lines[first : first + AT_ONCE]
        if (rest or skipping) and not self.problem:
            yield [None if skipping else rest]

    def _end(self, problem: RequestError | None = None) -> None:
        self.problem = self.problem or problem
        self.ended = True
        self.grown.set()
