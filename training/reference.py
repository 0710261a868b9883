"""Stage `reference`: put into a bundle what reviews like those it will meet look like, as counts, for the service's gauge of drift."""

import argparse
from pathlib import Path

from model.taxonomy import Taxonomy
from training.dataset import read
from training.export import add_reference


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training reference", description="What reviews should look like, counted into a bundle.")
    parser.add_argument("bundle", type=Path, help="folder of the bundle; it changes, and so does its sha256")
    parser.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        help="reviews as they come in, best ones it was not trained on; labels are not used",
    )
    options = parser.parse_args(arguments)
    found = add_reference(options.bundle, read(options.data, Taxonomy.load()))
    print(f"{options.bundle}: {found.reviews} reviews; commonest: ", end="")
    print(
        ", ".join(
            f"{name} {found.labels[name] / found.reviews:.0%}"
            for name in sorted(found.labels, key=lambda n: -found.labels[n])[:5]
        )
    )
