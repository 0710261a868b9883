"""A service in a process of its own, for tests and benchmarks of what only a real server shows."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
START = "from service.cli import main; main()"


@dataclass(frozen=True)
class Served:
    """A running `snaar serve`, and where what it prints is kept."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(folder: Path, *arguments: str, **settings: str) -> Iterator[Served]:
    """`snaar serve` until it answers its health; `settings` without `SNAAR_`. It is stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **{f"SNAAR_{name}": value for name, value in settings.items()}}
    output = folder / "output.txt"
    with output.open("wb") as out:
        command = [sys.executable, "-c", START, "serve", "--port", str(port), *arguments]
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=out, stderr=subprocess.STDOUT)
    try:
        _until_up(process, port)
        yield Served(process, port, output)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _until_up(process: subprocess.Popen[bytes], port: int) -> None:
    with httpx.Client() as http:
        for _ in range(600):
            try:
                if http.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
            assert process.poll() is None, "the service ended before it was up"
    raise AssertionError("the service does not come up")
