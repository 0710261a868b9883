"""int8 that does not look at the neighbours: weights are quantised column by column, activations each token on its own.

Dynamic quantisation as onnxruntime does it takes one activation scale from the whole batch, so a text's scores move with whatever
shares it. Here a scale is a constant or a row's own (`training/activations.py`). The product of the integers is exact, so a token's
result depends on that token alone. QuantizeLinear and MatMulIntegerToFloat (an operator of onnxruntime's own, which adds the bias
too) do in one pass each what would take more. The products of the graph read rows (`training/rows.py`).
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from model.encode import Window
from training.activations import Activations, Whole
from training.attention import Attention, attentions
from training.parts import in_parts
from training.product import Product, products_of
from training.ranges import observe

RUNTIME = "com.microsoft"  # the domain of onnxruntime's own operators
SMALLEST_WEIGHT = 4096  # smaller matrices stay in float: they cost nothing
LARGE_TABLE = 10**5


def quantise(source: Path, target: Path, *, examples: list[Window], smallest: int = SMALLEST_WEIGHT) -> int:
    """Rewrite every product with a constant matrix, and every large embedding table; returns how many were rewritten. Activations
    have steps made from `examples`; without any, every row has its own."""
    model = onnx.load(source)
    graph = model.graph
    products = products_of(graph, smallest)
    ranges = observe(model, sorted({product.activation for product in products.values()}), examples)
    activations = Activations(graph.node, ranges)
    products = in_parts(graph, products, activations)
    rewriter = _Rewriter(graph, products, activations)
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


class _Rewriter:
    """Rewrites node by node, in order, and collects the new constants."""

    def __init__(self, graph: onnx.GraphProto, products: dict[str, Product], activations: Activations) -> None:
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.products = products
        self.activations = activations
        self.readers: dict[str, list[str]] = {}  # tensor → the outputs of the nodes that read it
        for node in graph.node:
            for tensor in node.input:
                self.readers.setdefault(tensor, []).append(node.output[0])
        self.attentions = self._attentions(graph)
        self.gone = {name for attention in self.attentions.values() for name in attention.inside}
        self.added: dict[str, str] = {}  # output of a node whose bias a product adds → that product's
        self.count = 0
        self.own: list[onnx.TensorProto] = []

    @property
    def initializers(self) -> list[onnx.TensorProto]:
        return [*self.own, *self.activations.initializers]

    def rewritten(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        if attention := self.attentions.get(node.output[0]):
            return self._attention(attention)
        if node.output[0] in self.gone:
            return []
        if product := self.products.get(node.output[0]):
            return self._product(product)
        if node.output[0] in self.added:
            return [_without_bias(node, self.added[node.output[0]])]
        if node.op_type == "Gather" and self._is_large_table(node.input[0]):
            return self._table(node)
        return [node]

    def _attentions(self, graph: onnx.GraphProto) -> dict[str, Attention]:
        """Those that read one activation whose rows are divided by the same, by their last output."""
        biased = {product.output: product.biased for product in self.products.values()}
        found = attentions(graph, biased, {product.output: product.outputs for product in self.products.values()})
        read = {last: {self.products[name].activation for name in attention.products} for last, attention in found.items()}
        return {
            last: attention
            for last, attention in found.items()
            if len(read[last]) == 1 and all(map(self.activations.has_one_step, read[last]))
        }

    def _attention(self, attention: Attention) -> list[onnx.NodeProto]:
        """Queries, keys and values as one product, within the operator that goes on with them; what it makes is narrow already."""
        name, products = self._name("q"), [self.products[output] for output in attention.products]
        activation, last = products[0].activation, attention.inside[-1]
        nodes, whole = self.activations.whole(activation, self._weights(activation))
        weight, steps = _in_columns(np.concatenate([product.weight for product in products], axis=1), whole)
        bias = np.concatenate([self._bias(product) for product in products])
        if narrower := self._narrower(last):
            steps[-len(narrower) :] *= narrower
            bias[-len(narrower) :] *= narrower
        for part, value in (("weight", weight), ("steps", steps.astype(np.float32)), ("bias", bias.astype(np.float32))):
            self._constant(f"{name}_{part}", value)
        self._constant(f"{name}_width", np.array([len(weight)], dtype=np.int64))
        inputs = [f"{name}_batch", f"{name}_weight", f"{name}_bias", whole.step, f"{name}_steps", "", whole.zero]
        return [
            *nodes,
            helper.make_node("Shape", ["input_ids"], [f"{name}_lead"]),
            helper.make_node("Concat", [f"{name}_lead", f"{name}_width"], [f"{name}_shape"], axis=0),
            helper.make_node("Reshape", [whole.integers, f"{name}_shape"], [f"{name}_batch"]),
            helper.make_node("QAttention", inputs, [last], num_heads=attention.heads, domain=RUNTIME),
        ]

    def _narrower(self, last: str) -> list[float]:
        """What makes the channels of attention narrow, done by its values where nothing but products reads it; else nothing."""
        [made, *others] = self.readers[last]
        read_by = self.readers.get(made, [])
        if others or not read_by or not all(name in self.products for name in read_by) or not self.activations.has_one_step(made):
            return []
        self.activations.narrow.add(made)
        return list(1 / self.activations.widths(made, self._weights(made)))

    def _weights(self, activation: str) -> list[np.ndarray]:
        return [product.weight for product in self.products.values() if product.activation == activation]

    def _bias(self, product: Product) -> np.ndarray:
        return (
            np.zeros(product.outputs, np.float32) if product.bias is None else numpy_helper.to_array(self.constants[product.bias])
        )

    def _product(self, product: Product) -> list[onnx.NodeProto]:
        name = self._name("q")
        nodes, whole = self.activations.whole(product.activation, self._weights(product.activation))
        weight, steps = _in_columns(product.weight, whole)
        self._constant(f"{name}_weight", weight)
        self._constant(f"{name}_steps", steps.astype(np.float32))
        inputs = [whole.integers, f"{name}_weight", whole.step, f"{name}_steps", whole.zero]
        output = product.output
        if whole.step_of_row is None:
            if product.adding is not None:
                self.added[product.biased] = output
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
        if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) != 2:
            return False
        return bool(np.prod(tensor.dims) > LARGE_TABLE)

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


def _in_columns(weight: np.ndarray, whole: Whole) -> tuple[np.ndarray, np.ndarray]:
    """Weights that meet such integers, as int8 with a step a column: (channels, outputs) and (outputs,)."""
    met = weight if whole.widths is None else weight * whole.widths[:, None]
    steps = np.maximum(np.abs(met).max(0), 1e-12) / 127
    return np.rint(met / steps).astype(np.int8), steps


def _without_bias(node: onnx.NodeProto, product: str) -> onnx.NodeProto:
    """A node that adds a bias to a product and, it may be, goes on with the sum: the latter alone."""
    if node.op_type == "BiasGelu":
        return helper.make_node("Gelu", [product], list(node.output), domain=RUNTIME)
    return helper.make_node("Identity", [product], list(node.output))
