"""int8 that does not look at the neighbours: weights are quantised column by column, activations each token on its own.

Dynamic quantisation as onnxruntime does it takes one activation scale from the whole batch, so a text's scores move with whatever
shares it. Here a scale is a constant or a row's own (`training/activations.py`). The product of the integers is exact, so a token's
result depends on that token alone. QuantizeLinear and MatMulIntegerToFloat (an operator of onnxruntime's own, which adds the bias
too) do in one pass each what would take more. The products of the graph read rows (`training/rows.py`).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from model.encode import Window
from training.activations import Activations
from training.ranges import observe

RUNTIME = "com.microsoft"  # the domain of onnxruntime's own operators
SMALLEST_WEIGHT = 4096  # smaller matrices stay in float: they cost nothing
LARGE_TABLE = 10**5


@dataclass(frozen=True)
class Product:
    """An activation times a constant matrix, (channels, outputs) float32; `bias` is the constant that `adding` adds to it: that node,
    or the product itself (Gemm)."""

    node: onnx.NodeProto
    weight: np.ndarray
    bias: str | None
    adding: onnx.NodeProto | None

    @property
    def activation(self) -> str:
        return str(self.node.input[0])


def quantise(source: Path, target: Path, *, examples: list[Window], smallest: int = SMALLEST_WEIGHT) -> int:
    """Rewrite every product with a constant matrix, and every large embedding table; returns how many were rewritten. Activations
    have steps made from `examples`; without any, every row has its own."""
    model = onnx.load(source)
    graph = model.graph
    products = _products(graph, smallest)
    ranges = observe(model, sorted({product.activation for product in products.values()}), examples)
    rewriter = _Rewriter(graph, products, Activations(graph.node, ranges))
    nodes = [new for node in graph.node for new in rewriter.rewritten(node)]
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in [*graph.initializer, *rewriter.initializers] if tensor.name in used]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    if RUNTIME not in {opset.domain for opset in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(RUNTIME, 1))
    onnx.checker.check_model(model)
    onnx.save(model, target)
    return rewriter.count


def _products(graph: onnx.GraphProto, smallest: int) -> dict[str, Product]:
    """The products to rewrite, by their output."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    consumers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    products: dict[str, Product] = {}
    for node in graph.node:
        weight = _weight(node, constants) if node.op_type in {"MatMul", "Gemm"} else None
        if weight is None or weight.size < smallest:
            continue
        if node.op_type == "Gemm":
            products[node.output[0]] = Product(node, weight, node.input[2] if len(node.input) > 2 else None, None)
            continue
        after = consumers.get(node.output[0], [])
        adding = after[0] if len(after) == 1 and after[0].op_type in {"Add", "BiasGelu"} else None
        biases = [name for name in (adding.input if adding else []) if name in constants and len(constants[name].dims) == 1]
        products[node.output[0]] = Product(node, weight, biases[0] if biases else None, adding if biases else None)
    return products


def _weight(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> np.ndarray | None:
    """The constant right-hand matrix of a product, (inputs, outputs) float32, or None."""
    if len(node.input) < 2 or node.input[1] not in constants or len(constants[node.input[1]].dims) != 2:
        return None
    matrix = numpy_helper.to_array(constants[node.input[1]]).astype(np.float32)
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return matrix.T if transposed else matrix


class _Rewriter:
    """Rewrites node by node, in order, and collects the new constants."""

    def __init__(self, graph: onnx.GraphProto, products: dict[str, Product], activations: Activations) -> None:
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.products = products
        self.activations = activations
        self.added: set[str] = set()  # outputs of nodes whose bias a product adds
        self.count = 0
        self.own: list[onnx.TensorProto] = []

    @property
    def initializers(self) -> list[onnx.TensorProto]:
        return [*self.own, *self.activations.initializers]

    def rewritten(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        if product := self.products.get(node.output[0]):
            return self._product(product)
        if node.output[0] in self.added:
            return [_without_bias(node)]
        if node.op_type == "Gather" and self._is_large_table(node.input[0]):
            return self._table(node)
        return [node]

    def _product(self, product: Product) -> list[onnx.NodeProto]:
        name = self._name("q")
        weights = [other.weight for other in self.products.values() if other.activation == product.activation]
        nodes, whole = self.activations.whole(product.activation, weights)
        weight = product.weight if whole.widths is None else product.weight * whole.widths[:, None]
        steps = np.maximum(np.abs(weight).max(0), 1e-12) / 127
        self._constant(f"{name}_weight", np.rint(weight / steps).astype(np.int8))
        self._constant(f"{name}_steps", steps.astype(np.float32))
        inputs = [whole.integers, f"{name}_weight", whole.step, f"{name}_steps", whole.zero]
        output = product.node.output[0]
        if whole.step_of_row is None:
            if product.adding is not None:
                self.added.add(product.adding.output[0])
            biased = inputs if product.bias is None else [*inputs, "", product.bias]
            return [*nodes, helper.make_node("MatMulIntegerToFloat", biased, [output], domain=RUNTIME)]
        scaled = output if product.bias is None or product.adding is not None else f"{name}_product"
        nodes += [
            helper.make_node("MatMulIntegerToFloat", inputs, [f"{name}_columns"], domain=RUNTIME),
            helper.make_node("Mul", [f"{name}_columns", whole.step_of_row], [scaled]),
        ]
        return nodes if scaled == output else [*nodes, helper.make_node("Add", [scaled, product.bias], [output])]

    def _is_large_table(self, name: str) -> bool:
        tensor = self.constants.get(name)
        floats = tensor is not None and tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) == 2
        return floats and bool(np.prod(tensor.dims) > LARGE_TABLE)

    def _table(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """An embedding table in int8 with a scale for each row."""
        name, values = self._name("t"), numpy_helper.to_array(self.constants[node.input[0]])
        steps = np.maximum(np.abs(values).max(1, keepdims=True), 1e-12).astype(np.float32) / 127
        self._constant(f"{name}_table", np.rint(values / steps).astype(np.int8))
        self._constant(f"{name}_steps", steps.astype(np.float32))
        return [
            helper.make_node("Gather", [f"{name}_table", node.input[1]], [f"{name}_rows"]),
            helper.make_node("Gather", [f"{name}_steps", node.input[1]], [f"{name}_scale"]),
            helper.make_node("Cast", [f"{name}_rows"], [f"{name}_float"], to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_float", f"{name}_scale"], [node.output[0]]),
        ]

    def _name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count - 1}"

    def _constant(self, name: str, value: np.ndarray) -> None:
        self.own.append(numpy_helper.from_array(value, name))


def _without_bias(node: onnx.NodeProto) -> onnx.NodeProto:
    """A node that adds a bias and, it may be, goes on with the sum: the latter alone."""
    if node.op_type == "BiasGelu":
        return helper.make_node("Gelu", [node.input[0]], list(node.output), domain=RUNTIME)
    return helper.make_node("Identity", [node.input[0]], list(node.output))
