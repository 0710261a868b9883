"""Fine-tune any encoder on labelled reviews with the sentence-marker reading.

The network sees a window of whole sentences, each `[CLS] … [SEP]`, and its own sequence-classification head is applied
at every `[CLS]`. On a single sentence that is exactly what transformers' text-classification pipeline does.

Where it stands is kept after every epoch, beside the output; a training that was interrupted goes on from there when it is
asked for again, and ends with the weights it would have had.
"""

import hashlib
import json
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from model.bundle import file_sha256
from model.encode import Encoder, Window
from model.taxonomy import Taxonomy
from training import checkpoint
from training.augment import disturb, joined
from training.dataset import LabelledReview, targets
from training.errors import BaseError
from training.files import write_folder_atomically

Sample = tuple[Window, np.ndarray]
WANTED = "a base is a folder with config.json, model.safetensors and tokenizer.json, or a hub id"


def tokenizer_of(base: Path | str) -> Any:
    """The tokenizer of a folder or hub id. Raises BaseError where there is none."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(base)
    except (OSError, ValueError) as error:
        raise BaseError(f"{base}: cannot be opened; {WANTED}") from error
    if len(tokenizer) <= len(tokenizer.all_special_ids):  # transformers makes an empty one up where there is none
        raise BaseError(f"{base}: has no tokenizer; {WANTED}")
    return tokenizer


def encoder_of(base: Path | str, window: int) -> Encoder:
    """The tokenizer of a base with the marks of its family (`[CLS]`/`[SEP]` or `<s>`/`</s>`). Raises BaseError."""
    tokenizer = tokenizer_of(base)
    start = tokenizer.cls_token or tokenizer.bos_token
    end = tokenizer.sep_token or tokenizer.eos_token
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return Encoder.load(Path(folder) / "tokenizer.json", start=start, end=end, padding=tokenizer.pad_token, window=window)


def load_classifier(base: Path | str, taxonomy: Taxonomy, *, dropout: float) -> Any:
    """A sequence-classification model with one output per label and sign."""
    config = AutoConfig.from_pretrained(base)
    for name in ("hidden_dropout_prob", "classifier_dropout"):
        if hasattr(config, name):
            setattr(config, name, dropout)
    config.num_labels = len(taxonomy.outputs)
    config.id2label = dict(enumerate(taxonomy.output_names))
    config.label2id = {name: column for column, name in config.id2label.items()}
    config.problem_type = "multi_label_classification"
    attention = "sdpa" if torch.cuda.is_available() else "eager"  # sdpa's backward is slow on CPU
    return AutoModelForSequenceClassification.from_pretrained(
        base, config=config, dtype=torch.float32, attn_implementation=attention
    )


def read_starts(model: Any, hidden: Tensor, rows: Tensor, starts: Tensor) -> Tensor:
    """The model's own classification head at the given positions: (batch, tokens, width) → (starts, outputs)."""
    at_start = hidden[rows, starts].unsqueeze(1)
    if hasattr(model, "head"):  # ModernBERT
        return model.classifier(model.drop(model.head(at_start[:, 0])))
    pooler = getattr(model, "pooler", None) or getattr(model.base_model, "pooler", None)
    if pooler is not None:  # BERT, DeBERTa
        return model.classifier(model.dropout(pooler(at_start)))
    return model.classifier(at_start)  # RoBERTa, XLM-R: dense, tanh and projection in one


def start_from_prior(model: nn.Module, shares: np.ndarray) -> None:
    """Set the output biases to the log-odds of the labels, so that no step is spent on learning that labels are rare."""
    last = [module for module in model.modules() if isinstance(module, nn.Linear) and module.out_features == len(shares)][-1]
    with torch.no_grad():
        last.bias.copy_(torch.logit(torch.from_numpy(shares).clamp(1e-4, 1 - 1e-4)))


def collate(samples: list[Sample], pad: int, device: str) -> tuple[dict[str, Tensor], Tensor, Tensor, Tensor]:
    longest = max(len(window.ids) for window, _ in samples)
    ids = np.full((len(samples), longest), pad, dtype=np.int64)
    attention = np.zeros_like(ids)
    for row, (window, _) in enumerate(samples):
        ids[row, : len(window.ids)] = window.ids
        attention[row, : len(window.ids)] = 1
    rows = np.repeat(np.arange(len(samples)), [len(window.starts) for window, _ in samples])
    starts = np.concatenate([window.starts for window, _ in samples])
    labels = np.concatenate([label for _, label in samples])
    tensors = [torch.from_numpy(array).to(device) for array in (ids, attention, rows, starts, labels)]
    return {"input_ids": tensors[0], "attention_mask": tensors[1]}, tensors[2], tensors[3], tensors[4]


