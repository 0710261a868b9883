"""int8 that does not look at the neighbours: activations are quantised row by row, weights column by column.

Dynamic quantisation as onnxruntime does it takes one activation scale for the whole tensor, so a text's scores move
with whatever shares its batch. Here every row (one token) has its own scale: its largest magnitude. The product of the
integers is exact, so a token's result depends on that token alone. QuantizeLinear and MatMulIntegerToFloat (an operator
of onnxruntime's own) do in one pass each what would take two. The products of the graph read rows (`training/rows.py`).
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

RUNTIME = "com.microsoft"  # the domain of onnxruntime's own operators

GELU_LOWEST, GELU_ZERO = 0.17, 32  # GELU never gives less: most of the whole numbers are for what is above zero
SMALLEST_WEIGHT = 4096  # smaller matrices stay in float: they cost nothing


def quantise(source: Path, target: Path, *, smallest: int = SMALLEST_WEIGHT) -> int:
    """Rewrite every product with a constant matrix, and every large embedding table; returns how many were rewritten."""
    model = onnx.load(source)
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    rewriter = _Rewriter(graph.node)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        found = _weight(node, constants)
        if found is not None and found.size >= smallest and node.op_type in {"MatMul", "Gemm"}:
            bias = node.input[2] if node.op_type == "Gemm" and len(node.input) > 2 else None
            nodes += rewriter.product(node, found, bias)
        elif (
            node.op_type == "Gather"
            and node.input[0] in constants
            and constants[node.input[0]].data_type == onnx.TensorProto.FLOAT
            and len(constants[node.input[0]].dims) == 2
            and np.prod(constants[node.input[0]].dims) > 10**5
        ):
            nodes += rewriter.table(node, numpy_helper.to_array(constants[node.input[0]]))
        else:
            nodes.append(node)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *rewriter.initializers])
    if RUNTIME not in {opset.domain for opset in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(RUNTIME, 1))
    onnx.checker.check_model(model)
    onnx.save(model, target)
    return rewriter.count


def _weight(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> np.ndarray | None:
    """The constant right-hand matrix of a product, (inputs, outputs) float32, or None."""
    if len(node.input) < 2 or node.input[1] not in constants or len(constants[node.input[1]].dims) != 2:
        return None
    matrix = numpy_helper.to_array(constants[node.input[1]]).astype(np.float32)
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return matrix.T if transposed else matrix


class _Rewriter:
    """Collects the new constants; activations that feed several products are quantised once."""

    def __init__(self, nodes: Iterable[onnx.NodeProto]) -> None:
        self.made_by: dict[str, str] = {}  # tensor → the operator it comes from
        self.picked: set[str] = {"starts"}  # tensors with a row a start; the others have one a token
        for node in nodes:
            self.made_by.update(dict.fromkeys(node.output, node.op_type))
            if self.picked.intersection(node.input):
                self.picked.update(node.output)
        self.initializers = [
            numpy_helper.from_array(np.array(1 / 127, dtype=np.float32), "row_step"),
            numpy_helper.from_array(np.array(128, dtype=np.uint8), "row_zero"),
            numpy_helper.from_array(np.array(1e-12, dtype=np.float32), "row_floor"),
            numpy_helper.from_array(np.array(1 / (255 - GELU_ZERO), dtype=np.float32), "gelu_step"),
            numpy_helper.from_array(np.array(GELU_ZERO, dtype=np.uint8), "gelu_zero"),
            numpy_helper.from_array(np.array(GELU_LOWEST * (255 - GELU_ZERO) / GELU_ZERO, dtype=np.float32), "gelu_floor"),
            numpy_helper.from_array(np.array([-1], dtype=np.int64), "last_axis"),
            numpy_helper.from_array(np.array(1, dtype=np.float32), "one"),
        ]
        self.rows: dict[str, str] = {}
        self.zeros: set[str] = set()
        self.count = 0

    def product(self, node: onnx.NodeProto, weight: np.ndarray, bias: str | None) -> list[onnx.NodeProto]:
        name = f"q{self.count}"
        self.count += 1
        steps = np.maximum(np.abs(weight).max(0), 1e-12) / 127
        whole = np.rint(weight / steps).astype(np.int8)
        self.initializers += [
            numpy_helper.from_array(whole, f"{name}_weight"),
            numpy_helper.from_array(steps.astype(np.float32), f"{name}_steps"),
        ]
        nodes, row, zero = self._row(node.input[0])
        ends_in = node.output[0] if bias is None else f"{name}_product"
        nodes += [
            helper.make_node(
                "MatMulIntegerToFloat",
                [f"{row}_whole", f"{name}_weight", "one", f"{name}_steps", zero],
                [f"{name}_columns"],
                domain=RUNTIME,
            ),
            helper.make_node("Mul", [f"{name}_columns", f"{row}_column"], [ends_in]),
        ]
        if bias is not None:
            nodes.append(helper.make_node("Add", [ends_in, bias], [node.output[0]]))
        return nodes

    def _row(self, activation: str) -> tuple[list[onnx.NodeProto], str, str]:
        """Quantise an activation row by row; the name its parts begin with, and that of its zero."""
        never_far_below_zero = self.made_by.get(activation) in {"Gelu", "BiasGelu"}
        kind = "gelu" if never_far_below_zero else "row"
        if activation in self.rows:
            return [], self.rows[activation], f"{kind}_zero"
        row = self.rows[activation] = f"row{len(self.rows)}"
        zeros = f"{kind}_zeros_{'picked' if activation in self.picked else 'all'}"
        size = [] if never_far_below_zero else [helper.make_node("Abs", [activation], [f"{row}_abs"])]
        return (
            [
                *size,
                helper.make_node(
                    "ReduceMax", [size[0].output[0] if size else activation, "last_axis"], [f"{row}_max"], keepdims=0
                ),
                helper.make_node("Max", [f"{row}_max", f"{kind}_floor"], [f"{row}_largest"]),
                helper.make_node("Mul", [f"{row}_largest", f"{kind}_step"], [f"{row}_scale"]),
                *self._zeros(f"{row}_scale", zeros, f"{kind}_zero"),
                helper.make_node("QuantizeLinear", [activation, f"{row}_scale", zeros], [f"{row}_whole"], axis=0),
                helper.make_node("Unsqueeze", [f"{row}_scale", "last_axis"], [f"{row}_column"]),
            ],
            row,
            f"{kind}_zero",
        )

    def _zeros(self, scale: str, zeros: str, zero: str) -> list[onnx.NodeProto]:
        """The zero of each row, as QuantizeLinear wants it: made once for all activations with as many rows."""
        if zeros in self.zeros:
            return []
        self.zeros.add(zeros)
        return [
            helper.make_node("Shape", [scale], [f"{zeros}_count"]),
            helper.make_node("Expand", [zero, f"{zeros}_count"], [zeros]),
        ]

    def table(self, node: onnx.NodeProto, values: np.ndarray) -> list[onnx.NodeProto]:
        """An embedding table in int8 with a scale for each row."""
        name = f"t{self.count}"
        self.count += 1
        steps = np.maximum(np.abs(values).max(1, keepdims=True), 1e-12).astype(np.float32) / 127
        self.initializers += [
            numpy_helper.from_array(np.rint(values / steps).astype(np.int8), f"{name}_table"),
            numpy_helper.from_array(steps.astype(np.float32), f"{name}_steps"),
        ]
        return [
            helper.make_node("Gather", [f"{name}_table", node.input[1]], [f"{name}_rows"]),
            helper.make_node("Gather", [f"{name}_steps", node.input[1]], [f"{name}_scale"]),
            helper.make_node("Cast", [f"{name}_rows"], [f"{name}_float"], to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_float", f"{name}_scale"], [node.output[0]]),
        ]
