"""The machine's own limit: the matrix products of one layer run back to back, and the share of it the Predictor reaches.

python benchmarks/limit.py [--reviews 1000]
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.setting import describe, reviews
from model.bundle import DEFAULT_BUNDLE
from model.predictor import Predictor

TOKENS, REPEATS = 2048, 20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--reviews", type=int, default=1000)
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    options = parser.parse_args()
    predictor = Predictor.load(options.bundle)
    texts = reviews(options.reviews)
    describe(predictor, texts)
    graph = onnx.load(predictor.bundle.path("model.onnx")).graph
    matrices = [tensor for tensor in graph.initializer if tensor.name.endswith("_weight") and tensor.name.startswith("q")]
    shapes = [tuple(matrix.dims) for matrix in matrices if min(matrix.dims) > 100]
    work = sum(rows * columns for rows, columns in shapes)  # multiply-adds a token
    print(f"{work / 1e6:.1f} million multiply-adds a token in {len(shapes)} products (attention itself not counted)\n")
    limits = {kind: _tokens_a_second(shapes, kind) for kind in ("int8", "float32")}
    started = time.perf_counter()
    tokens = sum(result.tokens for result in predictor.stream(texts))
    reached = tokens / (time.perf_counter() - started)
    print("| what | tokens/s | share of the int8 limit |\n|---|---|---|")
    for name, rate in (
        ("int8 products alone", limits["int8"]),
        ("float32 products alone", limits["float32"]),
        ("Predictor, end to end", reached),
    ):
        print(f"| {name} | {rate:.0f} | {rate / limits['int8']:.0%} |")


def _tokens_a_second(shapes: list[tuple[int, ...]], kind: str) -> float:
    """All products of the network on a batch of `TOKENS` rows, each from its own input."""
    nodes, weights, inputs = [], [], {}
    for number, (rows, columns) in enumerate(shapes):
        source = f"in{rows}"
        if kind == "int8":
            inputs[source] = np.random.default_rng(0).integers(0, 255, (TOKENS, rows), dtype=np.uint8)
            weights.append(numpy_helper.from_array(np.ones((rows, columns), np.int8), f"w{number}"))
            nodes.append(helper.make_node("MatMulInteger", [source, f"w{number}", "zero"], [f"out{number}"]))
        else:
            inputs[source] = np.ones((TOKENS, rows), np.float32)
            weights.append(numpy_helper.from_array(np.ones((rows, columns), np.float32), f"w{number}"))
            nodes.append(helper.make_node("MatMul", [source, f"w{number}"], [f"out{number}"]))
    if kind == "int8":
        weights.append(numpy_helper.from_array(np.array(128, np.uint8), "zero"))
    types = (TensorProto.UINT8, TensorProto.INT32) if kind == "int8" else (TensorProto.FLOAT, TensorProto.FLOAT)
    made = helper.make_graph(
        nodes, "limit",
        [helper.make_tensor_value_info(name, types[0], list(value.shape)) for name, value in inputs.items()],
        [helper.make_tensor_value_info(f"out{n}", types[1], [TOKENS, c]) for n, (_, c) in enumerate(shapes)],
        weights,
    )  # fmt: skip
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        session.run(None, inputs)
        taken.append(time.perf_counter() - started)
    return TOKENS / float(np.median(taken))


if __name__ == "__main__":
    main()
