"""From a multilingual encoder to one of one language: `trim`."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, PreTrainedTokenizerFast

from training import trim
from training.errors import BaseError
from training.train import encoder_of

PIECES = [
    ("<s>", 0.0),
    ("<pad>", 0.0),
    ("</s>", 0.0),
    ("<unk>", 0.0),
    ("▁слово", -3.0),
    ("▁fijn", -1.0),
    ("▁", -2.0),
    ("n", -4.0),
]


@pytest.fixture
def multilingual(tmp_path: Path) -> Path:
    """A tiny encoder with a tokenizer as XLM-R and multilingual E5 have it."""
    tokenizer = Tokenizer(models.Unigram([*PIECES, ("<mask>", 0.0)], unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="<s>", sep_token="</s>", pad_token="<pad>", unk_token="<unk>", mask_token="<mask>"
    )
    fast.save_pretrained(tmp_path / "whole")
    config = BertConfig(
        vocab_size=len(fast), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, pad_token_id=1
    )
    BertModel(config).save_pretrained(tmp_path / "whole")
    return tmp_path / "whole"


def test_a_trimmed_encoder_reads_its_language_as_before(multilingual: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("fijn\n" * 9 + "n")
    trim.main([str(tmp_path / "texts.txt"), "--base", str(multilingual), "--lower", "-o", str(tmp_path / "cut")])
    hidden = []
    for folder in (multilingual, tmp_path / "cut"):
        encoder = encoder_of(folder, 32)
        [[window]] = encoder.encode([["fijn n"]])
        model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
        hidden.append(model(torch.from_numpy(window.ids)[None]).last_hidden_state.detach())
    torch.testing.assert_close(hidden[0], hidden[1], atol=2e-2, rtol=0)  # kept in half precision
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "cut")
    assert len(tokenizer) == len(PIECES)  # the Russian word is gone
    assert tokenizer.tokenize("FIJN") == ["▁fijn"]
    assert tokenizer("fijn")["input_ids"] == [0, 4, 2]


def test_what_cannot_be_trimmed_says_what_is_wanted(tmp_path: Path, bert: Path) -> None:
    (tmp_path / "texts.txt").write_text("fijn")
    with pytest.raises(BaseError, match="nowhere: cannot be opened"):
        trim.main([str(tmp_path / "texts.txt"), "--base", "nowhere", "-o", str(tmp_path / "out")])
    with pytest.raises(BaseError, match="trim reads SentencePiece Unigram tokenizers, this is WordPiece"):
        trim.main([str(tmp_path / "texts.txt"), "--base", str(bert), "-o", str(tmp_path / "x")])
