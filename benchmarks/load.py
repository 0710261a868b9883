"""Twice what the service can take: what is accepted comes in time, the rest is refused, and health answers meanwhile.

python benchmarks/load.py [--seconds 60] [--clients 256] [--workers 1]

Health is asked by a process of its own that goes before all else (benchmarks/probe.py): these clients are late themselves. Beside it stands how
late the service says its event loop is. With --workers 2 one worker is killed half-way: only what it was reading may be lost, so only
connections to it may break, and that is the aim. The exit status is 1 where an aim is missed.
"""

import argparse
import asyncio
import re
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import psutil

from benchmarks.client import Answer, Client, classify_body
from benchmarks.probe import MOST_SECONDS, Health, ask_health
from benchmarks.served import Served, serving
from benchmarks.setting import describe, reviews
from benchmarks.verdict import Aim, judge
from model.predictor import Predictor

DEADLINE = 30  # the service's own, SNAAR_TIMEOUT
LEAST_SHARE = 0.80


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
        judge(asyncio.run(_run(served, bodies, options)))


async def _run(served: Served, bodies: list[bytes], options: argparse.Namespace) -> list[Aim]:
    await _closed(served, bodies, clients=32, seconds=3)  # warm up
    seconds = max(5, options.seconds / 4)
    saturated = await _closed(served, bodies, clients=32, seconds=seconds)
    rate = sum(answer.status == 200 for answer in saturated) / seconds
    print(f"saturation (32 clients that wait for their answer): {rate:.0f} requests/s, ", end="")
    print(f"p50 / p99 {_marks([answer.seconds for answer in saturated], 50, 99)} ms")
    late_before = await _late(served)
    probing = asyncio.create_task(ask_health(served.port, options.seconds))
    killing = asyncio.create_task(_kill_one(served, options.seconds / 2)) if options.workers > 1 else None
    answers = await _open(served, bodies, clients=options.clients, rate=2 * rate, seconds=options.seconds)
    health, held = await probing, await killing if killing else set()
    print(f"\n| {options.clients} clients at twice that, {options.seconds:g} s | |\n|---|---|")
    aims = [*_requests(answers, held, rate=rate, seconds=options.seconds), _health(health, (await _late(served)) - late_before)]
    if not killing:
        return aims
    print(f"| connections the killed worker held | {len(held)} |")
    return aims[:2]  # another one loads meanwhile: how fast it is then is no aim


def _requests(answers: list[Answer], held: set[int], *, rate: float, seconds: float) -> list[Aim]:
    """Print what came of the requests; `held` are the connections of a worker that was killed."""
    accepted = [answer.seconds for answer in answers if answer.status == 200]
    refused = [answer.seconds for answer in answers if answer.status == 429]
    share, slowest = len(accepted) / seconds / rate, max(accepted, default=0)
    other = {answer.status for answer in answers} - {200, 429, 0}
    broken = [answer.connection for answer in answers if answer.status == 0]
    lost = [connection for connection in broken if connection not in held]
    print(f"| asked | {len(answers) / seconds:.0f} requests/s |")
    print(f"| accepted | {len(accepted) / seconds:.0f} requests/s, {share:.0%} of saturation |")
    print(f"| accepted: p50 / p99 / max | {_marks(accepted, 50, 99, 100)} ms |")
    print(f"| refused: p50 / p99 | {_marks(refused, 50, 99)} ms |")
    print(f"| statuses (0: connection broken) | {dict(Counter(answer.status for answer in answers))} |")
    wrong = f"others {sorted(other)}; {len(broken)} connections broken, {len(lost)} of them not of a killed worker"
    return [
        Aim("every request is answered with 200 or 429", wrong, not other and not lost),
        Aim(f"what is accepted is answered within {DEADLINE} s", f"{slowest:.2f} s", 0 < slowest < DEADLINE),
        Aim(f"at least {LEAST_SHARE:.0%} of saturation", f"{share:.0%}", share >= LEAST_SHARE),
    ]


def _health(health: list[Health], late: Counter[str]) -> Aim:
    """Print what came of the questions after health; `late` is what the service tells of itself."""
    well = [answer.seconds for answer in health if answer.status]
    marks = ", ".join(f"{count} up to {mark} s" for mark, count in late.items())
    print(f"| health/ready, asked {len(health)} times: p50 / p99 / max | {_marks(well, 50, 99, 100)} ms |")
    print(f"| who asked was late itself: p50 / p99 / max | {_marks([answer.late for answer in health], 50, 99, 100)} ms |")
    print(f"| the event loop late, as the service tells | {marks} |")
    print(f"| health statuses | {dict(Counter(answer.status for answer in health))} |")
    p99 = float(np.percentile(well, 99))
    return Aim(f"health p99 within {1000 * MOST_SECONDS:.0f} ms", f"{1000 * p99:.1f} ms", p99 <= MOST_SECONDS)


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


async def _late(served: Served) -> Counter[str]:
    """How often the event loop was late, by the buckets of `snaar_loop_late_seconds`, in seconds."""
    client = Client(served.port)
    page = (await client.ask("/metrics")).body.decode()
    client.close()
    up_to = [
        (mark, int(float(count))) for mark, count in re.findall(r'snaar_loop_late_seconds_bucket{.*?le="(.*?)".*?} (\S+)', page)
    ]
    below = [0, *(count for _, count in up_to)]
    return Counter({mark: count - less for (mark, count), less in zip(up_to, below, strict=False)})


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
