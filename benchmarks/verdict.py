"""The last lines of a benchmark: each aim with what was measured, and the exit status."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Aim:
    """What was to be reached, what came of it, and whether that is it."""

    wanted: str
    measured: str
    met: bool


def judge(aims: list[Aim]) -> None:
    """Print a line an aim; ends with status 1 where one is missed."""
    print()
    for aim in aims:
        print(f"{'met' if aim.met else 'MISSED'}: {aim.wanted}; measured: {aim.measured}")
    if not all(aim.met for aim in aims):
        sys.exit(1)
