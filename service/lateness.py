"""How late the event loop is: what it measures is what every answer waits, health too."""

import asyncio
import time
from collections.abc import Callable

EVERY = 0.05


async def watch_lateness(seen: Callable[[float], None]) -> None:
    """For ever: tell by how many seconds a sleep was too long."""
    while True:
        due = time.monotonic() + EVERY
        await asyncio.sleep(EVERY)
        seen(max(0.0, time.monotonic() - due))
