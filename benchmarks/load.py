"""Twice what the service can take: what is accepted comes in time, the rest is refused, and health answers meanwhile.

python benchmarks/load.py [--seconds 60] [--clients 256] [--workers 1]

With --workers 2 one worker is killed half-way: only what it was reading may be lost, so only connections to it may break. The exit
status is 1 where any other broke, or anything but 200 and 429 was answered.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import psutil

from benchmarks.client import Answer, Client, classify_body
from benchmarks.served import Served, serving
from benchmarks.setting import describe, reviews
from model.predictor import Predictor


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=256)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    texts = reviews(2000)
    describe(Predictor.load(), texts)
    bodies = [classify_body([text]) for text in texts]
    with (
        TemporaryDirectory() as folder,
        serving(Path(folder), "--workers", str(options.workers), LOG_REQUESTS="false", QUEUE_TOKENS="4096") as served,
    ):
        asyncio.run(_run(served, bodies, options))


async def _run(served: Served, bodies: list[bytes], options: argparse.Namespace) -> None:
    await _closed(served, bodies, clients=32, seconds=3)  # warm up
    saturated = await _closed(served, bodies, clients=32, seconds=max(5, options.seconds / 4))
    rate = sum(answer.status == 200 for answer in saturated) / max(5, options.seconds / 4)
    print(f"saturation (32 clients that wait for their answer): {rate:.0f} requests/s, ", end="")
    print(f"p50 / p99 {_marks([answer.seconds for answer in saturated], 50, 99)} ms")
    probing = asyncio.create_task(_probe(served, options.seconds))
    killing = asyncio.create_task(_kill_one(served, options.seconds / 2)) if options.workers > 1 else None
    answers = await _open(served, bodies, clients=options.clients, rate=2 * rate, seconds=options.seconds)
    health = await probing
    accepted = [answer.seconds for answer in answers if answer.status == 200]
    refused = [answer.seconds for answer in answers if answer.status == 429]
    print(f"\n| {options.clients} clients at twice that, {options.seconds:g} s | |\n|---|---|")
    print(f"| asked | {len(answers) / options.seconds:.0f} requests/s |")
    print(
        f"| accepted | {len(accepted) / options.seconds:.0f} requests/s, {len(accepted) / options.seconds / rate:.0%} of saturation |"
    )
    print(f"| accepted: p50 / p99 / max | {_marks(accepted, 50, 99, 100)} ms |")
    print(f"| refused: p50 / p99 | {_marks(refused, 50, 99)} ms |")
    print(f"| health/ready: p50 / p99 / max | {_marks([answer.seconds for answer in health], 50, 99, 100)} ms |")
    print(f"| statuses (0: connection broken) | {dict(Counter(answer.status for answer in answers))} |")
    print(f"| health statuses | {dict(Counter(answer.status for answer in health))} |")
    broken = [answer.connection for answer in [*answers, *health] if answer.status == 0]
    held = await killing if killing else set()
    elsewhere = [connection for connection in broken if connection not in held]
    if killing:
        print(
            f"| connections the killed worker held | {len(held)}; broken {len(broken)}, of which not its own {len(elsewhere)} |"
        )
    if elsewhere or {answer.status for answer in answers} - {200, 429, 0}:
        sys.exit("requests were lost that should not be")


async def _closed(served: Served, bodies: list[bytes], *, clients: int, seconds: float) -> list[Answer]:
    """Clients that ask again as soon as they are answered."""
    end = time.perf_counter() + seconds

    async def one(number: int) -> list[Answer]:
        client, answers = Client(served.port), []
        while time.perf_counter() < end:
            number += 1
            answers.append(await client.ask("/v1/classify", bodies[number * 7919 % len(bodies)]))
        client.close()
        return answers

    return [answer for answers in await asyncio.gather(*map(one, range(clients))) for answer in answers]


async def _open(served: Served, bodies: list[bytes], *, clients: int, rate: float, seconds: float) -> list[Answer]:
    """Clients that ask at their own pace, or as soon as they are answered where that is later."""
    start, pace = time.perf_counter(), clients / rate

    async def one(number: int) -> list[Answer]:
        client, answers = Client(served.port), []
        due = start + pace * number / clients
        while due < start + seconds and time.perf_counter() < start + seconds:
            await asyncio.sleep(max(0, due - time.perf_counter()))
            answers.append(await client.ask("/v1/classify", bodies[(number + len(answers) * 251) % len(bodies)]))
            due += pace
        client.close()
        return answers

    return [answer for answers in await asyncio.gather(*map(one, range(clients))) for answer in answers]


async def _probe(served: Served, seconds: float) -> list[Answer]:
    client, answers, end = Client(served.port), [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        answers.append(await client.ask("/health/ready"))
        await asyncio.sleep(0.05)
    client.close()
    return answers


async def _kill_one(served: Served, after: float) -> set[int]:
    """Kill a worker; the ports of the clients that were connected to it."""
    await asyncio.sleep(after)
    children = psutil.Process(served.process.pid).children()
    worker = next(child for child in children if "spawn_main" in " ".join(child.cmdline()))
    held = {line.raddr.port for line in worker.net_connections("tcp") if line.status == psutil.CONN_ESTABLISHED}
    worker.kill()
    return held


def _marks(seconds: list[float], *percentiles: int) -> str:
    return " / ".join(f"{1000 * mark:.1f}" for mark in np.percentile(seconds, percentiles)) if seconds else "–"


if __name__ == "__main__":
    main()
