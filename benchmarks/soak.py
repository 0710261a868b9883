"""Many requests of every kind: does the service grow, in memory, in open files, in threads?

python benchmarks/soak.py [--requests 100000] [--clients 8] [--minutes 60]

The first tenth is warm-up. After each tenth the service rests until threads nobody needs have ended, and is measured. The exit status is 1
where memory grows by 5 % or more after the first tenth, where open files or threads end higher than they were at most until half-way, where
anything but the expected was answered, or where the minutes were over before all was asked.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import psutil

from benchmarks.client import Client, classify_body
from benchmarks.served import Served, serving
from benchmarks.setting import reviews
from benchmarks.verdict import Aim, judge

LINES = 10
REST = 12.0  # seconds, of which the service keeps an idle thread ten
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
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    with TemporaryDirectory() as folder, serving(Path(folder), CANARY_SECONDS="5") as served:
        judge(asyncio.run(_run(served, options.requests, options.clients, end)))


async def _run(served: Served, requests: int, clients: int, end: float) -> list[Aim]:
    texts = reviews(4000)
    process = psutil.Process(served.process.pid)
    statuses: Counter[int] = Counter()
    print("| requests | memory, MB | open files | threads |\n|---|---|---|---|")
    seen: list[Seen] = []
    for line in range(LINES):
        each = requests * (line + 1) // LINES // clients - requests * line // LINES // clients
        await asyncio.gather(*(_ask(served, texts, each, seed, statuses, end) for seed in range(clients)))
        await asyncio.sleep(REST)
        await Client(served.port).ask("/metrics")  # threads that were idle for so long end when another is asked for
        seen.append(Seen(process.memory_info().rss / 1e6, process.num_fds(), process.num_threads()))
        print(f"| {sum(statuses.values())} | {seen[-1].memory:.0f} | {seen[-1].files} | {seen[-1].threads} |", flush=True)
        if time.monotonic() > end:
            break
    print(f"\nstatuses (499: did not wait for its answer): {dict(sorted(statuses.items()))}")
    return _aims(seen, statuses, requests - requests % (LINES * clients))


def _aims(seen: list[Seen], statuses: Counter[int], requests: int) -> list[Aim]:
    asked, growth = sum(statuses.values()), seen[-1].memory / seen[0].memory - 1
    earlier, last = seen[: max(1, len(seen) // 2)], seen[-1]
    files, threads = max(one.files for one in earlier), max(one.threads for one in earlier)
    other = set(statuses) - EXPECTED
    return [
        Aim(f"{requests} requests", str(asked), asked >= requests),
        Aim(f"memory grows by less than {MOST_GROWTH:.0%} after warm-up", f"{growth:+.1%}", growth < MOST_GROWTH),
        Aim(f"open files no more than until half-way, {files}", str(last.files), last.files <= files),
        Aim(f"threads no more than until half-way, {threads}", str(last.threads), last.threads <= threads),
        Aim(f"no status but {sorted(EXPECTED)}", f"others {sorted(other)}", not other),
    ]


async def _ask(served: Served, texts: list[str], count: int, seed: int, statuses: Counter[int], end: float) -> None:
    """Of twenty requests: fifteen of a review or a few, a stream, one of another server's, one too large, one broken, one that does
    not wait for its answer."""
    client, chance = Client(served.port), random.Random(seed + 1000 * sum(statuses.values()))
    for _ in range(count):
        if time.monotonic() > end:
            break
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
