"""Stage `adapt`: continue the masked-language-model pre-training of an encoder on token ids made by `tokens`.

Two objectives share one pass: whole words are masked and predicted (BERT, Devlin et al. 2019; whole-word masking),
and every sentence's `[CLS]` predicts the words of its sentence as a bag, so that `[CLS]` learns to hold what a sentence
says before the first label is seen (after RetroMAE, Xiao et al. 2022, in its simplest form).

The run is budgeted in minutes, on a GPU or a CPU alike, and the learning rate follows the share of the budget that is
spent: linear warm-up, then a cosine to a hundredth. A deeper encoder than the base is grown by repeating its layers
(progressive stacking, Gong et al. 2019).
"""

import argparse
import json
import math
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer

from training import checkpoint

CHECKPOINT_MINUTES = 10


class SentenceBag(nn.Module):
    """The head that lets a sentence's `[CLS]` vector predict which words its sentence holds."""

    def __init__(self, width: int, vocabulary: int) -> None:
        super().__init__()
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, hidden: Tensor, embeddings: Tensor) -> Tensor:
        return functional.linear(self.transform(hidden), embeddings, self.bias)


class Stream:
    """Token ids of one file; gives sequences that start at a sentence."""

    def __init__(self, path: Path, cls: int, length: int) -> None:
        self.ids = np.load(path, mmap_mode="r")
        starts = np.flatnonzero(np.asarray(self.ids) == cls)
        self.starts = starts[starts < len(self.ids) - length]
        self.length = length

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        first = self.starts[random.integers(len(self.starts), size=count)]
        return np.asarray(self.ids)[first[:, None] + np.arange(self.length)].astype(np.int64)


def grow(base: Path, layers: int) -> Any:
    """The base's masked-language model with `layers` layers: the base's own, each repeated, bottom to top."""
    config = AutoConfig.from_pretrained(base)
    small = AutoModelForMaskedLM.from_pretrained(base, dtype=torch.float32)
    config.num_hidden_layers, had = layers, config.num_hidden_layers
    attention = "sdpa" if torch.cuda.is_available() else "eager"  # sdpa's backward is slow on CPU: eager is 1.8 times as fast
    model = AutoModelForMaskedLM.from_config(config, attn_implementation=attention, dtype=torch.float32)
    weights = {}
    for name, tensor in small.state_dict().items():
        head, found, tail = name.partition(".layer.")
        index, _, rest = tail.partition(".")
        if not found:
            weights[name] = tensor
            continue
        for copy in range(layers):
            if copy * had // layers == int(index):
                weights[f"{head}.layer.{copy}.{rest}"] = tensor.clone()
    model.load_state_dict(weights)
    return model


