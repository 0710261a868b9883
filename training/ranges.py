"""What the activations of a network range over, on examples: what steps of int8 that hold for every row are made from."""

from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
from onnx import helper

from model.encode import Window
from training.errors import GateError


@dataclass(frozen=True)
class Range:
    """The lowest and the highest value of each channel of an activation, (channels,) float32 each."""

    lowest: np.ndarray
    highest: np.ndarray

    def wider(self, rows: np.ndarray) -> "Range":
        """The same with these rows, (rows, channels)."""
        return Range(np.minimum(self.lowest, rows.min(0)), np.maximum(self.highest, rows.max(0)))


def observe(model: onnx.ModelProto, activations: list[str], examples: list[Window]) -> dict[str, Range]:
    """The range of each activation over the windows; nothing where either is missing. Raises GateError where one is no number."""
    if not examples or not activations:
        return {}
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in activations)
    session = session_of(watched)
    ranges: dict[str, Range] = {}
    for window in examples:
        found = session.run(activations, {"input_ids": window.ids[None], "starts": window.starts})
        for name, values in zip(activations, found, strict=True):
            rows = values.reshape(-1, values.shape[-1])
            if not np.isfinite(rows).all():
                raise GateError("the network computes what is no number: training ran away; try a lower learning rate")
            ranges[name] = ranges.get(name, Range(rows[0], rows[0])).wider(rows)
    return ranges


def session_of(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """A network that is not on disk, opened to be run; onnxruntime's warnings are left out."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
