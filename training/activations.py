"""Activations → integers, each token on its own: with one step for all rows, or with a step for each row.

One step for all rows is made from what the activation ranges over on examples (`training/ranges.py`); what lies outside is clipped.
Channels that range wide are made narrow before, and the weights they meet wide: SmoothQuant (Xiao et al. 2023), formula 4. Where
there are no examples, or where rows differ too much, every row is divided by its own largest magnitude.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from training.ranges import Range

ALIKE = {"LayerNormalization", "Transpose", "Gather", "Tanh"}  # make rows that are alike: the ends of attention, a table …
PASSING = {"Reshape", "Gather", "GatherND", "Unsqueeze", "Identity"}  # make nothing: what they give was made before
SMOOTHING = 0.7  # how much of a channel's width goes to the weights; of 0 to 1 the logits differ least (docs/decisions/0001)
GELU_LOWEST, GELU_ZERO = 0.17, 32  # GELU never gives less: most of the whole numbers are for what is above zero
LEAST = 1e-5  # channels of an activation, or rows of weights, that never differ from zero


@dataclass(frozen=True)
class Whole:
    """An activation in integers: the tensors of the integers, of their zero, of the step of all of them (a scalar) and of that of
    each row; `widths` is what the channels were divided by, (channels,)."""

    integers: str
    zero: str
    step: str
    step_of_row: str | None
    widths: np.ndarray | None


class Activations:
    """Collects the constants; what feeds several products is made integers once."""

    def __init__(self, nodes: Iterable[onnx.NodeProto], ranges: dict[str, Range]) -> None:
        self.ranges = ranges
        self.made_by: dict[str, str] = {}  # tensor → the operator its values come from
        self.picked: set[str] = {"starts"}  # tensors with a row a start; the others have one a token
        for node in nodes:
            source = self.made_by.get(node.input[0]) if node.op_type in PASSING else None
            self.made_by.update(dict.fromkeys(node.output, source or node.op_type))
            if self.picked.intersection(node.input):
                self.picked.update(node.output)
        self.initializers: list[onnx.TensorProto] = []
        self.found: dict[str, Whole] = {}
        self.even: set[str] = set()  # activations whose channels are as wide as each other
        self.narrow: set[str] = set()  # activations whose channels are divided by their widths where they are made
        self.zeros: set[str] = set()
        self._constant("row_step", np.float32(1 / 127))
        self._constant("row_zero", np.uint8(128))
        self._constant("row_floor", np.float32(1e-12))
        self._constant("gelu_step", np.float32(1 / (255 - GELU_ZERO)))
        self._constant("gelu_zero", np.uint8(GELU_ZERO))
        self._constant("gelu_floor", np.float32(GELU_LOWEST * (255 - GELU_ZERO) / GELU_ZERO))
        self._constant("last_axis", np.array([-1], dtype=np.int64))
        self._constant("one", np.float32(1))

    def whole(self, activation: str, weights: list[np.ndarray]) -> tuple[list[onnx.NodeProto], Whole]:
        """The activation in integers, with the nodes it takes; `weights` are the matrices it is multiplied with, (channels, outputs)."""
        if activation in self.found:
            return [], self.found[activation]
        if self.has_one_step(activation):
            nodes, whole = self._with_one_step(activation, self.widths(activation, weights))
        else:
            nodes, whole = self._row_by_row(activation)
        self.found[activation] = whole
        return nodes, whole

    def has_one_step(self, activation: str) -> bool:
        """Whether all its rows are divided by the same."""
        return activation in self.even or (activation in self.ranges and self.made_by.get(activation) in ALIKE)

    def widths(self, activation: str, weights: list[np.ndarray]) -> np.ndarray:
        """What each channel is divided by and its weights multiplied with, (channels,) float64; their geometric mean is 1."""
        found = self.ranges[activation]
        if activation in self.even:
            return np.ones(len(weights[0]))
        largest = np.maximum(np.maximum(-found.lowest, found.highest), LEAST).astype(np.float64)
        met = np.maximum(np.max([np.abs(weight).max(1) for weight in weights], axis=0), LEAST)
        widths = largest**SMOOTHING / met ** (1 - SMOOTHING)
        return widths / np.exp(np.log(widths).mean())

    def _with_one_step(self, activation: str, widths: np.ndarray) -> tuple[list[onnx.NodeProto], Whole]:
        name, found = f"fixed{len(self.found)}", self.ranges[activation]
        lowest, highest = min(0.0, float((found.lowest / widths).min())), max(0.0, float((found.highest / widths).max()))
        step = max((highest - lowest) / 255, LEAST)
        narrow = activation in self.narrow | self.even
        narrower = [] if narrow else [helper.make_node("Mul", [activation, f"{name}_narrower"], [f"{name}_narrow"])]
        self._constant(f"{name}_narrower", (1 / widths).astype(np.float32))
        self._constant(f"{name}_step", np.float32(step))
        self._constant(f"{name}_zero", np.uint8(round(-lowest / step)))
        narrowed = activation if narrow else f"{name}_narrow"
        return [
            *narrower,
            helper.make_node("QuantizeLinear", [narrowed, f"{name}_step", f"{name}_zero"], [f"{name}_whole"]),
        ], Whole(f"{name}_whole", f"{name}_zero", f"{name}_step", None, widths)

    def _row_by_row(self, activation: str) -> tuple[list[onnx.NodeProto], Whole]:
        row, never_far_below_zero = f"row{len(self.found)}", self.made_by.get(activation) in {"Gelu", "BiasGelu"}
        kind = "gelu" if never_far_below_zero else "row"
        zeros = f"{kind}_zeros_{'picked' if activation in self.picked else 'all'}"
        size = [] if never_far_below_zero else [helper.make_node("Abs", [activation], [f"{row}_abs"])]
        return [
            *size,
            helper.make_node(
                "ReduceMax", [size[0].output[0] if size else activation, "last_axis"], [f"{row}_max"], keepdims=0
            ),
            helper.make_node("Max", [f"{row}_max", f"{kind}_floor"], [f"{row}_largest"]),
            helper.make_node("Mul", [f"{row}_largest", f"{kind}_step"], [f"{row}_scale"]),
            *self._zeros(f"{row}_scale", zeros, f"{kind}_zero"),
            helper.make_node("QuantizeLinear", [activation, f"{row}_scale", zeros], [f"{row}_whole"], axis=0),
            helper.make_node("Unsqueeze", [f"{row}_scale", "last_axis"], [f"{row}_column"]),
        ], Whole(f"{row}_whole", f"{kind}_zero", "one", f"{row}_column", None)  # fmt: skip

    def _zeros(self, scale: str, zeros: str, zero: str) -> list[onnx.NodeProto]:
        """The zero of each row, as QuantizeLinear wants it: made once for all activations with as many rows."""
        if zeros in self.zeros:
            return []
        self.zeros.add(zeros)
        return [
            helper.make_node("Shape", [scale], [f"{zeros}_count"]),
            helper.make_node("Expand", [zero, f"{zeros}_count"], [zeros]),
        ]

    def _constant(self, name: str, value: np.ndarray | np.generic) -> None:
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
