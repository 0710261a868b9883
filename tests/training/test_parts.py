"""A network between two products whose GELU has one channel that goes far."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from model.encode import Window
from training.errors import GateError
from training.quantise import quantise

WIDTH, BETWEEN, WORDS = 32, 512, 200


def test_a_channel_that_goes_far_costs_the_others_no_precision(tmp_path: Path) -> None:
    window = Window(np.arange(WORDS), np.array([0]), np.array([0]))
    _save(tmp_path / "float.onnx", far=15.0)
    quantise(tmp_path / "float.onnx", tmp_path / "int8.onnx", examples=[window], smallest=100)
    assert sum(node.op_type == "QuantizeLinear" for node in onnx.load(tmp_path / "int8.onnx").graph.node) == 2
    exact, found = (_rows(tmp_path / name, window) for name in ("float.onnx", "int8.onnx"))
    assert exact.std() > 0.5
    assert np.sqrt(((found - exact) ** 2).mean()) < 0.03 * exact.std()


def test_a_bias_may_stand_before_the_product(tmp_path: Path) -> None:
    window = Window(np.arange(WORDS), np.array([0]), np.array([0]))
    _save(tmp_path / "float.onnx", far=1.0)
    model = onnx.load(tmp_path / "float.onnx")
    [gelu] = [node for node in model.graph.node if node.op_type == "BiasGelu"]
    gelu.CopyFrom(helper.make_node("Add", ["bias", "wide"], ["gelu"]))
    onnx.save(model, tmp_path / "float.onnx")
    quantise(tmp_path / "float.onnx", tmp_path / "int8.onnx", examples=[window], smallest=100)
    exact, found = (_rows(tmp_path / name, window) for name in ("float.onnx", "int8.onnx"))
    assert np.sqrt(((found - exact) ** 2).mean()) < 0.03 * exact.std()


def test_a_network_that_ran_away_is_refused(tmp_path: Path) -> None:
    _save(tmp_path / "float.onnx", far=np.nan)
    with pytest.raises(GateError, match="training ran away"):
        quantise(
            tmp_path / "float.onnx",
            tmp_path / "int8.onnx",
            examples=[Window(np.arange(9), np.array([0]), np.array([0]))],
            smallest=100,
        )


def _save(path: Path, *, far: float) -> None:
    """Words → normalised → one product → GELU, whose first channel is `far` times the others → one product."""
    chance = np.random.default_rng(0)
    into, out_of = chance.normal(0, WIDTH**-0.5, (WIDTH, BETWEEN)), chance.normal(0, 1, (BETWEEN, WIDTH))
    into[:, 0] *= far
    out_of[0] /= far
    constants = {
        "table": chance.normal(0, 1, (WORDS, WIDTH)), "ones": np.ones(WIDTH), "zeros": np.zeros(WIDTH),
        "into": into, "bias": chance.normal(0, 0.1, BETWEEN), "out_of": out_of,
    }  # fmt: skip
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Reshape", ["words", "shape"], ["rows"]),
        helper.make_node("LayerNormalization", ["rows", "ones", "zeros"], ["normal"]),
        helper.make_node("MatMul", ["normal", "into"], ["wide"]),
        helper.make_node("BiasGelu", ["wide", "bias"], ["gelu"], domain="com.microsoft"),
        helper.make_node("MatMul", ["gelu", "out_of"], ["logits"]),
        helper.make_node("Identity", ["starts"], ["read"]),
    ]
    graph = helper.make_graph(
        nodes, "parts",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, None]), helper.make_tensor_value_info("starts", TensorProto.INT64, [None])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [None, WIDTH]), helper.make_tensor_value_info("read", TensorProto.INT64, [None])],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in constants.items()]
        + [numpy_helper.from_array(np.array([-1, WIDTH]), "shape")],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)


def _rows(path: Path, window: Window) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"input_ids": window.ids[None], "starts": window.starts})[0]
