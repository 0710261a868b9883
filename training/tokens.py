"""Stage `tokens`: plain text → token ids on disk, ready for masked-language-model training.

Every sentence becomes `[CLS] … [SEP]`, as the model will read reviews later. Sentence cuts are coarse here (end marks
followed by white space): pre-training does not need better, and a hundred megabytes take a minute.
"""

import argparse
import json
import lzma
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tqdm import tqdm

from training.files import write_atomically

SENTENCE_END = re.compile(r"(?<=[.!?…])\s+(?=\S)|\n+")
PASSAGES_AT_ONCE = 2000
HELD_OUT = 65536  # tokens kept apart for the held-out loss


def read_passages(path: Path) -> Iterator[str]:
    """Passages of a `.txt`, `.jsonl` (field `text` or `sentences`) or `.rev` file, plain or `.xz`."""
    kind = path.name.removesuffix(".xz").rsplit(".", 1)[-1]
    with lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8") as lines:
        if kind == "rev":
            yield from (
                "\n".join(line.partition("\t")[0] for line in block.split("\n") if not line.startswith("## "))
                for block in lines.read().split("\n\n")
            )
        elif kind == "jsonl":
            records = map(json.loads, lines)
            yield from (r["text"] if "text" in r else "\n".join(r["sentences"]) for r in records)
        else:
            yield from lines


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training tokens", description="Token ids of plain text, for `adapt`.")
    parser.add_argument("texts", nargs="+", type=Path)
    parser.add_argument("--base", type=Path, required=True, help="folder with tokenizer.json")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a .npy file")
    options = parser.parse_args(arguments)
    tokenizer = Tokenizer.from_file(str(options.base / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    passages = [passage for path in options.texts for passage in read_passages(path)]
    random.Random(0).shuffle(passages)
    kept: list[np.ndarray] = []
    for start in tqdm(range(0, len(passages), PASSAGES_AT_ONCE), unit_scale=PASSAGES_AT_ONCE, unit=" passages"):
        chunk = passages[start : start + PASSAGES_AT_ONCE]
        sentences = [part for passage in chunk for part in SENTENCE_END.split(passage.strip()) if part.strip()]
        kept.append(_encode(tokenizer, sentences))
    ids = np.concatenate(kept)
    for path, part in ((options.output, ids[:-HELD_OUT]), (options.output.with_suffix(".held-out.npy"), ids[-HELD_OUT:])):
        with write_atomically(path) as temporary:
            np.save(temporary, part)
        print(f"{path}: {len(part):,} tokens")


def _encode(tokenizer: Tokenizer, sentences: list[str]) -> np.ndarray:
    encodings = tokenizer.encode_batch_fast(sentences)
    return np.fromiter((i for e in encodings for i in e.ids), dtype=np.uint16)
