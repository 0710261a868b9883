"""Asks for health again and again from a process of its own, before all else on the machine: what it tells is the service's time.

python benchmarks/probe.py PORT SECONDS        prints a JSON list of [seconds, status, late]

`status` is 0 where the connection broke; `late` is by how many seconds the probe itself came too late: the machine's part.
"""

import asyncio
import json
import os
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MOST_SECONDS = 0.020  # the aim for health
PAUSE = 0.02
PRIORITY = -10  # where the system lets us
ASKED = b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n"


@dataclass(frozen=True)
class Health:
    """One answer of health: seconds, status, and by how many seconds who asked was late itself."""

    seconds: float
    status: int
    late: float


async def ask_health(port: int, seconds: float) -> list[Health]:
    """Run this file beside the caller for so long."""
    command = [sys.executable, str(Path(__file__)), str(port), str(seconds)]
    probe = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    told, _ = await probe.communicate()
    return [Health(*answer) for answer in json.loads(told)]


def main() -> None:
    port, end = int(sys.argv[1]), time.perf_counter() + float(sys.argv[2])
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    answers: list[tuple[float, int, float]] = []
    line = socket.create_connection(("127.0.0.1", port))
    while time.perf_counter() < end:
        began = time.perf_counter()
        try:
            status = _ask(line)
        except (OSError, IndexError):  # closed, with or without a word
            status, line = 0, socket.create_connection(("127.0.0.1", port))
        ended = time.perf_counter()
        time.sleep(PAUSE)
        answers.append((ended - began, status, time.perf_counter() - ended - PAUSE))
    print(json.dumps(answers))


def _ask(line: socket.socket) -> int:
    line.sendall(ASKED)
    answer = piece = line.recv(4096)
    while piece and not answer.endswith(b"}"):
        answer += (piece := line.recv(4096))
    return int(answer.split(maxsplit=2)[1])


if __name__ == "__main__":
    main()
