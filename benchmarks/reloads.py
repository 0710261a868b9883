"""A hundred new bundles while requests go on: none may fail, and every answer names a bundle that there was.

python benchmarks/reloads.py [--reloads 100]

The exit status is 1 where a reload or a request failed, an answer names a bundle there never was, or memory still grows in the second half.
"""

import argparse
import asyncio
import json
import shutil
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import psutil

from benchmarks.client import Client, classify_body
from benchmarks.served import Served, serving
from benchmarks.verdict import Aim, judge
from model.bundle import DEFAULT_BUNDLE, Bundle, write_manifest

CLIENTS = 4
MOST_GROWTH = 0.05


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--reloads", type=int, default=100)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        names = {}
        for number in range(3):
            made = Path(shutil.copytree(DEFAULT_BUNDLE, Path(folder) / f"bundle-{number}"))
            write_manifest(made, replace(Bundle.open(made).manifest, version=f"0.1.{number}"))
            names[Bundle.open(made).sha256] = made.name
        with serving(
            Path(folder), "--bundle", str(Path(folder) / "bundle-0"), LOG_REQUESTS="false", CANARY_SECONDS="2"
        ) as served:
            judge(asyncio.run(_run(served, names, options.reloads)))


async def _run(served: Served, names: dict[str, str], reloads: int) -> list[Aim]:
    process = psutil.Process(served.process.pid)
    stop, seen, statuses = asyncio.Event(), Counter[str](), Counter[int]()

    async def keep_asking(number: int) -> None:
        client = Client(served.port)
        while not stop.is_set():
            answer = await client.ask("/v1/classify", classify_body([f"Na {number} weken nog niets gehoord."]))
            statuses[answer.status] += 1
            if answer.status == 200:
                seen[names.get(json.loads(answer.body)["model"]["sha256"], "UNKNOWN")] += 1
        client.close()

    asking = [asyncio.create_task(keep_asking(number)) for number in range(CLIENTS)]
    admin, taken, memory = Client(served.port), [], []
    done: Counter[int] = Counter()
    for number in range(reloads):
        began = time.perf_counter()
        answer = await admin.ask("/v1/admin/reload", json.dumps({"bundle": f"bundle-{number % 3}"}).encode())
        taken.append(time.perf_counter() - began)
        done[answer.status] += 1
        memory.append(process.memory_info().rss / 1e6)
    stop.set()
    await asyncio.gather(*asking)
    print(f"reloads: {dict(done)}; seconds p50 / max: {np.median(taken):.2f} / {max(taken):.2f}")
    print(f"requests meanwhile: {dict(statuses)}; answered by {dict(seen)}")
    middle = len(memory) // 2
    highest, later = max(memory[:middle]), max(memory[middle:])
    print(f"memory, MB: first {memory[0]:.0f}, half-way {highest:.0f} at most, then {later:.0f} at most")
    return [
        Aim(f"{reloads} reloads done", f"{done[200]}", done[200] == reloads),
        Aim("no request failed", f"{sum(statuses.values()) - statuses[200]} of {sum(statuses.values())}", set(statuses) == {200}),
        Aim("every answer names a bundle there was", f"{seen['UNKNOWN']} do not", not seen["UNKNOWN"]),
        Aim(
            f"memory grows by less than {MOST_GROWTH:.0%} in the second half",
            f"{later / highest - 1:+.1%}",
            later < (1 + MOST_GROWTH) * highest,
        ),
    ]


if __name__ == "__main__":
    main()
