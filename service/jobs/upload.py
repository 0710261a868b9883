"""The body of an upload → a file on disk that is known to be a table."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from service.batch.columns import Roles
from service.batch.table import KINDS, Table, TableError
from service.errors import RequestError

AT_ONCE = 1 << 20
IDLE_SECONDS = 60  # a client that sends nothing for so long is given up
NAME_CHARACTERS = 150


def clean_name(name: str) -> str:
    """A client's file name as it is kept: its last part, without control characters."""
    return "".join(c for c in re.split(r"[/\\]", name)[-1] if c.isprintable()).strip()[-NAME_CHARACTERS:]


def kind_of(name: str) -> str:
    """The ending that says what a file is, such as `.csv` or `.csv.gz`; raises RequestError."""
    packed = next((ending for ending in (".gz", ".zst") if name.lower().endswith(ending)), "")
    kind = Path(name[: len(name) - len(packed)]).suffix.lower()
    if kind not in KINDS or (packed and kind in (".xlsx", ".parquet")):
        known = " ".join(KINDS)
        raise RequestError(422, "bad_table", f"field `name`: end it in what the file is: {known}; text also with .gz or .zst")
    return kind + packed


async def receive(body: AsyncIterator[bytes], path: Path, *, max_bytes: int) -> None:
    """Write the body to `path` as it comes in; raises RequestError over the limit, or where the client falls silent."""
    written = 0
    waiting = bytearray()
    pieces = aiter(body)
    with path.open("wb") as file:
        while True:
            try:
                piece = await asyncio.wait_for(anext(pieces, None), IDLE_SECONDS)
            except TimeoutError as error:
                raise RequestError(408, "timeout", f"nothing came in for {IDLE_SECONDS} seconds; send the file again") from error
            waiting += piece or b""
            written += len(piece or b"")
            if written > max_bytes:
                raise RequestError(413, "too_large", f"the file is larger than {max_bytes} bytes; send it in parts")
            if len(waiting) >= AT_ONCE or piece is None:
                await run_in_threadpool(file.write, bytes(waiting))
                waiting.clear()
            if piece is None:
                return


def check(path: Path, *, text_columns: list[str], by: str | None, max_bytes: int) -> None:
    """Raise RequestError for a file that could not be scored. Names of columns are the client's and are not repeated."""
    try:
        if path.suffix in (".gz", ".zst"):
            _check_unpacked(path, max_bytes)
        table = Table.open(path)
    except TableError as error:
        raise RequestError(422, "bad_table", f"the file{str(error).removeprefix(str(path)).lstrip(':')}") from error
    if by is not None and by not in table.columns:
        raise RequestError(422, "bad_column", "field `by`: the file has no such column")
    try:
        Roles.find(table, text_columns)
    except TableError as error:
        told = "the file has no such column" if text_columns else "no column looks like review text; name the one that is"
        raise RequestError(422, "bad_column", f"field `text_column`: {told}") from error


def _check_unpacked(path: Path, max_bytes: int) -> None:
    import pyarrow

    size = 0
    try:
        with pyarrow.input_stream(path, compression="detect") as stream:
            while block := stream.read(AT_ONCE):
                size += len(block)
                if size > max_bytes:
                    raise RequestError(
                        413, "too_large", f"the file is larger than {max_bytes} bytes when unpacked; send it in parts"
                    )
    except OSError as error:
        raise TableError(f"{path}: cannot be unpacked ({type(error).__name__})") from error
