"""SIGTERM and SIGHUP: drain before the end, and load the bundle anew."""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType


def on_signals(*, drain: Callable[[], None], seconds: float, reload: Callable[[], None]) -> None:
    """SIGTERM calls `drain`, and `seconds` later what uvicorn had set for it: no new connections, what runs is finished, the
    process ends. SIGHUP calls `reload`. Only the main thread may listen to signals; elsewhere nothing happens."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGTERM)

    def terminate(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(drain)
        end = before if callable(before) else signal.default_int_handler
        loop.call_soon_threadsafe(loop.call_later, seconds, end, number, None)

    signal.signal(signal.SIGTERM, terminate)
    signal.signal(signal.SIGHUP, lambda number, frame: loop.call_soon_threadsafe(reload))
