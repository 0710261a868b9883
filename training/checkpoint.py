"""Where a training stands, in one safetensors file: tensors, and facts as JSON in its header. No pickle."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from training.files import write_atomically

OPTIMIZER = "optimizer."


def save(path: Path, tensors: dict[str, Tensor], optimizer: torch.optim.Optimizer, facts: dict[str, Any]) -> None:
    """Write all of it, whole or not at all; raises OSError."""
    state = optimizer.state_dict()["state"]
    own = {f"{OPTIMIZER}{number}.{key}": tensor for number, found in state.items() for key, tensor in found.items()}
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in {**tensors, **own}.items()}
    with write_atomically(path) as temporary:
        try:
            save_file(copies, temporary, metadata={"facts": json.dumps(facts)})
        except SafetensorError as error:
            raise OSError(f"{path} cannot be written: {error}") from error


def read_facts(path: Path) -> dict[str, Any] | None:
    """The facts of a checkpoint; None where there is none that can be read."""
    try:
        with safe_open(path, framework="pt") as file:
            facts: dict[str, Any] = json.loads(file.metadata()["facts"])
            return facts
    except (OSError, SafetensorError, KeyError, TypeError):
        return None


def load(path: Path, optimizer: torch.optim.Optimizer, device: str) -> dict[str, Tensor]:
    """Put the optimizer back where it was and give the other tensors."""
    with safe_open(path, framework="pt", device=device) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    state: dict[int, dict[str, Tensor]] = {}
    for name in [name for name in tensors if name.startswith(OPTIMIZER)]:
        number, _, key = name.removeprefix(OPTIMIZER).partition(".")
        state.setdefault(int(number), {})[key] = tensors.pop(name)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return tensors
