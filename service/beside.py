"""Work of some milliseconds beside the event loop, a little at a time: in a crowd of threads the loop would come last.

When a batch is done, dozens of answers are to be counted and written at once. The small ones, which are most, are sooner done than
handed to a thread; the others wait for one of two.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Done = TypeVar("Done")
LIGHT = 1000  # characters, and as many for each text as it takes beside its length: some 0.2 ms in all
A_TEXT = 200
THREADS = ThreadPoolExecutor(2, thread_name_prefix="beside")


async def beside(texts: list[str], work: Callable[[], Done], *, heavy: bool = False) -> Done:
    """What `work` on texts gives; `heavy` work is always done by a thread."""
    if not heavy and sum(len(text) + A_TEXT for text in texts) <= LIGHT:
        return work()
    return await asyncio.get_running_loop().run_in_executor(THREADS, work)
