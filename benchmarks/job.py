"""Does a file that is scored keep requests waiting, and do requests keep the file from being scored?

python benchmarks/job.py [--rows 20000] [--seconds 20]
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
import numpy as np

from benchmarks.client import Answer, Client, classify_body
from benchmarks.served import Served, serving
from benchmarks.setting import describe, reviews
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
        for clients in (1, 16, 64):
            _row(served, texts, clients, options.seconds, job=None)
        sent = httpx.post(f"{served.url}/v1/jobs?name=reviews.csv", content=table.encode(), timeout=60)
        job = sent.json()["id"]
        for clients in (0, 1, 16, 64):
            _row(served, texts, clients, options.seconds, job=job)


def _row(served: Served, texts: list[str], clients: int, seconds: float, *, job: str | None) -> None:
    before = _rows_done(served, job)
    answers = asyncio.run(_ask(served, texts, clients, seconds))
    rows = (_rows_done(served, job) - before) / seconds
    good = [1000 * answer.seconds for answer in answers if answer.status == 200]
    marks = " / ".join(f"{mark:.0f}" for mark in np.percentile(good, [50, 99])) if good else "–"
    told = f"{rows:.0f}" if job else "–"
    print(
        f"| {clients} | {'yes' if job else 'no'} | {len(good) / seconds:.0f} | {marks} | {len(answers) - len(good)} | {told} |",
        flush=True,
    )


def _rows_done(served: Served, job: str | None) -> int:
    return int(httpx.get(f"{served.url}/v1/jobs/{job}", timeout=60).json()["rows_done"]) if job else 0


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
