"""From the packed multilingual encoder to a base of one language: `unpack` and `trim`."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from training import trim, unpack
from training.errors import BaseError
from training.train import encoder_of

PIECES = [
    ("<s>", 0.0),
    ("<pad>", 0.0),
    ("</s>", 0.0),
    ("<unk>", 0.0),
    ("▁fijn", -1.0),
    ("▁", -2.0),
    ("▁слово", -3.0),
    ("n", -4.0),
    ("<mask>", 0.0),
]
WIDTH, INNER, POSITIONS = 32, 64, 40


def _packed(random: np.random.Generator) -> tuple[bytes, dict[str, np.ndarray]]:
    """A file of one layer, and the matrices in it."""
    matrices, tensors = {}, {}

    def matrix(name: str, rows: int, columns: int) -> None:
        whole = random.integers(0, 16, (rows * columns // 32, 32), dtype=np.uint8)
        steps = random.uniform(0.01, 0.02, len(whole)).astype("<f2")
        matrices[name] = ((whole.astype(np.float32) - 8) * steps.astype(np.float32)[:, None]).reshape(rows, columns)
        packed = whole[:, :16] | (whole[:, 16:] << 4)
        tensors[name] = b"".join(step.tobytes() + block.tobytes() for step, block in zip(steps, packed, strict=True))

    def vector(name: str, size: int) -> None:
        tensors[name] = random.normal(size=size).astype("<f4").tobytes()

    matrix("emb.word", len(PIECES), WIDTH)
    vector("emb.pos", POSITIONS * WIDTH)
    vector("emb.type", 2 * WIDTH)
    vector("emb.ln.w", WIDTH)
    vector("emb.ln.b", WIDTH)
    for part, rows, columns in (
        ("q", WIDTH, WIDTH),
        ("k", WIDTH, WIDTH),
        ("v", WIDTH, WIDTH),
        ("ao", WIDTH, WIDTH),
        ("fi", INNER, WIDTH),
        ("fo", WIDTH, INNER),
    ):
        matrix(f"l0.{part}.w", rows, columns)
        vector(f"l0.{part}.b", rows)
    for part in ("aln", "oln"):
        vector(f"l0.{part}.w", WIDTH)
        vector(f"l0.{part}.b", WIDTH)
    letters = b"".join(piece.encode() for piece, _ in PIECES)
    ends = np.cumsum([0] + [len(piece.encode()) for piece, _ in PIECES]).astype("<u4")
    head = b"E5S1" + struct.pack("<I7ifi", 1, WIDTH, 1, 2, INNER, len(PIECES), POSITIONS, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(letters)) + ends.tobytes()
    head += np.array([score for _, score in PIECES], "<f4").tobytes() + letters + struct.pack("<iI", 0, 0)
    size_of_names = sum(2 + len(name) + 5 + 16 for name in tensors)
    at, names = len(head) + 4 + size_of_names, struct.pack("<i", len(tensors))
    for name, content in tensors.items():
        names += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", 0, 0, at, len(content))
        at += len(content)
    return head + names + b"".join(tensors.values()), matrices


@pytest.fixture
def unpacked(tmp_path: Path) -> tuple[Path, dict[str, np.ndarray]]:
    data, matrices = _packed(np.random.default_rng(0))
    (tmp_path / "e5-small-q4.bin").write_bytes(data)
    unpack.main([str(tmp_path / "e5-small-q4.bin"), "-o", str(tmp_path / "whole")])
    return tmp_path / "whole", matrices


def test_unpacked_weights_are_the_packed_ones(unpacked: tuple[Path, dict[str, np.ndarray]]) -> None:
    folder, matrices = unpacked
    model = AutoModel.from_pretrained(folder, dtype=torch.float32)
    np.testing.assert_array_equal(model.embeddings.word_embeddings.weight.detach(), matrices["emb.word"])
    np.testing.assert_array_equal(model.encoder.layer[0].output.dense.weight.detach(), matrices["l0.fo.w"])
    assert AutoTokenizer.from_pretrained(folder).tokenize("fijn") == ["▁fijn"]


def test_a_trimmed_encoder_reads_its_language_as_before(unpacked: tuple[Path, dict[str, np.ndarray]], tmp_path: Path) -> None:
    whole, _ = unpacked
    (tmp_path / "texts.txt").write_text("fijn\n" * 9 + "n")
    trim.main([str(tmp_path / "texts.txt"), "--base", str(whole), "--lower", "-o", str(tmp_path / "cut")])
    hidden = []
    for folder in (whole, tmp_path / "cut"):
        encoder = encoder_of(folder, 32)
        [[window]] = encoder.encode([["fijn"]])
        model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        hidden.append(model(torch.from_numpy(window.ids)[None]).last_hidden_state.detach())
    torch.testing.assert_close(hidden[0], hidden[1], atol=2e-2, rtol=0)  # kept in half precision
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "cut")
    assert len(tokenizer) == len(PIECES) - 1
    assert tokenizer.tokenize("FIJN") == ["▁fijn"]
    assert tokenizer.mask_token_id == len(tokenizer) - 1


def test_what_cannot_be_unpacked_or_trimmed_says_what_is_wanted(tmp_path: Path, bert: Path) -> None:
    (tmp_path / "other.bin").write_bytes(b"GGUF")
    with pytest.raises(BaseError, match=r"other\.bin: does not begin with E5S1"):
        unpack.main([str(tmp_path / "other.bin"), "-o", str(tmp_path / "x")])
    (tmp_path / "texts.txt").write_text("fijn")
    with pytest.raises(BaseError, match="trim reads SentencePiece Unigram tokenizers, this is WordPiece"):
        trim.main([str(tmp_path / "texts.txt"), "--base", str(bert), "-o", str(tmp_path / "x")])
