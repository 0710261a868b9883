"""Free memory that the C library keeps for itself goes back to the system: after a large body, after another bundle."""

import ctypes
import gc
import sys


def give_back() -> None:
    """Some milliseconds; does nothing where there is no glibc."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def forget() -> None:
    """The same, after objects that hold each other (a bundle that is no longer needed) are gone; a tenth of a second."""
    gc.collect()
    give_back()
