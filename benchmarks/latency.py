"""Milliseconds for one review, by length: in process and over HTTP.

python benchmarks/latency.py [--times 200]

The service gets one processor, and this client another where there is one; what runs in process runs on the service's. So neither
waits for the other's processor, and both read a review with one thread. The client writes to a socket and reads from it: a client
library such as httpx takes a millisecond of its own, as the last column says.
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.client import Blocking, classify_body  # noqa: E402
from benchmarks.setting import describe, reviews  # noqa: E402
from model.bundle import DEFAULT_BUNDLE  # noqa: E402
from model.predictor import Predictor  # noqa: E402

JSON = {"content-type": "application/json"}
START = "from service.cli import main; main()"
LENGTHS = (8, 16, 32, 64, 128, 256, 512)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    options = parser.parse_args()
    at_hand = sorted(os.sched_getaffinity(0))
    client_on, service_on = {at_hand[0]}, {at_hand[-1]}
    os.sched_setaffinity(0, service_on)
    predictor = Predictor.load(options.bundle, threads=1)
    texts = reviews(2000)
    describe(predictor, texts)
    chosen = {length: _of_length(predictor, texts, length) for length in LENGTHS}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.perf_counter()
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "SNAAR_LOG_REQUESTS": "false"}
    command = [sys.executable, "-c", START, "serve", "--port", str(port), "--bundle", str(options.bundle.absolute())]
    server = subprocess.Popen(command, env=settings, stderr=subprocess.DEVNULL)
    os.sched_setaffinity(0, client_on)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as library:
            _until_ready(library)
            print(f"command start to first answer: {time.perf_counter() - started:.2f} s\n")
            print(
                "| tokens | in process p50 / p95 / p99, ms | HTTP p50 / p95 / p99, ms | HTTP adds at p50, ms | as httpx sees it, ms |"
            )
            print("|---|---|---|---|---|")
            client = Blocking(port)
            for length, text in chosen.items():
                body = classify_body([text])
                inside, outside, seen = [], [], []
                for _ in range(options.times):
                    os.sched_setaffinity(0, service_on)
                    inside.append(_milliseconds(lambda text=text: predictor.predict([text])))
                    os.sched_setaffinity(0, client_on)
                    outside.append(_milliseconds(lambda body=body: client.post("/v1/classify", body)))
                    seen.append(_milliseconds(lambda body=body: library.post("/v1/classify", content=body, headers=JSON)))
                shown = [" / ".join(f"{ms:.1f}" for ms in np.percentile(taken, [50, 95, 99])) for taken in (inside, outside)]
                added, by_library = (np.median(taken) - np.median(inside) for taken in (outside, seen))
                print(f"| {length} | {shown[0]} | {shown[1]} | {added:.2f} | {by_library:.2f} |", flush=True)
        memory = next(line for line in Path(f"/proc/{server.pid}/status").read_text().splitlines() if "VmRSS" in line)
        print(f"\nresident memory of the service: {int(memory.split()[1]) / 1024:.0f} MB")
    finally:
        server.terminate()
        server.wait()


def _until_ready(client: httpx.Client) -> None:
    for _ in range(600):
        try:
            if client.get("/health/ready").status_code == 200:
                return
        except httpx.ConnectError:
            time.sleep(0.02)
    sys.exit("the service does not become ready")


def _of_length(predictor: Predictor, texts: list[str], tokens: int) -> str:
    """A text of about so many tokens, marks included, made of whole reviews and cut at a word."""
    words = " ".join(texts[:200]).split()
    low, high = 1, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        [result] = predictor.predict([" ".join(words[:middle])])
        low, high = (middle, high) if result.tokens <= tokens else (low, middle - 1)
    return " ".join(words[:low])


def _milliseconds(call: object) -> float:
    started = time.perf_counter()
    call()  # type: ignore[operator]
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    main()
