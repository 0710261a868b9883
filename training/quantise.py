"""int8 that does not look at the neighbours: activations are quantised row by row, weights column by column.

Dynamic quantisation as onnxruntime does it takes one activation scale for the whole tensor, so a text's scores move
with whatever shares its batch. Here every row (one token) has its own scale: its largest magnitude. The product of the
integers is exact, so a token's result depends on that token alone. QuantizeLinear and MatMulIntegerToFloat (an operator
of onnxruntime's own) do in one pass each what would take two.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

RUNTIME = "com.microsoft"  # the domain of onnxruntime's own operators

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

    def __init__(self) -> None:
        self.initializers = [
            numpy_helper.from_array(np.array(1 / 127, dtype=np.float32), "row_step"),
            numpy_helper.from_array(np.array(128, dtype=np.uint8), "row_zero"),
            numpy_helper.from_array(np.array(1e-12, dtype=np.float32), "row_floor"),
            numpy_helper.from_array(np.array([-1], dtype=np.int64), "last_axis"),
            numpy_helper.from_array(np.array(1, dtype=np.float32), "one"),
        ]
        self.rows: dict[str, str] = {}
        self.count = 0

    def product(self, node: onnx.NodeProto, weight: np.ndarray, bias: str | None) -> list[onnx.NodeProto]:
        name = f"q{self.count}"
        self.count += 1
        steps = np.maximum(np.abs(weight).max(0), 1e-12) / 127
        whole = np.rint(weight / steps).astype(np.int8)
        self.initializers += [
            numpy_helper.from_array(whole, f"{name}_weight"),
            numpy_helper.from_array(steps.astype(np.float32), f"{name}_steps"),
            numpy_helper.from_array(np.array([weight.shape[1]], dtype=np.int64), f"{name}_width"),
        ]
        nodes, row = self._row(node.input[0], weight.shape[0])
        ends_in = node.output[0] if bias is None else f"{name}_product"
        nodes += [
            helper.make_node(
                "MatMulIntegerToFloat",
                [f"{row}_whole", f"{name}_weight", "one", f"{name}_steps", "row_zero"],
                [f"{name}_columns"],
                domain=RUNTIME,
            ),
            helper.make_node("Mul", [f"{name}_columns", f"{row}_column"], [f"{name}_flat"]),
            helper.make_node("Concat", [f"{row}_lead", f"{name}_width"], [f"{name}_shape"], axis=0),
            helper.make_node("Reshape", [f"{name}_flat", f"{name}_shape"], [ends_in]),
        ]
        if bias is not None:
            nodes.append(helper.make_node("Add", [ends_in, bias], [node.output[0]]))
        return nodes

    def _row(self, activation: str, width: int) -> tuple[list[onnx.NodeProto], str]:
        """Quantise an activation of any rank as rows of `width`; the name its parts begin with."""
        if activation in self.rows:
            return [], self.rows[activation]
        row = self.rows[activation] = f"row{len(self.rows)}"
        self.initializers.append(numpy_helper.from_array(np.array([-1, width], dtype=np.int64), f"{row}_shape"))
        return [
            helper.make_node("Shape", [activation], [f"{row}_lead"], start=0, end=-1),
            helper.make_node("Reshape", [activation, f"{row}_shape"], [f"{row}_flat"]),
            helper.make_node("Abs", [f"{row}_flat"], [f"{row}_abs"]),
            helper.make_node("ReduceMax", [f"{row}_abs", "last_axis"], [f"{row}_max"], keepdims=0),
            helper.make_node("Max", [f"{row}_max", "row_floor"], [f"{row}_largest"]),
            helper.make_node("Mul", [f"{row}_largest", "row_step"], [f"{row}_scale"]),
            helper.make_node("Shape", [f"{row}_scale"], [f"{row}_count"]),
            helper.make_node("Expand", ["row_zero", f"{row}_count"], [f"{row}_zeros"]),
            helper.make_node("QuantizeLinear", [f"{row}_flat", f"{row}_scale", f"{row}_zeros"], [f"{row}_whole"], axis=0),
            helper.make_node("Unsqueeze", [f"{row}_scale", "last_axis"], [f"{row}_column"]),
        ], row

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
