"""The products of a network with constant matrices: what int8 is about."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper


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

    @property
    def output(self) -> str:
        return str(self.node.output[0])

    @property
    def biased(self) -> str:
        """The output of the node that adds the bias."""
        return self.output if self.adding is None else str(self.adding.output[0])

    @property
    def outputs(self) -> int:
        return int(self.weight.shape[1])


def products_of(graph: onnx.GraphProto, smallest: int) -> dict[str, Product]:
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
        sizes = {name: list(constants[name].dims) for name in (adding.input if adding else []) if name in constants}
        biases = [name for name, size in sizes.items() if size == [weight.shape[1]]]
        products[node.output[0]] = Product(node, weight, biases[0] if biases else None, adding if biases else None)
    return products


def _weight(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> np.ndarray | None:
    """The constant right-hand matrix of a product, (inputs, outputs) float32, or None."""
    if len(node.input) < 2 or node.input[1] not in constants or len(constants[node.input[1]].dims) != 2:
        return None
    matrix = numpy_helper.to_array(constants[node.input[1]]).astype(np.float32)
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return matrix.T if transposed else matrix
