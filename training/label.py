"""`python -m training label STEP …`: the labelling loop, one file a step, imported when it is asked for."""

import importlib
import sys

from training.errors import DataError

STEPS = ("guide", "project", "tasks", "convert", "agree", "adjudicate", "next", "suspects", "correct", "feedback", "curve")


def main(arguments: list[str]) -> None:
    if not arguments or arguments[0] not in STEPS:
        sys.exit(
            f"usage: python -m training label {{{','.join(STEPS)}}} …; `label STEP --help` says more, docs/labelling.md most"
        )
    try:
        importlib.import_module(f"training.labelling.{arguments[0]}").main(arguments[1:])
    except DataError as error:
        sys.exit(f"label {arguments[0]}: {error}")
