"""Windows → logits, on the CPU through onnxruntime.

Only windows of equal length share a batch, so nothing is ever padded; together with the network's quantisation by row
(`training/quantise.py`) this makes a window's logits independent of its neighbours, to the last bit.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from model.encode import Window
from model.errors import BundleError

TOKENS_A_BATCH = 2048


@dataclass(frozen=True)
class Network:
    """An onnxruntime session; safe to share between threads."""

    session: onnxruntime.InferenceSession

    @classmethod
    def load(cls, path: Path, *, threads: int | None = None) -> "Network":
        """Open the model file; `threads` defaults to the processors this process may use."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
        options.log_severity_level = 3
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions share no base but Exception
            raise BundleError(f"{path}: onnxruntime cannot open it: {type(error).__name__}") from error
        return cls(session)

    @property
    def outputs(self) -> int:
        """How many outputs the network has; their order is the taxonomy's."""
        return int(self.session.get_outputs()[0].shape[1])

    def run(self, windows: list[Window]) -> list[np.ndarray]:
        """For each window its logits, (pieces, outputs) float32, in the order given."""
        by_length: dict[int, list[int]] = {}
        for number, window in enumerate(windows):
            by_length.setdefault(len(window.ids), []).append(number)
        logits: dict[int, np.ndarray] = {}
        for length, numbers in sorted(by_length.items()):
            at_once = max(1, TOKENS_A_BATCH // length)
            for first in range(0, len(numbers), at_once):
                chosen = numbers[first : first + at_once]
                logits.update(zip(chosen, self._run_batch([windows[number] for number in chosen]), strict=True))
        return [logits[number] for number in range(len(windows))]

    def _run_batch(self, windows: list[Window]) -> list[np.ndarray]:
        ids = np.stack([window.ids for window in windows])
        starts = np.concatenate([window.starts + row * ids.shape[1] for row, window in enumerate(windows)])
        found = self.session.run(None, {"input_ids": ids, "starts": starts})[0]
        return np.split(found, np.cumsum([len(window.starts) for window in windows])[:-1])
