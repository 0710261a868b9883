"""Windows → logits, on the CPU through onnxruntime.

Only windows of equal length share a batch, so nothing is ever padded; together with how the network is quantised
(`training/quantise.py`) this makes a window's logits independent of its neighbours, to the last bit. A batch runs on one
processor and batches run side by side: splitting each of a thousand small steps over processors costs more than it gains.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from model.encode import Window
from model.errors import BundleError
from model.processors import adds_int8_exactly, processors

TOKENS_A_BATCH = 512
PROVIDER = ("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})  # the default doubles what it takes each time


@dataclass(frozen=True)
class Network:
    """An onnxruntime session, and how many batches run side by side; safe to share between threads."""

    session: onnxruntime.InferenceSession
    threads: int

    @classmethod
    def load(cls, path: Path, *, threads: int | None = None) -> "Network":
        """Open the model file; `threads` defaults to the processors this process may use."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        if not adds_int8_exactly():
            options.add_session_config_entry("session.x64quantprecision", "1")  # exact, at 0.6 of the speed
        options.enable_mem_pattern = False  # a plan for each shape of batch is memory that grows
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=[PROVIDER])
        except Exception as error:  # onnxruntime's own exceptions share no base but Exception
            raise BundleError(f"{path}: onnxruntime cannot open it: {type(error).__name__}") from error
        return cls(session, threads or processors())

    @property
    def outputs(self) -> int:
        """How many outputs the network has; their order is the taxonomy's."""
        return int(self.session.get_outputs()[0].shape[1])

    def run(self, windows: list[Window]) -> list[np.ndarray]:
        """For each window its logits, (pieces, outputs) float32, in the order given. Equal windows are read once."""
        bits = [_bits(window) for window in windows]
        different = dict(zip(bits, windows, strict=True))
        batches = _batches(list(different.values()))
        logits: dict[tuple[bytes, bytes], np.ndarray] = {}
        for batch, found in zip(batches, self._run(batches), strict=True):
            logits.update(zip(map(_bits, batch), found, strict=True))
        return [logits[key] for key in bits]

    def _run(self, batches: list[list[Window]]) -> list[list[np.ndarray]]:
        """Threads of its own for each call: a small one never waits for the batches of a large one."""
        if min(self.threads, len(batches)) < 2:
            return [self._run_batch(batch) for batch in batches]
        with ThreadPoolExecutor(min(self.threads, len(batches))) as side_by_side:
            return list(side_by_side.map(self._run_batch, batches))

    def _run_batch(self, windows: list[Window]) -> list[np.ndarray]:
        ids = np.stack([window.ids for window in windows])
        starts = np.concatenate([window.starts + row * ids.shape[1] for row, window in enumerate(windows)])
        found = self.session.run(None, {"input_ids": ids, "starts": starts})[0]
        return np.split(found, np.cumsum([len(window.starts) for window in windows])[:-1])


def _bits(window: Window) -> tuple[bytes, bytes]:
    return window.ids.tobytes(), window.starts.tobytes()


def _batches(windows: list[Window]) -> list[list[Window]]:
    """Windows of equal length together, some hundreds of tokens at a time, the longest first."""
    by_length: dict[int, list[Window]] = {}
    for window in windows:
        by_length.setdefault(len(window.ids), []).append(window)
    return [
        alike[first : first + max(1, TOKENS_A_BATCH // length)]
        for length, alike in sorted(by_length.items(), reverse=True)
        for first in range(0, len(alike), max(1, TOKENS_A_BATCH // length))
    ]
