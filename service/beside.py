"""Work of some milliseconds beside the event loop, a little at a time: in a crowd of threads the loop would come last.

When a batch is done, dozens of answers are to be counted and written at once. The small ones, which are most, are sooner done than
handed to a thread; the others wait for one of two.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Done = TypeVar("Done")
LIGHT = 3250  # characters, and as many for each text as it takes beside its length: some 0.2 ms in all
A_TEXT = 750
THREADS = ThreadPoolExecutor(2, thread_name_prefix="beside")


async def beside(texts: list[str], work: Callable[[], Done], *, heavy: bool = False) -> Done:
    """What `work` on texts gives; `heavy` work is always done by a thread."""
    if not heavy and _is_light(texts):
        return work()
    return await asyncio.get_running_loop().run_in_executor(THREADS, work)


async def afterwards(texts: list[str], work: Callable[[], object]) -> None:
    """`work` on texts which an answer need not wait for: where it is little, it is done when the answer has been written."""
    if _is_light(texts):
        asyncio.get_running_loop().call_soon(work)
    else:
        await beside(texts, work)


def _is_light(texts: list[str]) -> bool:
    return sum(len(text) + A_TEXT for text in texts) <= LIGHT
