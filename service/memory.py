"""Free memory that the C library keeps for itself goes back to the system: after a large body, after another bundle."""

import ctypes
import gc
import sys

MUCH = 20_000  # objects: searching those takes some 10 ms


def give_back() -> None:
    """Some milliseconds; does nothing where there is no glibc."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def settle() -> None:
    """From now on only what is made later is searched for rubbish: all that was loaded takes a tenth of a second each time, in which
    nothing else runs."""
    gc.freeze()


def settle_more() -> None:
    """After a job: the first loads twice as much again as there was. What is not much is left, for rubbish that is settled stays."""
    gc.collect()
    if len(gc.get_objects()) > MUCH:
        settle()


def unsettle() -> None:
    """The service ends, the process may not."""
    gc.unfreeze()


def forget() -> None:
    """After another bundle: objects of the old one that hold each other go, which takes a tenth of a second, and the new is settled."""
    unsettle()
    gc.collect()
    settle()
    give_back()
