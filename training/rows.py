"""A network graph whose layers work on rows, one a token: (batch × tokens, width) instead of (batch, tokens, width).

What a layer does to a token alone (sums, products with a constant matrix, normalisation, GELU) needs no batch, and as rows no
reshaping around each product. And what comes after the last attention is done for the rows that are read: those at `starts`.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

FIRST = {"MatMul", "LayerNormalization"}  # where rows begin; the others go on with rows there are
BY_ROW = FIRST | {"Add", "Sub", "Mul", "Div", "BiasGelu", "Gelu", "Erf", "Tanh", "Relu", "Sigmoid"}


def as_rows(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same network with its layers on rows. Whatever is not known to work on rows is left as it is."""
    graph = model.graph
    rows = _Rows(graph)
    nodes = [new for node in graph.node for new in rows.rewritten(node)]
    nodes = _at_starts(nodes, rows)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(rows.initializers)
    return model


class _Rows:
    """Which tensors exist as rows, and the nodes that make them so."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.widths = {value.name: width for value in graph.value_info if (width := _width(value))}
        self.made: dict[str, str] = {}  # a tensor → the same as rows
        self.reshaped = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Reshape"}
        self.initializers: list[onnx.TensorProto] = []
        self.by_row: set[str] = set()  # outputs of nodes that work on rows
        self.rows_alone: set[str] = set()  # tensors that so far exist as rows alone

    def rewritten(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """The node, on rows where it can be, with what it takes to get there or back."""
        activations = [name for name in node.input if name and name not in self.constants]
        if self._works_by_row(node, activations):
            before = [new for name in activations for new in self._to_rows(name)]
            made = f"{node.output[0]}_rows"
            self.made[node.output[0]] = made
            self.by_row.add(made)
            self.rows_alone.add(node.output[0])
            renamed = [self.made.get(name, name) for name in node.input]
            return [*before, _copy(node, renamed, [made])]
        if node.op_type == "Reshape" and node.input[0] in self.made and self._names_all_sizes(node):
            return [_copy(node, [self.made[node.input[0]], *node.input[1:]], list(node.output))]
        return [*(new for name in activations for new in self._back(name)), node]

    def _works_by_row(self, node: onnx.NodeProto, activations: list[str]) -> bool:
        if node.op_type not in BY_ROW or not activations or any(name not in self.widths for name in activations):
            return False
        if node.op_type not in FIRST and not any(name in self.made for name in activations):
            return False
        dims = [len(self.constants[name].dims) for name in node.input if name in self.constants]
        if node.op_type == "MatMul":
            return len(activations) == 1 and activations[0] == node.input[0] and dims == [2]
        return len({self.widths[name] for name in activations}) == 1 and all(rank < 2 for rank in dims)

    def _to_rows(self, name: str) -> list[onnx.NodeProto]:
        if name in self.made:
            return []
        made = self.made[name] = f"{name}_rows"
        shape = f"{name}_rows_shape"
        self.initializers.append(numpy_helper.from_array(np.array([-1, self.widths[name]], dtype=np.int64), shape))
        return [helper.make_node("Reshape", [self.reshaped.get(name, name), shape], [made])]

    def _back(self, name: str) -> list[onnx.NodeProto]:
        if name not in self.rows_alone:
            return []
        self.rows_alone.discard(name)
        self.initializers.append(numpy_helper.from_array(np.array([self.widths[name]], dtype=np.int64), f"{name}_width"))
        return [
            helper.make_node("Shape", ["input_ids"], [f"{name}_lead"]),
            helper.make_node("Concat", [f"{name}_lead", f"{name}_width"], [f"{name}_shape"], axis=0),
            helper.make_node("Reshape", [self.made[name], f"{name}_shape"], [name]),
        ]

    def _names_all_sizes(self, node: onnx.NodeProto) -> bool:
        return any(attribute.name == "allowzero" and attribute.i for attribute in node.attribute)


def _at_starts(nodes: list[onnx.NodeProto], rows: _Rows) -> list[onnx.NodeProto]:
    """Where rows are picked at the end, pick them as early as nothing else reads the others."""
    made_by = {name: node for node in nodes for name in node.output}
    for picking in nodes:
        source = made_by.get(picking.input[0]) if picking.op_type == "GatherND" else None
        if source is not None and source.op_type == "Reshape" and source.input[0] in rows.by_row:
            break
    else:
        return nodes
    consumers: dict[str, list[str]] = {}
    for node in nodes:
        for name in node.input:
            consumers.setdefault(name, []).append(node.output[0])
    picked = {source.output[0]}
    for node in reversed(nodes):
        if node.output[0] in rows.by_row and set(consumers[node.output[0]]) <= picked:
            picked.add(node.output[0])
    return _picked(nodes, picked - {source.output[0]}, picking, source.input[0], set(rows.made.values()))


def _picked(
    nodes: list[onnx.NodeProto], picked: set[str], picking: onnx.NodeProto, last: str, rows: set[str]
) -> list[onnx.NodeProto]:
    """The nodes, with what `picked` names done for the picked rows alone."""
    found: list[onnx.NodeProto] = []
    early: dict[str, str] = {}
    for node in nodes:
        if node.output[0] in picked:
            for name in node.input:
                if name in rows and name not in picked and name not in early:
                    early[name] = f"{name}_picked"
                    found.append(helper.make_node("Gather", [name, "starts"], [early[name]], axis=0))
            found.append(_copy(node, [early.get(name, name) for name in node.input], list(node.output)))
        elif node is picking:
            found.append(helper.make_node("Identity", [last], list(node.output)))
        else:
            found.append(node)
    return found


def _copy(node: onnx.NodeProto, inputs: list[str], outputs: list[str]) -> onnx.NodeProto:
    made = onnx.NodeProto()
    made.CopyFrom(node)
    del made.input[:], made.output[:]
    made.input.extend(inputs)
    made.output.extend(outputs)
    return made


def _width(value: onnx.ValueInfoProto) -> int:
    """The width of a (batch, tokens, width) tensor of floats; 0 for any other."""
    dims = value.type.tensor_type.shape.dim
    lead = [dim.dim_param for dim in dims[:2]]
    known = value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT and len(dims) == 3 and lead == ["batch", "tokens"]
    return int(dims[2].dim_value) if known else 0
