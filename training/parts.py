"""GELU's few channels that go far, each computed in parts, so that one small step of int8 holds for all of them in every row.

A channel that reaches 30 where the others reach 5 would leave the others few steps. So its weights are repeated: the first part is
cut off at `most`, by int8 itself, the second begins there, and so on; their sum is the channel (after Zhao et al. 2019, outlier
channel splitting). A part is off by at most 0.17, near where it begins.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np
import onnx
from onnx import numpy_helper

from training.activations import GELU_LOWEST, Activations
from training.product import Product
from training.ranges import Range

MORE = 0.02  # parts that may come in, of the channels there are
ALIGNED = 16  # columns are multiplied so many at a time


def in_parts(graph: onnx.GraphProto, products: dict[str, Product], activations: Activations) -> dict[str, Product]:
    """The products with the channels of GELU between them in parts, whose activations then have one step."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    changed = dict(products)
    for names in _around_gelu(graph, products, activations):
        before, after = (changed[name] for name in names)
        assert before.bias is not None and before.adding is not None
        found = activations.ranges[after.activation]
        most, parts = _parts(found.highest)
        spare = np.zeros(-len(parts) % ALIGNED, dtype=int)  # channels that add nothing
        channels = np.array([channel for channel, _ in parts] + [0] * len(spare), dtype=int)
        begins = np.array([most * part for _, part in parts] + [0.0] * len(spare), dtype=np.float32)
        counts = (np.arange(len(channels)) < len(parts)).astype(np.float32)
        bias = numpy_helper.to_array(constants[before.bias])
        more_bias = np.concatenate([bias, bias[channels] - begins])
        graph.initializer.append(numpy_helper.from_array(more_bias, f"{after.activation}_bias"))
        into = np.concatenate([before.weight, before.weight[:, channels]], axis=1)
        out_of = np.concatenate([after.weight, after.weight[channels] * counts[:, None]])
        changed[before.output] = replace(before, weight=into, bias=f"{after.activation}_bias")
        changed[after.output] = replace(after, weight=out_of)
        activations.ranges[after.activation] = Range(np.array([-GELU_LOWEST]), np.array([most]))
        activations.even.add(after.activation)
    return changed


def _around_gelu(graph: onnx.GraphProto, products: dict[str, Product], activations: Activations) -> Iterator[tuple[str, str]]:
    """The outputs of the product before and of the one after each GELU that nothing else reads and whose range is known."""
    read_by: dict[str, list[str]] = {}
    for node in graph.node:
        for name in node.input:
            read_by.setdefault(name, []).append(node.output[0])
    for before in products.values():
        if before.adding is None or before.adding.op_type != "BiasGelu" or not activations.has_one_step(before.activation):
            continue
        readers = read_by.get(before.biased, [])
        if len(readers) == 1 and readers[0] in products and before.biased in activations.ranges:
            yield before.output, readers[0]


def _parts(highest: np.ndarray) -> tuple[float, list[tuple[int, int]]]:
    """Where parts are cut off, as low as few parts come in; and those: their channel, and that they are its first, second …"""
    for most in count(1):
        more = np.maximum(np.ceil(highest / most).astype(int) - 1, 0)
        if more.sum() <= MORE * len(highest):
            break
    return float(most), [(int(channel), part) for channel in np.flatnonzero(more) for part in range(1, more[channel] + 1)]
