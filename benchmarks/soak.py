"""Many requests of every kind: does the service grow, in memory, in open files, in threads?

python benchmarks/soak.py [--requests 100000] [--clients 8]

The first tenth is warm-up. The exit status is 1 where memory grows by 5 % or more after it, where open files or threads end higher
than they were at most until half-way, or where anything but the expected was answered.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import psutil

from benchmarks.client import Client, classify_body
from benchmarks.served import Served, serving
from benchmarks.setting import reviews

LINES = 10
MOST_GROWTH = 0.05
EXPECTED = {200, 400, 413, 422, 429, 499}


@dataclass(frozen=True)
class Seen:
    """What the service held at a moment."""

    memory: float
    files: int
    threads: int


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    with TemporaryDirectory() as folder, serving(Path(folder), CANARY_SECONDS="5") as served:
        asyncio.run(_run(served, options.requests, options.clients))


async def _run(served: Served, requests: int, clients: int) -> None:
    texts = reviews(4000)
    process = psutil.Process(served.process.pid)
    statuses: Counter[int] = Counter()
    print("| requests | memory, MB | open files | threads |\n|---|---|---|---|")
    seen: list[Seen] = []
    for _ in range(LINES):
        each = requests // LINES // clients
        await asyncio.gather(*(_ask(served, texts, each, seed, statuses) for seed in range(clients)))
        await asyncio.sleep(1)  # until connections that were left are closed
        seen.append(Seen(process.memory_info().rss / 1e6, process.num_fds(), process.num_threads()))
        print(f"| {sum(statuses.values())} | {seen[-1].memory:.0f} | {seen[-1].files} | {seen[-1].threads} |", flush=True)
    print(f"\nstatuses (499: did not wait for its answer): {dict(sorted(statuses.items()))}")
    _judge(seen, statuses)


def _judge(seen: list[Seen], statuses: Counter[int]) -> None:
    growth = seen[-1].memory / seen[0].memory - 1
    earlier = seen[: len(seen) // 2]
    print(f"memory after the first tenth: {growth:+.1%}")
    if growth >= MOST_GROWTH:
        sys.exit("memory grows")
    if seen[-1].files > max(s.files for s in earlier) or seen[-1].threads > max(s.threads for s in earlier):
        sys.exit("open files or threads grow")
    if set(statuses) - EXPECTED:
        sys.exit("an answer that should not be")


async def _ask(served: Served, texts: list[str], count: int, seed: int, statuses: Counter[int]) -> None:
    """Of twenty requests: fifteen of a review or a few, a stream, one of another server's, one too large, one broken, one that does
    not wait for its answer."""
    client, chance = Client(served.port), random.Random(seed + 1000 * sum(statuses.values()))
    for _ in range(count):
        kind = chance.randrange(20)
        chosen = chance.choices(texts, k=chance.choice((1, 1, 1, 1, 2, 8)))
        if kind == 0:
            answer = await client.ask("/v1/classify", b'{"reviews": [{"text": 1}, {"' + chance.randbytes(50))
        elif kind == 1:
            answer = await client.ask("/v1/classify", classify_body(["x"] * 300))
        elif kind == 2:
            asking = asyncio.create_task(client.ask("/v1/classify", classify_body(chosen)))
            await asyncio.sleep(0.002)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            client.close()
            statuses[499] += 1
            continue
        elif kind == 3:
            answer = await client.ask("/predict", json.dumps({"inputs": [[text] for text in chosen]}).encode())
        elif kind == 4:
            lines = "".join(json.dumps({"text": text}) + "\n" for text in chosen)
            answer = await client.ask("/v1/classify/stream", lines.encode(), content_type="application/x-ndjson")
        else:
            answer = await client.ask("/v1/classify", classify_body(chosen, scores=kind < 8, redact=kind == 8))
        statuses[answer.status] += 1
    client.close()


if __name__ == "__main__":
    main()
