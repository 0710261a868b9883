"""int8 that does not look at the neighbours: activations are quantised row by row, weights column by column.

Dynamic quantisation as onnxruntime does it takes one activation scale for the whole tensor, so a text's scores move
with whatever shares its batch. Here every row (one token) has its own scale: its largest magnitude. The product of the
integers is exact, so a token's result depends on that token alone.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

SMALLEST_WEIGHT = 4096  # smaller matrices stay in float: they cost nothing


def quantise(source: Path, target: Path, *, smallest: int = SMALLEST_WEIGHT) -> int:
    """Rewrite every product with a constant matrix, and every large embedding table; returns how many were rewritten."""
    model = onnx.load(source)
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    rewriter = _Rewriter()
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

    def __init__(self) -> None:
        self.initializers = [
            numpy_helper.from_array(np.array(1 / 127, dtype=np.float32), "row_step"),
            numpy_helper.from_array(np.array(128, dtype=np.uint8), "row_zero"),
            numpy_helper.from_array(np.array(1e-12, dtype=np.float32), "row_floor"),
            numpy_helper.from_array(np.array([-1], dtype=np.int64), "last_axis"),
        ]
        self.rows: dict[str, tuple[str, str]] = {}
        self.count = 0

    def product(self, node: onnx.NodeProto, weight: np.ndarray, bias: str | None) -> list[onnx.NodeProto]:
        name = f"q{self.count}"
        self.count += 1
        steps = np.maximum(np.abs(weight).max(0), 1e-12) / 127
        whole = np.rint(weight / steps).astype(np.int8)
        self.initializers += [
            numpy_helper.from_array(whole, f"{name}_weight"),
            numpy_helper.from_array((steps / 127).astype(np.float32), f"{name}_steps"),
        ]
        nodes, (quantised, scale) = self._row(node.input[0])
        ends_in = node.output[0] if bias is None else f"{name}_product"
        nodes += [
            helper.make_node("MatMulInteger", [quantised, f"{name}_weight", "row_zero"], [f"{name}_whole"]),
            helper.make_node("Cast", [f"{name}_whole"], [f"{name}_float"], to=onnx.TensorProto.FLOAT),
            # two products, not one with a joint scale: onnxruntime would fuse that as if the row scale were a single number
            helper.make_node("Mul", [f"{name}_float", f"{name}_steps"], [f"{name}_columns"]),
            helper.make_node("Mul", [f"{name}_columns", scale], [ends_in]),
        ]
        if bias is not None:
            nodes.append(helper.make_node("Add", [ends_in, bias], [node.output[0]]))
        return nodes

    def _row(self, activation: str) -> tuple[list[onnx.NodeProto], tuple[str, str]]:
        if activation in self.rows:
            return [], self.rows[activation]
        name = f"row{len(self.rows)}"
        self.rows[activation] = (f"{name}_whole", f"{name}_scale")
        nodes = [
            helper.make_node("Abs", [activation], [f"{name}_abs"]),
            helper.make_node("ReduceMax", [f"{name}_abs", "last_axis"], [f"{name}_max"], keepdims=1),
            helper.make_node("Max", [f"{name}_max", "row_floor"], [f"{name}_scale"]),
            helper.make_node("Div", [activation, f"{name}_scale"], [f"{name}_unit"]),
            helper.make_node("QuantizeLinear", [f"{name}_unit", "row_step", "row_zero"], [f"{name}_whole"]),
        ]
        return nodes, self.rows[activation]

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
