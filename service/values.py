"""Large JSON is looked through before it is read, a little at a time: reading eight megabytes of keys would hold the event loop, and
health with it, for a second or more. What has too much in it is refused where that is seen."""

import time

from service.errors import RequestError
from service.turns import Turns

AT_ONCE = 16_384  # bytes: some tenths of a millisecond; smaller bodies are read without a look
A_TURN = 0.001  # seconds after which another turn is waited for
MOST_VALUES = 100_000  # counted by what stands before each; ten thousand reviews with an id have 60,000
MOST_KEYS = 1_000  # different ones: each unknown one becomes an error of its own


async def check_values(body: bytes, turns: Turns) -> None:
    """Raises RequestError where JSON has more in it than any request needs. What is no JSON may pass: reading it ends at its
    first mistake, and up to there this count is right."""
    values, keys, in_text, rest, began = 0, set[bytes](), False, b"", 0.0
    for first in range(0, len(body), AT_ONCE):
        if time.monotonic() - began > A_TURN:
            await turns.mine()
            began = time.monotonic()
        piece = (rest + body[first : first + AT_ONCE]).replace(b"\\\\", b"\x01").replace(b'\\"', b"\x02")
        rest = b"\\" if piece.endswith(b"\\") else b""
        parts = piece.removesuffix(b"\\").split(b'"')
        texts, between = parts[not in_text :: 2], parts[in_text::2]
        values += sum(b"".join(between).count(mark) for mark in (b",", b":", b"[", b"{"))
        keys.update(text for text, after in zip(texts, between[not in_text :], strict=False) if after.lstrip().startswith(b":"))
        in_text ^= len(parts) % 2 == 0
        if values > MOST_VALUES:
            raise RequestError(413, "too_large", f"the JSON has more than {MOST_VALUES} values; send fewer reviews at a time")
        if len(keys) > MOST_KEYS:
            raise RequestError(
                413, "too_large", f"the JSON has more than {MOST_KEYS} different keys; /docs has the fields there are"
            )
