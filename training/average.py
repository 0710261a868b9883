"""The mean of several trained models' weights: of rounds that went on from each other it reads unseen texts better than the last
alone (Wortsman et al. 2022, model soups; figures in LOG.md)."""

import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from training.files import write_folder_atomically

WEIGHTS = "model.safetensors"


def average(folders: list[Path], output: Path) -> None:
    """Write the mean of the weights in `folders` to `output`, whole or not at all; all else as in the last of them."""
    with write_folder_atomically(output) as made:
        shutil.copytree(folders[-1], made, dirs_exist_ok=True)
        weights = [load_file(folder / WEIGHTS) for folder in folders]
        mean = {
            name: (sum(found[name].double() for found in weights) / len(weights)).to(tensor.dtype)
            for name, tensor in weights[-1].items()
        }
        save_file(mean, made / WEIGHTS, {"format": "pt"})
