"""A network of windows of one length → one that reads windows of any lengths in one call, without padding.

Most of the time of a small call goes to reading the weights. What a layer does to each token alone is done for the tokens of all
windows at once; attention, which looks at a whole window, is done for the windows of one length after the other, in a loop inside
the graph. Sums stay as they were, so every window keeps its bits. What is not known to work so is put into the loop whole.

The inputs become `ids` (tokens,), window after window, those of equal length together; `positions` (tokens,), each token's place in
its window; `groups` (groups, 2), how many windows there are of how many tokens; and `sentences` (sentences,), where they start.
"""

from itertools import groupby
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model.encode import Window
from model.infer import inputs_of
from training.ranges import session_of

TRIED_ON = 20  # lengths


def for_any_lengths(source: Path, target: Path, *, examples: list[Window]) -> None:
    """Rewrite a network, with no more than attention in the loop where that gives the bits of the network itself on `examples`."""
    model = onnx.load(source)
    narrow = _attention_in_a_loop(model)
    onnx.save(narrow if narrow is not None and _is_same(narrow, model, examples) else _in_a_loop(model), target)


def _is_same(rewritten: onnx.ModelProto, model: onnx.ModelProto, examples: list[Window]) -> bool:
    """Whether windows of many lengths together have the bits they have alone; not where there is none to try it on."""
    by_length = [list(alike) for _, alike in groupby(sorted(examples, key=_length), key=_length)]
    tried = [window for alike in by_length[:: max(1, len(by_length) // TRIED_ON)] for window in alike[:2]]
    if not tried:
        return False
    one_by_one = session_of(model)
    alone = [one_by_one.run(None, {"input_ids": window.ids[None], "starts": window.starts})[0] for window in tried]
    try:
        together = session_of(rewritten).run(None, inputs_of(tried))[0]
    except Exception:  # onnxruntime's own exceptions share no base but Exception
        return False
    return np.array_equal(together, np.concatenate(alone))


def _in_a_loop(model: onnx.ModelProto) -> onnx.ModelProto:
    """The network itself read for the windows of one length after the other."""
    inside = [
        helper.make_node("Reshape", ["all_part", "all_group"], ["input_ids"]),
        helper.make_node("GreaterOrEqual", ["sentences", "all_begin"], ["all_after"]),
        helper.make_node("Less", ["sentences", "all_end"], ["all_before"]),
        helper.make_node("And", ["all_after", "all_before"], ["all_mine"]),
        helper.make_node("Compress", ["sentences", "all_mine"], ["all_starts"], axis=0),
        helper.make_node("Sub", ["all_starts", "all_begin"], ["starts"]),
        *model.graph.node,
        helper.make_node("Identity", [model.graph.output[0].name], ["all_made"]),
    ]
    return _with(model, _over_groups("all", "ids", inside), "all")


def _attention_in_a_loop(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Attention alone in the loop; None where the network has other attention than onnxruntime's operator, or its positions are
    not a constant that is cut to the length."""
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    made_by = {name: node for node in graph.node for name in node.output}
    cut = [node for node in graph.node if node.op_type == "Slice" and _is_row(constants.get(node.input[0]))]
    if len(cut) != 1 or not any(node.op_type == "QAttention" for node in graph.node):
        return None
    nodes = [
        helper.make_node("Unsqueeze", ["ids", "in_front"], ["input_ids"]),
        helper.make_node("Unsqueeze", ["positions", "in_front"], ["positions_of_all"]),
        helper.make_node("Identity", ["sentences"], ["starts"]),
    ]
    more = [numpy_helper.from_array(np.array([0]), "in_front")]
    for node in graph.node:
        output = node.output[0]
        if node is cut[0]:
            more.append(numpy_helper.from_array(constants[node.input[0]][0], f"{output}_row"))
            nodes.append(helper.make_node("Gather", [f"{output}_row", "positions_of_all"], [output]))
        elif node.op_type == "QAttention":
            batch = made_by[node.input[0]]  # rows → (batch, tokens, width)
            more.append(numpy_helper.from_array(np.array([len(constants[node.input[1]])]), f"{output}_width"))
            more.append(numpy_helper.from_array(np.array([-1, constants[node.input[1]].shape[1] // 3]), f"{output}_rows"))
            inside = onnx.NodeProto()
            inside.CopyFrom(node)
            inside.input[0], inside.output[0] = f"{output}_batch", f"{output}_read"
            nodes += _over_groups(output, batch.input[0], [
                helper.make_node("Concat", [f"{output}_group", f"{output}_width"], [f"{output}_shape"], axis=0),
                helper.make_node("Reshape", [f"{output}_part", f"{output}_shape"], [f"{output}_batch"]),
                inside,
                helper.make_node("Reshape", [f"{output}_read", f"{output}_rows"], [f"{output}_made"]),
            ])  # fmt: skip
        else:
            nodes.append(node)
    return _with(model, nodes, graph.output[0].name, more)


def _over_groups(name: str, rows: str, inside: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """A loop that gives `name`: of `rows` each group's part in turn, NAME_part, from NAME_begin to NAME_end, of a size NAME_group;
    the nodes `inside` make NAME_made of it, and all of these follow each other in what the loop gives."""
    many = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    number, on = (
        helper.make_tensor_value_info(f"{name}_{what}", kind, [])
        for what, kind in (("i", TensorProto.INT64), ("on", TensorProto.BOOL))
    )
    begin, end = (helper.make_tensor_value_info(f"{name}_{what}", TensorProto.INT64, [1]) for what in ("begin", "end"))
    nodes = [
        helper.make_node("Gather", ["groups", f"{name}_i"], [f"{name}_group"]),
        helper.make_node("ReduceProd", [f"{name}_group"], [f"{name}_tokens"]),
        helper.make_node("Add", [f"{name}_begin", f"{name}_tokens"], [f"{name}_end"]),
        helper.make_node("Slice", [rows, f"{name}_begin", f"{name}_end", "first_axis"], [f"{name}_part"]),
        *inside,
        helper.make_node("SequenceInsert", [f"{name}_so_far", f"{name}_made"], [f"{name}_with_it"]),
        helper.make_node("Identity", [f"{name}_on"], [f"{name}_goes_on"]),
    ]
    body = helper.make_graph(
        nodes,
        f"{name}_group",
        [number, on, begin, helper.make_value_info(f"{name}_so_far", many)],
        [
            helper.make_tensor_value_info(f"{name}_goes_on", TensorProto.BOOL, []),
            end,
            helper.make_value_info(f"{name}_with_it", many),
        ],
    )
    return [
        helper.make_node("SequenceEmpty", [], [f"{name}_nothing"], dtype=TensorProto.FLOAT),
        helper.make_node(
            "Loop", ["group_count", "", "first_axis", f"{name}_nothing"], [f"{name}_last", f"{name}_each"], body=body
        ),
        helper.make_node("ConcatFromSequence", [f"{name}_each"], [name], axis=0),
    ]


def _with(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], output: str, more: list[onnx.TensorProto] | None = None
) -> onnx.ModelProto:
    """A copy of the network with other nodes and the inputs of windows of any lengths."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    constants = [*graph.initializer, *(more or []), numpy_helper.from_array(np.array([0]), "first_axis")]
    sizes = {"ids": ["tokens"], "positions": ["tokens"], "groups": ["groups", 2], "sentences": ["sentences"]}
    graph.output[0].name = output
    count = [
        helper.make_node("Shape", ["groups"], ["group_shape"], end=1),
        helper.make_node("Squeeze", ["group_shape"], ["group_count"]),
    ]
    del graph.node[:], graph.input[:], graph.initializer[:], graph.value_info[:]
    graph.input.extend(helper.make_tensor_value_info(name, TensorProto.INT64, size) for name, size in sizes.items())
    graph.node.extend(_read([*count, *nodes], output))
    read = {name for node in graph.node for name in _reads(node)}
    graph.initializer.extend(tensor for tensor in constants if tensor.name in read)
    return made


def _read(nodes: list[onnx.NodeProto], output: str) -> list[onnx.NodeProto]:
    """The nodes that lead to the output; they stand in an order that can be run."""
    wanted, kept = {output}, []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(_reads(node))
            kept.append(node)
    return kept[::-1]


def _reads(node: onnx.NodeProto) -> list[str]:
    """What a node reads, and the nodes in its loop."""
    inside = [name for attribute in node.attribute for within in attribute.g.node for name in _reads(within)]
    return [*node.input, *inside]


def _is_row(values: np.ndarray | None) -> bool:
    """Whether a constant may be the places of tokens: one row of whole numbers that go up by one."""
    return (
        values is not None
        and values.ndim == 2
        and values.shape[0] == 1
        and values.shape[1] > 1
        and bool((np.diff(values) == 1).all())
    )


def _length(window: Window) -> int:
    return len(window.ids)
