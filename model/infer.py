"""Windows → logits, on the CPU through onnxruntime.

Windows of any lengths share a batch and nothing is ever padded: attention reads those of one length at a time (`training/lengths.py`).
Together with how the network is quantised (`training/quantise.py`) this makes a window's logits independent of its neighbours, to the
last bit. A batch runs on one processor and batches run side by side: splitting each of a thousand small steps over processors
costs more than it gains.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import onnxruntime

from model.encode import Window
from model.errors import BundleError
from model.processors import adds_int8_exactly, processors

TOKENS_A_BATCH = 512
FEWEST_TOKENS = 64  # a batch of fewer is not split for another processor: a call costs as much as some 20 tokens
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
        batches = _batches(list(different.values()), self.threads)
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
        found = self.session.run(None, inputs_of(windows))[0]
        return np.split(found, np.cumsum([len(window.starts) for window in windows])[:-1])


def inputs_of(windows: list[Window]) -> dict[str, np.ndarray]:
    """What the network reads of windows that stand in the order of their lengths; the names are explained in `training/lengths.py`."""
    lengths = [len(window.ids) for window in windows]
    begins = np.cumsum([0, *lengths[:-1]])
    return {
        "ids": np.concatenate([window.ids for window in windows]),
        "positions": np.concatenate([np.arange(length) for length in lengths]),
        "groups": np.array([[len(list(alike)), length] for length, alike in groupby(lengths)]),
        "sentences": np.concatenate([window.starts + begin for window, begin in zip(windows, begins, strict=True)]),
    }


def _bits(window: Window) -> tuple[bytes, bytes]:
    return window.ids.tobytes(), window.starts.tobytes()


def _batches(windows: list[Window], side_by_side: int) -> list[list[Window]]:
    """Windows by length, the longest first, in batches of about as many tokens: some hundreds, or fewer where that keeps more
    processors at work. One may hold up to a window more."""
    if not windows:
        return []
    ordered = sorted(windows, key=lambda window: len(window.ids), reverse=True)
    ends = np.cumsum([len(window.ids) for window in ordered])
    tokens = int(ends[-1])
    count = max(math.ceil(tokens / TOKENS_A_BATCH), min(side_by_side, tokens // FEWEST_TOKENS))
    batches: list[list[Window]] = [[] for _ in range(count)]
    for window, end in zip(ordered, ends, strict=True):
        batches[(end - 1) * count // tokens].append(window)
    return [batch for batch in batches if batch]
