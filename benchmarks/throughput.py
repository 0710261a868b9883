"""Reviews a second of the Predictor against other ways to run the same network, interleaved in one run.

    python benchmarks/throughput.py [--reviews 2000] [--rounds 3] [--trained FOLDER] [--peers peers/bin]

`--trained` is a transformers folder of the network (`runs/retrain/trained`); without it the peers run the encoder of
`training/base` with a fresh head: the same shapes, so the same speed. `--peers` is an environment made as `benchmarks/serving.py` says; with it optimum takes part.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from onnx import TensorProto  # noqa: E402
from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: E402
from transformers import AutoTokenizer, pipeline  # noqa: E402

from benchmarks.serving import PEERS, for_peers  # noqa: E402
from benchmarks.setting import describe, reviews  # noqa: E402
from model.bundle import DEFAULT_BUNDLE  # noqa: E402
from model.infer import Network  # noqa: E402
from model.predictor import Predictor  # noqa: E402
from training.lengths import for_any_lengths  # noqa: E402
from training.network import export_network  # noqa: E402
from training.train import load_classifier  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--reviews", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trained", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    options = parser.parse_args()
    predictor = Predictor.load(options.bundle)
    texts = reviews(options.reviews)
    describe(predictor, texts)
    with TemporaryDirectory() as made:
        folder = options.trained or _fresh(predictor, Path(made) / "trained")
        export_network(folder, Path(made) / "float32.onnx", wide=None)
        quantize_dynamic(
            Path(made) / "float32.onnx",
            Path(made) / "dynamic.onnx",
            weight_type=QuantType.QInt8,
            extra_options={"DefaultTensorType": TensorProto.FLOAT},
        )
        exact, dynamic = (_read_with(predictor, Path(made) / f"{name}.onnx") for name in ("float32", "dynamic"))
        classify = pipeline("text-classification", model=str(folder), top_k=None, device="cpu", dtype=torch.float32)
        ways: dict[str, Callable[[], Any]] = {
            "Snaar Predictor (int8)": lambda: list(predictor.stream(texts)),
            "Predictor, float32 network": lambda: list(exact.stream(texts)),
            "Predictor, onnxruntime dynamic int8 (not invariant)": lambda: list(dynamic.stream(texts)),
            "transformers pipeline, torch float32, batch 32": lambda: classify(texts, batch_size=32, truncation=True),
        }
        if options.peers:
            ways["optimum pipeline, onnxruntime float32, batch 32"] = _optimum(folder, Path(made) / "peers", options.peers, texts)
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, way in ways.items():
                started = time.perf_counter()
                told = way()  # a way in another process tells its own seconds
                times[name].append(told if isinstance(told, float) else time.perf_counter() - started)
    print("| way | reviews/s | Snaar is × as fast (median of rounds, min–max) |\n|---|---|---|")
    ours = np.array(next(iter(times.values())))
    for name, taken in times.items():
        ratios = np.array(taken) / ours
        print(
            f"| {name} | {options.reviews / np.median(taken):.0f} | {np.median(ratios):.2f} ({ratios.min():.2f}–{ratios.max():.2f}) |"
        )


def _read_with(predictor: Predictor, network: Path) -> Predictor:
    """The Predictor with another network, which reads the windows of a length together, as batches without padding."""
    for_any_lengths(network, network.with_suffix(".any.onnx"), examples=[])
    return replace(predictor, network=Network.load(network.with_suffix(".any.onnx")))


def _optimum(trained: Path, folder: Path, peers: Path, texts: list[str]) -> Callable[[], float]:
    """Starts the peer; it ends with this process, when its standard input does."""
    command = [str(peers / "python"), str(PEERS / "optimum_pipeline.py"), str(for_peers(trained, folder, peers))]
    peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert peer.stdin is not None and peer.stdout is not None
    asked, told = peer.stdin, peer.stdout

    def run() -> float:
        print("go", file=asked, flush=True)
        return float(told.readline())

    print(json.dumps(texts), file=asked, flush=True)
    run()  # what it loads, it loads now
    return run


def _fresh(predictor: Predictor, folder: Path) -> Path:
    load_classifier(ROOT / "training" / "base", predictor.taxonomy, dropout=0.0).save_pretrained(folder)
    AutoTokenizer.from_pretrained(ROOT / "training" / "base").save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
