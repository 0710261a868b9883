"""Tiny encoders of three architectures, with tokenizers of their own family, and a handful of labelled reviews."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

REVIEWS = """## webshop | 2 | web
Bestelling kwam vier dagen te laat.\tn b- @as
Klantenservice onbereikbaar, drie kwartier in de wacht.\tn e- @as

## camping | 5 | web
We voelden ons er meteen thuis.\tp be+ @as

## bank | 1 | letter
Mijn gegevens liggen op straat.\tn se- @as
Ik heb er geen vertrouwen meer in.\tn cf- @re

## bakker | 4 | survey
Vriendelijk geholpen en lekker brood.\tp e+ b+ @pu
Dinsdag gesloten.\t0
"""
SMALL: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def _save(folder: Path, tokenizer: Tokenizer, model_class: Any, config_class: Any, marks: tuple[str, str, str, str, str]) -> Path:
    start, end, padding, unknown, mask = marks
    pair = [(token, tokenizer.token_to_id(token)) for token in (start, end)]
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{start} $A {end}", special_tokens=pair)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token=start, sep_token=end, pad_token=padding, unk_token=unknown, mask_token=mask
    )
    fast.save_pretrained(folder)
    config = config_class(
        vocab_size=len(fast), max_position_embeddings=130, pad_token_id=fast.pad_token_id, **SMALL,
        bos_token_id=fast.cls_token_id, eos_token_id=fast.sep_token_id, cls_token_id=fast.cls_token_id, sep_token_id=fast.sep_token_id,
    )  # fmt: skip
    model_class(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session", params=["bert", "roberta", "modernbert"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("bert", tmp_path_factory.mktemp("bert"))


def make(kind: str, folder: Path) -> Path:
    """An encoder of a kind with random weights."""
    words = REVIEWS.replace("\t", " ").splitlines()
    if kind == "bert":
        marks = ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.train_from_iterator(words, trainers.WordPieceTrainer(vocab_size=200, special_tokens=list(marks)))
        return _save(folder, tokenizer, BertForMaskedLM, BertConfig, marks)
    marks = ("<s>", "</s>", "<pad>", "<unk>", "<mask>") if kind == "roberta" else ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
    tokenizer = Tokenizer(models.BPE(unk_token=marks[3]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [marks[0], marks[2], marks[1], *marks[3:]]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(words, trainer)
    model, config = (RobertaForMaskedLM, RobertaConfig) if kind == "roberta" else (ModernBertForMaskedLM, ModernBertConfig)
    return _save(folder, tokenizer, model, config, marks)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "mini.rev"
    path.write_text(REVIEWS, encoding="utf-8")
    return path
