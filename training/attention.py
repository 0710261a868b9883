"""Self-attention in a network's graph: where every token looks at every other, nothing but the root of a head's width scales it, and
queries, keys and values are products of one activation. onnxruntime has an operator for it, which spares the transpositions.

Whatever else a network does (positions turned into its queries, neighbours alone looked at) is not found, and stays as it is.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

AHEAD, BACKWARDS = [0, 2, 1, 3], [0, 2, 3, 1]  # (batch, tokens, heads, width) → heads before tokens; and their tokens last


@dataclass(frozen=True)
class Attention:
    """The products that make queries, keys and values, by their outputs; `inside` are the outputs of all nodes it consists of, and
    the last of them is (batch, tokens, heads, width of a head)."""

    products: list[str]
    heads: int
    inside: list[str]


def attentions(graph: onnx.GraphProto, biases: dict[str, str], widths: dict[str, int]) -> dict[str, Attention]:
    """Each self-attention, by its last output. `biases`: a product's output → that of the node which adds its bias; `widths`: how
    many outputs a product has."""
    finder = _Finder(graph, biases, widths)
    found = [finder.around(node) for node in graph.node if node.op_type == "Softmax"]
    return {attention.inside[-1]: attention for attention in found if attention is not None}


class _Finder:
    def __init__(self, graph: onnx.GraphProto, biases: dict[str, str], widths: dict[str, int]) -> None:
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.made_by = {name: node for node in graph.node for name in node.output}
        self.read_by: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in node.input:
                self.read_by.setdefault(name, []).append(node)
        self.product_of = {biased: product for product, biased in biases.items()}
        self.widths = widths

    def around(self, softmax: onnx.NodeProto) -> Attention | None:
        scaled = self.made_by.get(softmax.input[0])
        scores = None if scaled is None or scaled.op_type != "Mul" else self.made_by.get(scaled.input[0])
        mixing = self._reader(softmax.output[0], "MatMul")
        last = None if mixing is None else self._reader(mixing.output[0], "Transpose")
        if scaled is None or scores is None or scores.op_type != "MatMul" or mixing is None or last is None:
            return None
        if mixing.input[0] != softmax.output[0] or _order(last) != AHEAD or self._reader(last.output[0], "Reshape") is None:
            return None
        ways = [self._heads(name, order) for name, order in zip(
            [*scores.input, mixing.input[1]], [AHEAD, BACKWARDS, AHEAD], strict=True
        )]  # fmt: skip
        inside = [name for way in ways for name in way]
        inside += [scores.output[0], scaled.output[0], softmax.output[0], mixing.output[0], last.output[0]]
        if not all(ways) or any(len(self.read_by[name]) != 1 for name in inside[:-1]):
            return None
        products = [way[0] for way in ways]
        heads = [self._count(way, scaled) for way in ways]
        return Attention(products, heads[0], inside) if heads[0] and len(set(heads)) == 1 else None

    def _heads(self, name: str, order: list[int]) -> list[str]:
        """The outputs on the way from a product to its heads; empty where it is another way."""
        turned = self.made_by.get(name)
        cut = None if turned is None or _order(turned) != order else self.made_by.get(turned.input[0])
        if turned is None or cut is None or cut.op_type != "Reshape" or cut.input[0] not in self.product_of:
            return []
        return [self.product_of[cut.input[0]], cut.input[0], cut.output[0], turned.output[0]]

    def _count(self, way: list[str], scaled: onnx.NodeProto) -> int:
        """How many heads a product is cut into; 0 where that is not known, or their width is not what scales the scores."""
        sizes = self.made_by.get(self.made_by[way[2]].input[1])
        width = self._number(sizes.input[-1]) if sizes is not None and sizes.op_type == "Concat" else None
        scale = self._number(scaled.input[1])
        known = width is not None and width > 0 and scale is not None and np.isclose(scale, width**-0.5)
        return round(self.widths[way[0]] / width) if known and width else 0

    def _reader(self, name: str, kind: str) -> onnx.NodeProto | None:
        """What reads a tensor, if one node of this kind does."""
        readers = self.read_by.get(name, [])
        return readers[0] if len(readers) == 1 and readers[0].op_type == kind else None

    def _number(self, name: str) -> float | None:
        tensor = self.constants.get(name)
        values = None if tensor is None else numpy_helper.to_array(tensor)
        return float(values.reshape(-1)[0]) if values is not None and values.size == 1 else None


def _order(node: onnx.NodeProto) -> list[int]:
    return [number for attribute in node.attribute if attribute.name == "perm" for number in attribute.ints]