def mask_words(ids: Tensor, share: float, starts_word: Tensor, special: Tensor, mask: int) -> tuple[Tensor, Tensor]:
    """Choose whole words with probability `share`; 80 % become `[MASK]`, 10 % a random token, 10 % stay."""
    words = (starts_word[ids].cumsum(1) - 1).clamp(min=0)
    chosen = torch.rand(ids.shape, device=ids.device).gather(1, words) < share
    chosen &= ~special[ids]
    dice = torch.rand(ids.shape, device=ids.device)
    masked = torch.where(chosen & (dice < 0.8), mask, ids)
    stray = torch.randint_like(ids, len(starts_word))
    return torch.where(chosen & (dice >= 0.9), stray, masked), chosen


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training adapt", description="Masked-language-model pre-training.")
    parser.add_argument("config", type=Path)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--tokens", type=Path, required=True, help="folder with the .npy files the curriculum names")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--minutes", type=float, help="budget; overrides the configuration")
    options = parser.parse_args(arguments)
    config = tomllib.loads(options.config.read_text())
    budget = 60 * (options.minutes or config["minutes"])
    torch.manual_seed(config["seed"])
    random = np.random.default_rng(config["seed"])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")

    tokenizer = AutoTokenizer.from_pretrained(options.base)
    vocabulary = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    starts_word = torch.tensor([not t.startswith("##") for t in vocabulary], device=device)
    special = torch.zeros(len(vocabulary), dtype=torch.bool, device=device)
    special[tokenizer.all_special_ids] = True
    cls, mask = tokenizer.cls_token_id, tokenizer.mask_token_id

    model = grow(options.base, config["layers"]).to(device).train()
    bag = SentenceBag(model.config.hidden_size, len(vocabulary)).to(device)
    modules = nn.ModuleDict({"model": model, "bag": bag})
    decays = [p for p in modules.parameters() if p.ndim > 1]
    others = [p for p in modules.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decays, "weight_decay": config["weight_decay"]}, {"params": others, "weight_decay": 0.0}],
        lr=config["learning_rate"], betas=(0.9, 0.98), eps=1e-6, fused=True,
    )  # fmt: skip
    encoder, head = model.base_model, model.get_output_embeddings()
    if device == "cuda":
        for layer in encoder.encoder.layer:
            layer.compile()
    names = sorted({name for phase in config["phases"] for name in phase["mix"]})
    streams = {name: Stream(options.tokens / f"{name}.npy", cls, config["sequence"]) for name in names}
    held_out = {name: torch.from_numpy(np.load(options.tokens / f"{name}.held-out.npy").astype(np.int64)) for name in names}
    counts = np.bincount(np.concatenate([np.asarray(s.ids)[:2_000_000] for s in streams.values()]), minlength=len(vocabulary))
    rarity = torch.tensor(1 / np.sqrt(counts + 100), dtype=torch.float32, device=device)

    def losses(ids: Tensor, share: float) -> tuple[Tensor, Tensor]:
        masked, chosen = mask_words(ids, share, starts_word, special, mask)
        with torch.autocast(device, dtype=torch.bfloat16):
            hidden = encoder(input_ids=masked).last_hidden_state
            logits = head(model.cls.predictions.transform(hidden[chosen]))
            is_start = ids == cls
            bags = bag(hidden[is_start], head.weight)
        mlm = functional.cross_entropy(logits.float(), ids[chosen])
        sentence = (is_start.flatten().cumsum(0) - 1).view_as(ids)
        words = ~special[ids] & (sentence >= 0)
        log_probability = bags.float() - bags.float().logsumexp(-1, keepdim=True)
        weight = rarity[ids[words]]
        return mlm, -(weight * log_probability[sentence[words], ids[words]]).sum() / weight.sum()

    def evaluate() -> dict[str, float]:
        torch.manual_seed(0)
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            found = {}
            for name, ids in held_out.items():
                parts = [losses(part.to(device), 0.15)[0].item() for part in ids.view(-1, config["sequence"])[:128].split(32)]
                found[name] = sum(parts) / len(parts)
            return found

    state = options.output / "checkpoint.safetensors"
    spent, step, log = 0.0, 0, []
    if facts := checkpoint.read_facts(state):
        modules.load_state_dict(checkpoint.load(state, optimizer, device))
        spent, step, log = facts["spent"], facts["step"], facts["log"]
        random = np.random.default_rng(config["seed"] + step)
    log.append({"step": step, "held_out": evaluate()})
    print(log[-1], flush=True)
    resumed, begun, saved_at, total, bar = (
        spent,
        time.monotonic(),
        spent,
        torch.zeros(2, device=device),
        tqdm(total=budget, initial=spent, unit="s"),
    )
    while spent < budget:
        progress = spent / budget
        warm = config["warm_up"]
        rate = progress / warm if progress < warm else 0.505 + 0.495 * math.cos(math.pi * (progress - warm) / (1 - warm))
        for group in optimizer.param_groups:
            group["lr"] = config["learning_rate"] * max(rate, 1e-3)
        phase = next(p for p in config["phases"] if progress < p["until"])
        for _ in range(config["accumulate"]):
            drawn = [streams[n].draw(round(config["batch"] * share), random) for n, share in phase["mix"].items()]
            ids = torch.from_numpy(np.concatenate(drawn))
            if device == "cuda":
                ids = ids.pin_memory().to(device, non_blocking=True)
            mlm, bagged = losses(ids, phase["masking"])
            ((mlm + config["bag_weight"] * bagged) / config["accumulate"]).backward()
            total += torch.stack([mlm.detach(), bagged.detach()]) / config["accumulate"]
        nn.utils.clip_grad_norm_(modules.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        if device == "cuda" and step % 8:  # let the queue run ahead of the clock
            continue
        now = resumed + time.monotonic() - begun
        bar.update(now - spent)
        spent = now
        if step % config["log_every"] == 0:
            means = (total / config["log_every"]).tolist()
            total.zero_()
            log.append({"step": step, "seconds": round(spent), "mlm": means[0], "bag": means[1]})
            print(log[-1], flush=True)
        if spent - saved_at > 60 * CHECKPOINT_MINUTES:
            saved_at = spent
            checkpoint.save(state, modules.state_dict(), optimizer, {"spent": spent, "step": step, "log": log})
    tokens = step * config["accumulate"] * config["batch"] * config["sequence"]
    log.append({"step": step, "tokens": tokens, "seconds": round(spent), "held_out": evaluate()})
    print(log[-1], flush=True)
    write(model, tokenizer, log, options.output)
    state.unlink(missing_ok=True)


def write(model: Any, tokenizer: Any, log: list[dict[str, object]], output: Path) -> None:
    model.half().save_pretrained(output)
    tokenizer.save_pretrained(output)
    (output / "adapt-log.json").write_text(json.dumps(log, indent=1))