def samples_of(reviews: list[tuple[list[str], np.ndarray]], encoder: Encoder) -> list[Sample]:
    """Windows with the labels of their sentences."""
    encoded = encoder.encode([sentences for sentences, _ in reviews])
    return [
        (window, labels[window.sentences])
        for windows, (_, labels) in zip(encoded, reviews, strict=True)
        for window in windows
    ]  # fmt: skip


def batches(samples: list[Sample], tokens: int, dice: random.Random) -> Iterator[list[Sample]]:
    """Batches of about `tokens` tokens, padding included, of samples of like length, in random order."""
    ordered = sorted(samples, key=lambda sample: len(sample[0].ids) * dice.uniform(0.9, 1.1))
    made: list[list[Sample]] = [[]]
    for sample in ordered:
        longest = max([len(s[0].ids) for s in made[-1]] + [len(sample[0].ids)])
        if longest * (len(made[-1]) + 1) > tokens and made[-1]:
            made.append([])
        made[-1].append(sample)
    dice.shuffle(made)
    yield from made


def masked(ids: Tensor, tokenizer: Any, most: float) -> Tensor:
    """Of every row a random share of the tokens, up to `most`, hidden behind the mask the base was pre-trained with: a review seen for
    the tenth time must be understood, not recognised. A tokenizer without a mask leaves all as it is."""
    if not most or tokenizer.mask_token_id is None:
        return ids
    special = torch.tensor(tokenizer.all_special_ids, device=ids.device)
    share = torch.rand(len(ids), 1, device=ids.device) * most
    hidden = (torch.rand(ids.shape, device=ids.device) < share) & ~torch.isin(ids, special)
    return ids.masked_fill(hidden, tokenizer.mask_token_id)


def asymmetric_loss(logits: Tensor, labels: Tensor, focus: float, weight: Tensor) -> Tensor:
    """Binary cross-entropy whose easy negatives count less (Ridnik et al. 2021, without margin; `focus` 0 is the plain
    one), weighted by output, summed over outputs, mean over sentences."""
    probability = torch.sigmoid(logits)
    positive = labels * functional.logsigmoid(logits)
    negative = (1 - labels) * functional.logsigmoid(-logits) * probability.detach() ** focus
    return -((positive + negative) * weight).sum(1).mean()


def parameter_groups(model: Any, config: dict[str, Any]) -> list[dict[str, Any]]:
    """Layer-wise learning rates: the head learns fastest, each layer below by `layer_decay` less."""
    depth = model.config.num_hidden_layers
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        layer = re.search(r"\.layers?\.(\d+)\.", name)
        if layer:
            scale = config["layer_decay"] ** (depth - 1 - int(layer[1]))
        else:
            scale = config["layer_decay"] ** depth if "embeddings" in name else config["head_scale"]
        decay = config["weight_decay"] if parameter.ndim > 1 else 0.0
        groups.setdefault((scale, decay), []).append(parameter)
    return [{"params": found, "scale": scale, "weight_decay": decay} for (scale, decay), found in groups.items()]


def predict(model: Any, samples: list[Sample], pad: int) -> np.ndarray:
    """Logits of every start of every sample, in order: (starts, outputs)."""
    device = next(model.parameters()).device.type
    model.eval()
    order = sorted(range(len(samples)), key=lambda number: len(samples[number][0].ids))
    found: dict[int, np.ndarray] = {}
    with torch.inference_mode(), torch.autocast(device, dtype=torch.bfloat16):
        for first in range(0, len(order), 64):
            chosen = order[first : first + 64]
            inputs, rows, starts, _ = collate([samples[number] for number in chosen], pad, device)
            logits = read_starts(model, model.base_model(**inputs).last_hidden_state, rows, starts).float().cpu().numpy()
            ends = np.cumsum([len(samples[number][0].starts) for number in chosen])
            found.update(zip(chosen, np.split(logits, ends[:-1]), strict=True))
    return np.concatenate([found[number] for number in range(len(samples))])


