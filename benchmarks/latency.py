"""Milliseconds for one review, by length: in process and over HTTP.

python benchmarks/latency.py [--times 200]
"""

import argparse
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
import numpy as np

from benchmarks.setting import describe, reviews
from model.predictor import Predictor

LENGTHS = (8, 16, 32, 64, 128, 256, 512)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=200)
    options = parser.parse_args()
    predictor = Predictor.load()
    texts = reviews(2000)
    describe(predictor, texts)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.perf_counter()
    snaar = Path(sys.executable).with_name("snaar")
    server = subprocess.Popen([str(snaar), "serve", "--port", str(port)], stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            _until_ready(client)
            print(f"command start to first answer: {time.perf_counter() - started:.2f} s")
            print(
                "\n| tokens | in process p50 / p95 / p99, ms | HTTP p50 / p95 / p99, ms | HTTP adds at p50, ms |\n|---|---|---|---|"
            )
            for length in LENGTHS:
                text = _of_length(predictor, texts, length)
                body = {"reviews": [{"text": text}]}
                inside, outside = [], []
                for _ in range(options.times):
                    inside.append(_milliseconds(lambda text=text: predictor.predict([text])))
                    outside.append(_milliseconds(lambda body=body: client.post("/v1/classify", json=body).raise_for_status()))
                shown = [" / ".join(f"{ms:.1f}" for ms in np.percentile(taken, [50, 95, 99])) for taken in (inside, outside)]
                print(f"| {length} | {shown[0]} | {shown[1]} | {np.median(outside) - np.median(inside):.2f} |")
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
