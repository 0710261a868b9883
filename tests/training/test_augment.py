"""What is done to a review before the network sees it: words change, labels stay with their sentences."""

import random
from pathlib import Path

import numpy as np
import torch
from transformers import AutoTokenizer

from training.augment import LONGEST_JOINED, disturb, joined
from training.train import masked

REVIEWS = [([f"zin {number} {row}" for row in range(1 + number % 7)], number) for number in range(60)]
LABELLED = [(sentences, np.array([[number, row] for row in range(len(sentences))])) for sentences, number in REVIEWS]


def test_joining_and_cutting_lose_no_sentence_and_no_label() -> None:
    dice = random.Random(0)
    cut = [item for sentences, labels in LABELLED for item in disturb(sentences, labels, 0.0, dice)]
    drawn = list(joined(cut, 0.5, dice))
    assert len(drawn) < len(LABELLED) and max(len(sentences) for sentences, _ in drawn) <= LONGEST_JOINED
    seen = [(sentence, *row) for sentences, labels in drawn for sentence, row in zip(sentences, labels.tolist(), strict=True)]
    assert sorted(seen) == sorted((s, n, r) for sentences, n in REVIEWS for r, s in enumerate(sentences))


def test_only_words_are_hidden_and_no_more_than_asked(bert: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(bert)
    torch.manual_seed(0)
    ids = torch.randint(5, len(tokenizer), (200, 40))
    ids[:, 0], ids[:, -1] = tokenizer.cls_token_id, tokenizer.pad_token_id
    found = masked(ids, tokenizer, 0.4)
    hidden = found == tokenizer.mask_token_id
    assert torch.equal(found[~hidden], ids[~hidden])
    assert not hidden[:, 0].any() and not hidden[:, -1].any()
    assert 0.15 < hidden[:, 1:-1].float().mean() < 0.25
    assert torch.equal(masked(ids, tokenizer, 0.0), ids)
