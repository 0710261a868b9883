"""Free memory that the C library keeps for itself goes back to the system: after a large body, after another bundle."""

import ctypes
import sys


def give_back() -> None:
    """Some milliseconds; does nothing where there is no glibc."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
