"""Bodies that nobody should send: the service stays up, answers each with its table of errors, and gives its memory back.

python benchmarks/fuzz.py [--bodies 10000]

The exit status is 1 where one is answered with 5xx, breaks a connection without having been too large, leaves an error in the log that nobody
caught, or keeps its memory.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

import psutil

from benchmarks.client import Client, classify_body
from benchmarks.served import Served, serving
from benchmarks.verdict import Aim, judge

ADDRESSES = ("/v1/classify", "/predict", "/classify")
TYPES = (
    "application/json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/;;",
    "",
)
VALUES = (
    "null",
    "true",
    "1e999",
    "-0",
    "NaN",
    "Infinity",
    "9" * 5000,
    "1.5",
    '""',
    "[]",
    "{}",
    '"\\ud800"',
    '"\\u0000"',
    '"\U0001f600"',
)
MEGABYTES = (1, 7, 10, 40)
MOST_GROWTH = 0.05


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bodies", type=int, default=10_000)
    options = parser.parse_args()
    with TemporaryDirectory() as folder, serving(Path(folder), CANARY_SECONDS="2") as served:
        aims = asyncio.run(_run(served, options.bodies))
        errors = [line for line in served.output.read_text().splitlines() if '"error"' in line or "Traceback" in line]
        judge([*aims, Aim("no error in the log that nobody caught", f"{len(errors)} {errors[:3]}", not errors)])


async def _run(served: Served, bodies: int) -> list[Aim]:
    chance, client = random.Random(0), Client(served.port)
    process = psutil.Process(served.process.pid)
    statuses: Counter[str] = Counter()
    await client.ask("/v1/classify", classify_body(["Top!"] * 256))
    before = process.memory_info().rss / 1e6
    highest = before
    for number in range(bodies):
        kind = KINDS[number % len(KINDS)] if number % 500 else large
        answer = await client.ask(chance.choice(ADDRESSES), kind(chance), content_type=chance.choice(TYPES[:1] * 6 + TYPES))
        statuses[f"{kind.__name__} {answer.status}"] += 1
        highest = max(highest, process.memory_info().rss / 1e6)
    answer = await client.ask("/v1/classify", classify_body(["Top!"]))
    await asyncio.sleep(4)
    after = process.memory_info().rss / 1e6
    print("| body and status (0: connection closed) | times |\n|---|---|")
    for name, times in sorted(statuses.items()):
        print(f"| {name} | {times} |")
    print(
        f"\na good request afterwards: {answer.status}; memory, MB: {before:.0f} before, {highest:.0f} at most, {after:.0f} after"
    )
    failed = {name: times for name, times in statuses.items() if name.split()[1].startswith("5")}
    broken = {name: times for name, times in statuses.items() if name.split()[1] == "0" and not name.startswith("large")}
    return [
        Aim(f"{bodies} bodies, none answered with 5xx", f"{failed}", not failed),
        Aim("no connection broken, but by a body over the limit", f"{broken}", not broken),
        Aim("a good request is answered afterwards", str(answer.status), answer.status == 200),
        Aim(f"memory returns to within {MOST_GROWTH:.0%}", f"{after / before - 1:+.1%}", after < (1 + MOST_GROWTH) * before),
    ]


def random_bytes(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(400))


def broken_json(chance: random.Random) -> bytes:
    """A good body with some of its bytes changed, dropped or doubled."""
    body = bytearray(classify_body(["Weer een uur in de wacht. Café!"], lenses=["tier"], scores=True))
    for _ in range(chance.randrange(1, 6)):
        place = chance.randrange(len(body))
        body[place : place + chance.randrange(2)] = chance.randbytes(chance.randrange(3))
    return bytes(body)


def deep_json(chance: random.Random) -> bytes:
    depth = chance.choice((100, 10_000, 200_000))
    opened, closed = chance.choice((("[", "]"), ('{"a":', "}"), ('{"reviews":[', "]}")))
    return (opened * depth + "1" + closed * chance.choice((0, depth))).encode()


def wrong_types(chance: random.Random) -> bytes:
    value = chance.choice(VALUES)
    forms = ('{"reviews": %s}', '{"reviews": [%s]}', '{"reviews": [{"text": %s}]}', '{"reviews": [{"text": "x", "id": %s}]}',
             '{"reviews": [{"text": "x"}], "options": %s}', '{"reviews": [{"text": "x"}], "options": {"lenses": [%s]}}',
             '{"inputs": %s}', '{"inputs": [[%s]]}', '{"input": [%s]}', '{"input": ["x"], "model": %s}', "%s")  # fmt: skip
    return (chance.choice(forms) % value).encode()


def strange_text(chance: random.Random) -> bytes:
    """Well-formed bodies with texts of any characters, lone surrogates too."""
    text = "".join(
        chr(chance.choice((chance.randrange(0x250), chance.randrange(0x110000)))) for _ in range(chance.randrange(200))
    )
    form = chance.choice(
        ({"reviews": [{"text": text, "id": text[:9]}], "options": {"redact": True}}, {"inputs": text}, {"input": [text]})
    )
    return json.dumps(form).encode()


def large(chance: random.Random) -> bytes:
    """A string, numbers or brackets of megabytes."""
    size = chance.choice(MEGABYTES) * 10**6
    return chance.choice((b'{"reviews":[{"text":"' + b"a" * size + b'"}]}', b"[" + b"1," * (size // 2) + b"1]", b"[" * size))


KINDS: tuple[Callable[[random.Random], bytes], ...] = (random_bytes, broken_json, deep_json, wrong_types, strange_text)


if __name__ == "__main__":
    main()
