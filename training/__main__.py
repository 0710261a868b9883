"""`python -m training STAGE …`: one file a stage, imported when it is asked for."""

import importlib
import sys

from safetensors import SafetensorError

from model.errors import ModelError
from training.errors import TrainingError

STAGES = ("check", "stats", "tokens", "trim", "adapt", "join", "retrain", "reference", "evaluate", "behave", "compare", "label")
AGAIN = "nothing half-written is left; give the same command again and it goes on from what is finished"


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in STAGES:
        sys.exit(f"usage: python -m training {{{','.join(STAGES)}}} …")
    stage = importlib.import_module(f"training.{sys.argv[1]}")
    try:
        stage.main(sys.argv[2:])
    except (TrainingError, ModelError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
    except (OSError, SafetensorError) as error:
        sys.exit(f"{sys.argv[1]}: a file cannot be read or written: {error}; free space or mend the path: {AGAIN}")
    except KeyboardInterrupt:
        sys.exit(f"{sys.argv[1]}: interrupted; {AGAIN}")


if __name__ == "__main__":
    main()
