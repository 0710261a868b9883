"""A small HTTP client for load: its own cost should be little next to that of the service it loads."""

import asyncio
import json
import socket
import time
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """Status, body and seconds; status 0 where the connection broke. `connection` is the client's port."""

    status: int
    body: bytes
    seconds: float
    connection: int


class Client:
    """One connection, kept open and opened again when it breaks."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None
        self.connection = 0

    async def ask(self, path: str, body: bytes | None = None, *, content_type: str = "application/json") -> Answer:
        """POST a body, or GET without one."""
        began = time.perf_counter()
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nhost: localhost\r\n"
        if body is not None:
            head += f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\n"
        try:
            if self.writer is None or self.writer.is_closing():
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
                self.connection = self.writer.get_extra_info("sockname")[1]
            self.writer.write(f"{head}\r\n".encode() + (body or b""))
            status, answer = await self._answer()
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            status, answer = 0, b""
        return Answer(status, answer, time.perf_counter() - began, self.connection)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None

    async def _answer(self) -> tuple[int, bytes]:
        assert self.reader is not None
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        if "transfer-encoding: chunked" in head:
            body = await self._chunks()
        else:
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
            body = await self.reader.readexactly(length)
        if "connection: close" in head:
            self.close()
        return int(head.split()[1]), body

    async def _chunks(self) -> bytes:
        assert self.reader is not None
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return body


class Blocking:
    """One connection that waits for each answer: for latency, where what an event loop adds would be seen."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: bytes) -> bytes:
        """The body of the answer, which must be 200."""
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._some()
        told, _, begun = answer.partition(b"\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 200"), told
        length = int(told.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(begun) < length:
            begun += self._some()
        return begun

    def _some(self) -> bytes:
        found = self.socket.recv(1 << 16)
        if not found:
            raise ConnectionError("the service closed the connection")
        return found


def classify_body(texts: list[str], **options: Any) -> bytes:
    return json.dumps({"reviews": [{"text": text} for text in texts], "options": options}).encode()
