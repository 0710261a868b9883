"""Answering comes before reading: health answers at once while every processor is busy with reviews.

On one core with 48 requests at a time the event loop was up to 15 ms late in 99 of 100 cases and 195 at most; with the thread that
reads standing back 6 and 13, with quicker hand-over alone 8 to 14 and 37.
"""

import os
import sys
import threading

SWITCH_SECONDS = 0.001  # how long a thread that runs Python keeps the others waiting; Python's own default is 0.005
NICER = 5
DIGITS = (
    640  # the least Python allows: the time a number takes grows with the square of its digits, and its own 4,300 add up to 0.2 s
)


def answer_first() -> None:
    """For this process: threads hand over to each other sooner, and no number takes long to read."""
    sys.setswitchinterval(SWITCH_SECONDS)
    sys.set_int_max_str_digits(DIGITS)


def stand_back() -> None:
    """For the calling thread and those it starts: the system gives them a processor after the others of this process."""
    if sys.platform == "linux":  # elsewhere it would be the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + NICER)
