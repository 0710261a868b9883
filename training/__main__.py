"""`python -m training STAGE …`: one file a stage, imported when it is asked for."""

import importlib
import sys

STAGES = ("tokens", "adapt", "join", "stats", "retrain", "evaluate", "behave", "compare", "label")


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in STAGES:
        sys.exit(f"usage: python -m training {{{','.join(STAGES)}}} …")
    importlib.import_module(f"training.{sys.argv[1]}").main(sys.argv[2:])


if __name__ == "__main__":
    main()
