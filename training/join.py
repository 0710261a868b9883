"""Stage `join`: our labels of other people's texts + those texts → labelled reviews.

The texts are not ours to ship, the labels are: a line of labels names its text by sha256 and its sentences by where
they stand in the normalised text.
"""

import argparse
import hashlib
import json
import lzma
from pathlib import Path

from model.normalise import normalise
from training.files import write_atomically


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training join", description="Bring labels and the texts they belong to together.")
    parser.add_argument("--labels", type=Path, required=True, help="JSON lines of sha256, spans and labels")
    parser.add_argument("--texts", type=Path, required=True, help="JSON lines (.xz) with the texts")
    parser.add_argument("-o", "--output", type=Path, required=True, help="labelled reviews, JSON lines")
    options = parser.parse_args(arguments)
    labelled = {record["sha256"]: record for record in map(json.loads, options.labels.read_text(encoding="utf-8").splitlines())}
    joined = []
    with lzma.open(options.texts, "rt", encoding="utf-8") as lines:
        for review in map(json.loads, lines):
            record = labelled.pop(text_hash(review["text"]), None)
            if record is not None:
                clean = normalise(review["text"]).text
                sentences = [clean[start:end] for start, end in record["spans"]]
                joined.append({**review, "id": record["sha256"][:12], "sentences": sentences, "labels": record["labels"]})
    with write_atomically(options.output) as temporary:
        temporary.write_text("".join(json.dumps(review, ensure_ascii=False) + "\n" for review in joined), encoding="utf-8")
    print(f"{len(joined)} reviews joined; {len(labelled)} texts not found")


def text_hash(text: str) -> str:
    """What names a text without giving it away."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
