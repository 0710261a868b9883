"""Stage `trim`: a multilingual encoder → the same encoder with the tokens of one language alone.

Most of a multilingual encoder is the vectors of tokens that no text in the language uses. What it makes of the texts it was trimmed on
stays the same (Abdaoui et al. 2020, "Load What You Need: Smaller Versions of Multilingual BERT"), rare tokens excepted: they fall apart.
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import nn
from tqdm import tqdm
from transformers import AutoModel, PreTrainedTokenizerFast

from training.errors import BaseError
from training.files import write_folder_atomically
from training.tokens import read_passages
from training.train import tokenizer_of

PASSAGES_AT_ONCE = 2000
MARKS = ("bos_token", "cls_token", "eos_token", "sep_token", "pad_token", "unk_token", "mask_token")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training trim", description="Cut a multilingual encoder down to the tokens of some texts.")
    parser.add_argument("texts", nargs="+", type=Path, help="text, JSON lines or .rev, plain or .xz")
    parser.add_argument("--base", required=True, help="folder or hub id of an encoder with a SentencePiece Unigram tokenizer")
    parser.add_argument("--least", type=int, default=9, help="occurrences of a token worth keeping")
    parser.add_argument("--lower", action="store_true", help="read capitals as small letters from now on")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    torch.manual_seed(0)  # a pooler may be made up: the same one each time
    tokenizer = tokenizer_of(options.base)
    whole: dict[str, Any] = {**json.loads(tokenizer.backend_tokenizer.to_str()), "truncation": None, "padding": None}
    if whole["model"]["type"] != "Unigram":
        raise BaseError(f"{options.base}: trim reads SentencePiece Unigram tokenizers, this is {whole['model']['type']}")
    if options.lower:
        steps = [step for step in ({"type": "Lowercase"}, whole["normalizer"]) if step]
        whole["normalizer"] = {"type": "Sequence", "normalizers": steps}
    counts = _count(Tokenizer.from_str(json.dumps(whole)), options.texts)
    pieces = whole["model"]["vocab"]
    special = {token["id"] for token in whole["added_tokens"]}
    kept = [
        number for number, (piece, _) in enumerate(pieces)
        if number in special or counts[number] >= options.least or (len(piece) == 1 and counts[number])
    ]  # fmt: skip
    kept += sorted(special - set(kept))  # an added token may stand outside the vocabulary
    model = AutoModel.from_pretrained(options.base)
    table = model.get_input_embeddings()
    model.set_input_embeddings(nn.Embedding.from_pretrained(table.weight.detach()[kept].clone(), freeze=False))
    model.config.vocab_size = len(kept)
    trimmed = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(_keep(whole, kept))), **{mark: getattr(tokenizer, mark) for mark in MARKS}
    )
    for mark in ("bos", "eos", "pad"):
        setattr(model.config, f"{mark}_token_id", getattr(trimmed, f"{mark}_token_id"))
    with write_folder_atomically(options.output) as folder:
        model.half().save_pretrained(folder)
        trimmed.save_pretrained(folder)
    share = sum(counts[number] for number in kept) / max(counts.total(), 1)
    print(f"{len(kept):,} of {len(pieces):,} tokens kept: {share:.2%} of what the texts are made of")


def _count(tokenizer: Tokenizer, texts: list[Path]) -> Counter[int]:
    counts: Counter[int] = Counter()
    passages = [passage.strip() for path in texts for passage in read_passages(path)]
    for start in tqdm(range(0, len(passages), PASSAGES_AT_ONCE), unit_scale=PASSAGES_AT_ONCE, unit=" passages"):
        for encoding in tokenizer.encode_batch_fast(passages[start : start + PASSAGES_AT_ONCE], add_special_tokens=False):
            counts.update(encoding.ids)
    return counts


def _keep(whole: dict[str, Any], kept: list[int]) -> dict[str, Any]:
    """The definition with the kept tokens alone, numbered anew."""
    new = {old: number for number, old in enumerate(kept)}
    pieces, unknown = whole["model"]["vocab"], whole["model"]["unk_id"]
    added = [{**token, "id": new[token["id"]]} for token in whole["added_tokens"]]
    names = {token["id"]: token["content"] for token in whole["added_tokens"]}
    vocabulary = [pieces[old] if old < len(pieces) else [names[old], 0.0] for old in kept]
    model = {**whole["model"], "vocab": vocabulary, "unk_id": new[unknown]}
    frame = whole["post_processor"]  # `<s> … </s>` with their numbers; ours are put around sentences by model/encode.py
    return {**whole, "added_tokens": added, "model": model, "post_processor": _renumbered(frame, new)}


def _renumbered(frame: Any, new: dict[int, int]) -> Any:
    """A post-processor with the new numbers of its tokens, wherever they stand under `ids`."""
    if isinstance(frame, dict):
        return {key: [new[old] for old in part] if key == "ids" else _renumbered(part, new) for key, part in frame.items()}
    return [_renumbered(part, new) for part in frame] if isinstance(frame, list) else frame
