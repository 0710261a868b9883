"""Does a file that is scored keep requests waiting, and do requests keep the file from being scored?

python benchmarks/job.py [--rows 20000] [--seconds 20]

Then it waits for the job's end, result and report included, and asks for health meanwhile. The exit status is 1 where the job does not end well,
a request fails, or health is slow.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
import numpy as np
import psutil

from benchmarks.client import Answer, Client, classify_body
from benchmarks.probe import MOST_SECONDS, Health, ask_health
from benchmarks.served import Served, serving
from benchmarks.setting import describe, reviews
from benchmarks.verdict import Aim, judge
from model.predictor import Predictor

PAUSE = 0.05  # seconds a client waits before it asks again


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    texts = reviews(options.rows)
    describe(Predictor.load(), texts)
    table = "nr,text\n" + "".join(f'{n},"{text.replace(chr(34), chr(39))}"\n' for n, text in enumerate(texts))
    with TemporaryDirectory() as folder, serving(Path(folder), LOG_REQUESTS="false") as served:
        print("| clients | job | requests/s | p50 / p99, ms | other than 200 | rows/s of the job |\n|---|---|---|---|---|---|")
        failed = sum(_row(served, texts, clients, options.seconds, job=None) for clients in (1, 16, 64))
        began = time.perf_counter()
        sent = httpx.post(f"{served.url}/v1/jobs?name=reviews.csv", content=table.encode(), timeout=60)
        job = sent.json()["id"]
        failed += sum(_row(served, texts, clients, options.seconds, job=job) for clients in (0, 1, 16, 64))
        health, peak = _until_done(served, job)
        told = _told(served, job)
        well = [1000 * answer.seconds for answer in health if answer.status]
        print(f"\nthe job took {time.perf_counter() - began:.0f} s in all; memory of the service at most {peak:.0f} MB; ", end="")
        print(f"health while nothing else was asked: p50 / p99 / max {_marks(well, 50, 99, 100)} ms")
        p99 = float(np.percentile(well, 99)) if well else 0.0
        judge(
            [
                Aim(f"{options.rows} rows are done", f"{told['rows_done']}, {told['state']}", told["rows_done"] == options.rows),
                Aim("with a report, and no row in error", f"{told['row_errors']}", told["report"] and not told["row_errors"]),
                Aim("no request fails", f"{failed} do", not failed),
                Aim(f"health p99 within {1000 * MOST_SECONDS:.0f} ms", f"{p99:.1f} ms", p99 <= 1000 * MOST_SECONDS),
            ]
        )


def _until_done(served: Served, job: str) -> tuple[list[Health], float]:
    """Ask for health until a job is finished; also what memory the service held at most, in MB."""
    process, health, peak = psutil.Process(served.process.pid), list[Health](), 0.0
    while _told(served, job)["state"] in ("queued", "running"):
        health += asyncio.run(ask_health(served.port, 2))
        peak = max(peak, process.memory_info().rss / 1e6)
    return health, peak


def _row(served: Served, texts: list[str], clients: int, seconds: float, *, job: str | None) -> int:
    """Print a line; how many requests failed."""
    before = _rows_done(served, job)
    answers = asyncio.run(_ask(served, texts, clients, seconds))
    rows = (_rows_done(served, job) - before) / seconds
    good = [1000 * answer.seconds for answer in answers if answer.status == 200]
    told = f"{rows:.0f}" if job else "–"
    print(
        f"| {clients} | {'yes' if job else 'no'} | {len(good) / seconds:.0f} | {_marks(good, 50, 99)} | {len(answers) - len(good)} | {told} |",
        flush=True,
    )
    return len(answers) - len(good)


def _marks(milliseconds: list[float], *percentiles: int) -> str:
    return " / ".join(f"{mark:.1f}" for mark in np.percentile(milliseconds, percentiles)) if milliseconds else "–"


def _rows_done(served: Served, job: str | None) -> int:
    return int(_told(served, job)["rows_done"]) if job else 0


def _told(served: Served, job: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{served.url}/v1/jobs/{job}", timeout=60).json()
    return found


async def _ask(served: Served, texts: list[str], clients: int, seconds: float) -> list[Answer]:
    end = time.perf_counter() + seconds

    async def one(number: int) -> list[Answer]:
        client, answers = Client(served.port), []
        while time.perf_counter() < end:
            answers.append(await client.ask("/v1/classify", classify_body([texts[(number + 7919 * len(answers)) % len(texts)]])))
            await asyncio.sleep(PAUSE)
        client.close()
        return answers

    await asyncio.sleep(0 if clients else seconds)
    return [answer for answers in await asyncio.gather(*map(one, range(clients))) for answer in answers]


if __name__ == "__main__":
    main()
