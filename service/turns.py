"""One request at a time between two looks of the event loop at what came in: what comes in bursts is answered in small pieces.

When a batch is done, dozens of requests are to be answered, and as many new ones come in: a tenth of a second in which nothing else, health
neither, would have its turn.
"""

import asyncio
from collections import deque


class Turns:
    """A queue for the loop itself; `await turns.mine()` before some tenths of a millisecond of work."""

    def __init__(self) -> None:
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.taken = False

    async def mine(self) -> None:
        """Returns at once where this round of the loop has nothing else to do, else in a later one, in order."""
        loop = asyncio.get_running_loop()
        if not self.taken:
            self.taken = True
            loop.call_soon(self._next)
            return
        mine = loop.create_future()
        self.waiting.append(mine)
        await mine

    def _next(self) -> None:
        while self.waiting:
            first = self.waiting.popleft()
            if not first.done():  # cancelled: whoever waited has gone
                first.set_result(None)
                asyncio.get_running_loop().call_soon(self._next)
                return
        self.taken = False
