"""torch → ONNX: the encoder with its head at the sentence starts, and the wide reading beside it, as one graph without padding or mask."""

from pathlib import Path
from typing import Any

import onnx
import torch
from onnxruntime.transformers.fusion_biasgelu import FusionBiasGelu
from onnxruntime.transformers.fusion_gelu import FusionGelu
from onnxruntime.transformers.onnx_model import OnnxModel
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface, AutoModelForSequenceClassification
from transformers.masking_utils import sdpa_mask

from training.rows import as_rows
from training.train import read_starts
from training.wide import SHARE, Wide, WideReader

OPSET = 18
PLAIN = "plain"


class SentenceReader(nn.Module):
    """`input_ids`: (batch, tokens) without padding; `starts`: positions in the flattened batch → (starts, outputs)."""

    places: Tensor | None

    def __init__(self, model: Any, wide: Wide | None) -> None:
        super().__init__()
        self.model = model
        # RoBERTa counts places from its tokens; given as a constant they are what training/lengths.py looks for
        embeddings = getattr(model.base_model, "embeddings", None)
        places = None
        if embeddings is not None and hasattr(embeddings, "create_position_ids_from_input_ids"):
            places = torch.arange(embeddings.padding_idx + 1, model.config.max_position_embeddings)[None]
        self.register_buffer("places", places)
        self.wide = None if wide is None else WideReader(wide)

    def forward(self, input_ids: Tensor, starts: Tensor) -> Tensor:
        places = {} if self.places is None else {"position_ids": self.places[:, : input_ids.shape[1]]}
        hidden = self.model.base_model(input_ids=input_ids, **places).last_hidden_state
        flat = hidden.reshape(1, -1, hidden.shape[-1])
        deep = read_starts(self.model, flat, torch.zeros_like(starts), starts)
        return deep if self.wide is None else (1 - SHARE) * deep + SHARE * self.wide(input_ids, starts)


def attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, *, scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """Attention without dropout, (batch, heads, tokens, width of a head) → (batch, tokens, heads, width of a head). There is a mask only
    where a layer looks no further than its neighbours, for nothing is padded."""
    scores = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    if attention_mask is not None:
        scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
    return (scores.softmax(-1) @ value).transpose(1, 2).contiguous(), None


def mask_of(*, local_size: int | None = None, **where: Any) -> Tensor | None:
    """None where every token sees every other."""
    return None if local_size is None else sdpa_mask(local_size=local_size, **where)


AttentionInterface.register(PLAIN, attend)
AttentionMaskInterface.register(PLAIN, mask_of)


def export_network(trained: Path, target: Path, *, wide: Wide | None) -> None:
    """Write the float32 graph of a trained model folder; without `wide` it is what transformers itself would run."""
    model = AutoModelForSequenceClassification.from_pretrained(trained, attn_implementation=PLAIN, dtype=torch.float32)
    reader = SentenceReader(model.eval(), wide).eval()
    example = (torch.randint(10, 100, (3, 24)), torch.tensor([0, 24, 30, 48]))
    batch, tokens, starts = torch.export.Dim("batch"), torch.export.Dim("tokens"), torch.export.Dim("starts")
    with torch.inference_mode():
        program = torch.onnx.export(
            reader,
            example,
            dynamo=True,
            opset_version=OPSET,
            input_names=["input_ids", "starts"],
            output_names=["logits"],
            dynamic_shapes=({0: batch, 1: tokens}, {0: starts}),
            verbose=False,
        )
    assert program is not None
    program.optimize()
    program.save(str(target), external_data=False)
    graph = onnx.load(target)
    for tensor in graph.graph.output:
        tensor.type.tensor_type.shape.dim[1].dim_value = model.config.num_labels
    onnx.save(_pruned(as_rows(_with_fused_gelu(graph))), target)


def _with_fused_gelu(graph: onnx.ModelProto) -> onnx.ModelProto:
    """GELU and the bias before it as one operator. The other fusions are left alone: onnxruntime's SkipLayerNormalization is slower
    on a CPU than the sum and LayerNormalization it replaces."""
    fused = OnnxModel(graph)
    FusionGelu(fused).apply()
    FusionBiasGelu(fused, is_fastgelu=False).apply()
    fused.model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    return _pruned(fused.model)


def _pruned(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Without what nothing reads, and in an order that can be run."""
    pruned = OnnxModel(graph)
    pruned.prune_graph()
    pruned.topological_sort()
    return pruned.model
