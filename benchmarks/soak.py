"""Many requests of every kind: does the service grow, in memory, in open files, in threads?

python benchmarks/soak.py [--requests 100000] [--clients 8]
"""

import argparse
import asyncio
import random
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import psutil

from benchmarks.client import Client, classify_body
from benchmarks.served import Served, serving
from benchmarks.setting import reviews

LINES = 10


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
    for _ in range(LINES):
        each = requests // LINES // clients
        await asyncio.gather(*(_ask(served, texts, each, seed, statuses) for seed in range(clients)))
        memory = process.memory_info().rss / 1e6
        print(f"| {sum(statuses.values())} | {memory:.0f} | {process.num_fds()} | {process.num_threads()} |", flush=True)
    print(f"\nstatuses: {dict(sorted(statuses.items()))}")


async def _ask(served: Served, texts: list[str], count: int, seed: int, statuses: Counter[int]) -> None:
    """Of twenty requests: seventeen of a review or a few, one too large, one broken, one that does not wait for its answer."""
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
        else:
            answer = await client.ask("/v1/classify", classify_body(chosen, scores=kind < 6, redact=kind == 7))
        statuses[answer.status] += 1
    client.close()


if __name__ == "__main__":
    main()
