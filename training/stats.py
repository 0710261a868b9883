"""Stage `stats`: count the labels of labelled reviews, in all and by register, sector or source."""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from model.taxonomy import Taxonomy
from training.dataset import read
from training.readings import review_labels


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training stats", description="Count the labels of labelled reviews.")
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--by", choices=("source", "sector", "register"), default="source")
    parser.add_argument("--most", type=int, default=8, help="how many groups to show")
    options = parser.parse_args(arguments)
    taxonomy = Taxonomy.load()
    reviews = read(options.data, taxonomy)
    labels = review_labels(reviews, taxonomy).astype(bool)
    group = [getattr(review, options.by) for review in reviews]
    shown = [name for name, _ in Counter(group).most_common(options.most)]
    print(f"{len(reviews)} reviews, {sum(len(review.sentences) for review in reviews)} sentences\n")
    print(f"| reviews with | all | {' | '.join(name or '-' for name in shown)} |")
    print("|---" * (len(shown) + 2) + "|")
    rows = {name: labels[:, column] for column, name in enumerate(taxonomy.output_names)}
    rows["no label"] = np.logical_not(labels.any(axis=1))
    for name, has in rows.items():
        counts = Counter(g for g, yes in zip(group, has, strict=True) if yes)
        print(f"| {name} | {has.sum()} | {' | '.join(str(counts[g]) for g in shown)} |")
