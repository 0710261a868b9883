"""Requests a second of the running service beside other servers, one review a request, under more and more clients at once.

    python -m venv peers && peers/bin/pip install torch==2.13.0
    peers/bin/pip install torch==2.13.0 -r benchmarks/peers/requirements.txt
    python benchmarks/serving.py --trained runs/retrain/trained --peers peers/bin [--seconds 15] [--clients 1 8 32 128]

`--alone` leaves the others out, and needs neither of the two. `--trained` is the transformers folder of the network (`training retrain` leaves it in its `--work`). infinity and the pipeline run
its encoder in float32, infinity through optimum and onnxruntime; LitServe runs the bundle's own ONNX file.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from benchmarks.client import Answer, Client, classify_body  # noqa: E402
from benchmarks.setting import describe, reviews  # noqa: E402
from model.bundle import DEFAULT_BUNDLE  # noqa: E402
from model.predictor import Predictor  # noqa: E402

PEERS = Path(__file__).with_name("peers")
MARKS = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"}
START_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """How a server is started (`PORT` stands for its port), where, and how it is asked."""

    name: str
    command: list[str]
    folder: Path
    path: str
    bodies: list[bytes]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--alone", action="store_true", help="measure Snaar only")
    parser.add_argument("--trained", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 128])
    options = parser.parse_args()
    if not options.alone and not (options.trained and options.peers):
        parser.error("give --trained and --peers, or --alone")
    predictor = Predictor.load(options.bundle)
    texts = reviews(2000)
    describe(predictor, texts)
    started, used = time.perf_counter(), time.process_time()
    list(predictor.stream(texts))
    taken, used = time.perf_counter() - started, time.process_time() - used
    print(
        f"in process, for comparison: {len(texts) / taken:.0f} reviews/s, {1000 * used / len(texts):.2f} ms of processor time each\n"
    )
    print(
        "| server | clients | requests/s | p50 / p99, ms | errors | processor time a request, ms: server / client |\n|---|---|---|---|---|---|"
    )
    with TemporaryDirectory() as made:
        servers = [_snaar(options.bundle, Path(made), texts)]
        if not options.alone:
            folder = for_peers(options.trained, Path(made) / "trained", options.peers)
            servers += _others(options.bundle, folder, options.peers, texts)
        for server in servers:
            with _running(server, Path(made)) as (port, process):
                for clients in options.clients:
                    before = _processor_seconds(process), time.process_time()
                    answers = asyncio.run(_ask(server, port, clients, options.seconds))
                    spent = _processor_seconds(process) - before[0], time.process_time() - before[1]
                    print(_row(server, clients, answers, options.seconds, spent), flush=True)


def _snaar(bundle: Path, folder: Path, texts: list[str]) -> Server:
    start = [sys.executable, "-c", "from service.cli import main; main()", "serve"]
    command = [*start, "--bundle", str(bundle.absolute()), "--port", "PORT"]
    return Server("Snaar", command, folder, "/v1/classify", [classify_body([text]) for text in texts])


def _others(bundle: Path, folder: Path, peers: Path, texts: list[str]) -> list[Server]:
    python = str(peers.absolute() / "python")
    # infinity finds the ONNX file of a local model only in the folder it runs in
    infinity = [
        str(peers.absolute() / "infinity_emb"), "v2", "--model-id", ".", "--served-model-name", "peer", "--engine", "optimum",
        "--device", "cpu", "--port", "PORT", "--no-model-warmup", "--log-level", "error",
    ]  # fmt: skip
    asked = [json.dumps({"model": "peer", "input": [text]}).encode() for text in texts]
    return [
        Server("infinity, optimum", infinity, folder, "/classify", asked),
        Server(
            "LitServe, our ONNX file", [python, str(PEERS / "lit.py"), str(bundle.absolute()), "PORT"], folder, "/classify", asked
        ),
        Server("FastAPI + pipeline", [python, str(PEERS / "plain.py"), str(folder), "PORT"], folder, "/classify", asked),
    ]


def for_peers(trained: Path, folder: Path, peers: Path) -> Path:
    """The network as transformers 4 reads it, with the ONNX file optimum makes of it."""
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        shutil.copy(trained / name, folder / name)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512, **MARKS}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    command = [str(peers / "optimum-cli"), "export", "onnx", "--model", str(folder), "--task", "text-classification", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@contextmanager
def _running(server: Server, folder: Path) -> Iterator[tuple[int, int]]:
    """A server's port and process, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    away = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"}
    settings = {**os.environ, **away, "PYTHONPATH": str(ROOT), "SNAAR_LOG_REQUESTS": "false", "SNAAR_JOBS": "false"}
    command = [str(port) if part == "PORT" else part for part in server.command]
    with (folder / "output.txt").open("wb") as out:
        process = subprocess.Popen(command, env=settings, cwd=server.folder, stdout=out, stderr=out)
        try:
            asyncio.run(_until_up(server, port, process, folder))
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(30)


async def _until_up(server: Server, port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    until = time.monotonic() + START_SECONDS
    client = Client(port)
    while (await client.ask(server.path, server.bodies[0])).status != 200:
        if process.poll() is not None or time.monotonic() > until:
            sys.exit(f"{server.name} does not come up:\n{(folder / 'output.txt').read_text()[-2000:]}")
        await asyncio.sleep(0.1)
    client.close()


async def _ask(server: Server, port: int, clients: int, seconds: float) -> list[Answer]:
    """Every client asks, waits for the answer and asks again."""
    until = time.monotonic() + seconds

    async def one(number: int) -> list[Answer]:
        client, answers, turn = Client(port), [], number
        while time.monotonic() < until:
            answers.append(await client.ask(server.path, server.bodies[turn % len(server.bodies)]))
            turn += clients
        client.close()
        return answers

    return [answer for answers in await asyncio.gather(*map(one, range(clients))) for answer in answers]


def _processor_seconds(process: int) -> float:
    """What a process and those it started have used so far."""
    whole = 0.0
    for task in Path(f"/proc/{process}/task").iterdir():
        whole += sum(_processor_seconds(int(child)) for child in (task / "children").read_text().split())
    used = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]  # user and system time, in ticks
    return whole + sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


def _row(server: Server, clients: int, answers: list[Answer], seconds: float, spent: tuple[float, float]) -> str:
    good = [1000 * answer.seconds for answer in answers if answer.status == 200]
    middle, late = np.percentile(good, [50, 99]) if good else (float("nan"), float("nan"))
    rate = len(good) / seconds
    server_ms, client_ms = (1000 * part / max(len(answers), 1) for part in spent)
    told = f"| {server.name} | {clients} | {rate:.0f} | {middle:.0f} / {late:.0f} | {len(answers) - len(good)} |"
    return f"{told} {server_ms:.2f} / {client_ms:.2f} |"


if __name__ == "__main__":
    main()