def train(reviews: list[LabelledReview], base: Path | str, config: dict[str, Any], output: Path) -> Any:
    """Fine-tune `base` on the reviews and write it to `output`; the weights are averaged over the second half."""
    seed = config["seed"]
    torch.manual_seed(seed)
    dice = random.Random(seed)
    taxonomy = Taxonomy.load()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    encoder, tokenizer = encoder_of(base, config["window"]), AutoTokenizer.from_pretrained(base)
    model = load_classifier(base, taxonomy, dropout=config["dropout"]).to(device)
    if (
        tuple(AutoConfig.from_pretrained(base).id2label.values()) != taxonomy.output_names
    ):  # else the base was trained here before
        start_from_prior(model, np.concatenate([targets(review.codes, taxonomy) for review in reviews]).mean(0))
    optimizer = torch.optim.AdamW(parameter_groups(model, config), betas=(0.9, 0.98), eps=1e-6, fused=True)
    labelled = [(list(review.sentences), targets(review.codes, taxonomy)) for review in reviews]
    lens_weight = torch.ones(len(taxonomy.outputs), device=device)
    for lens, weight in config["lens_weights"].items():
        lens_weight[taxonomy.columns(lens)] = weight
    if config["repeat_lens"]:  # class-conditional sampling: reviews with a label of this lens are seen twice
        rare = taxonomy.columns(config["repeat_lens"])
        labelled += [(sentences, labels) for sentences, labels in labelled if labels[:, rare].any()]
    tokens_an_epoch = sum(len(window.ids) for window, _ in samples_of(labelled, encoder))
    total_steps = math.ceil(config["epochs"] * tokens_an_epoch / config["batch_tokens"] * 1.15)
    average = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    averaged = step = begin = 0
    standing, task = output.with_name(f"{output.name}.checkpoint.safetensors"), _task(reviews, base, config)
    facts = checkpoint.read_facts(standing)
    if facts and facts["task"] == task:
        restored = checkpoint.load(standing, optimizer, device)
        _restore_random(restored, facts["dice"], dice)
        model.load_state_dict({name: restored[f"model.{name}"] for name in average})
        average = {name: restored[f"average.{name}"] for name in average}
        begin, step, averaged, total_steps = facts["epochs"], facts["step"], facts["averaged"], facts["total_steps"]
        print(f"{standing.name}: going on after epoch {begin}", flush=True)
    for epoch in range(begin, config["epochs"]):
        model.train()
        drawn = [item for sentences, labels in labelled for item in disturb(sentences, labels, config["augment"], dice)]
        drawn = list(joined(drawn, config["join"], dice))
        made = list(batches(samples_of(drawn, encoder), config["batch_tokens"], dice))
        if epoch == 0:
            total_steps = config["epochs"] * len(made)
        losses = []
        for batch in tqdm(made, desc=f"epoch {epoch + 1}/{config['epochs']}", mininterval=10):
            progress = min(step / total_steps, 1.0)
            rate = progress / config["warm_up"] if progress < config["warm_up"] else (1 - progress) / (1 - config["warm_up"])
            for group in optimizer.param_groups:
                group["lr"] = config["learning_rate"] * group["scale"] * rate
            inputs, rows, starts, labels = collate(batch, encoder.pad, device)
            inputs["input_ids"] = masked(inputs["input_ids"], tokenizer, config["mask"])
            with torch.autocast(device, dtype=torch.bfloat16):
                logits = read_starts(model, model.base_model(**inputs).last_hidden_state, rows, starts)
            smoothed = labels * (1 - config["smoothing"]) + config["smoothing"] / 2
            loss = asymmetric_loss(logits.float(), smoothed, config["focus"], lens_weight)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(loss.item())
            step += 1
            if progress >= config["average_from"] and step % 10 == 0:
                averaged += 1
                for name, tensor in model.state_dict().items():
                    if tensor.is_floating_point():
                        average[name].lerp_(tensor, 1 / averaged)
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}", flush=True)
        facts = {"task": task, "epochs": epoch + 1, "step": step, "averaged": averaged, "total_steps": total_steps}
        tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in average.items()}
        checkpoint.save(standing, {**tensors, **_random_states()}, optimizer, {**facts, "dice": dice.getstate()})
    if averaged:
        model.load_state_dict(average)
    with write_folder_atomically(output) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    standing.unlink(missing_ok=True)
    return model


def _task(reviews: list[LabelledReview], base: Path | str, config: dict[str, Any]) -> str:
    """A hash of all that decides how a training ends, so that no other one goes on from its checkpoint."""
    weights = Path(base) / "model.safetensors"
    read = [(review.sentences, [sorted(codes) for codes in review.codes]) for review in reviews]
    known = [str(base), file_sha256(weights) if weights.exists() else "", config, read]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def _random_states() -> dict[str, Tensor]:
    states = {"random.cpu": torch.get_rng_state()}
    return states | {"random.cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else states


def _restore_random(tensors: dict[str, Tensor], saved: list[Any], dice: random.Random) -> None:
    version, internal, gauss = saved
    dice.setstate((version, tuple(internal), gauss))
    torch.set_rng_state(tensors["random.cpu"].cpu())
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"].cpu())
