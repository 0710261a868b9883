"""torch → ONNX: the encoder with its head at the sentence starts, and the wide reading beside it, as one graph without padding or mask."""

from pathlib import Path
from typing import Any

import onnx
import torch
from onnxruntime.transformers.fusion_biasgelu import FusionBiasGelu
from onnxruntime.transformers.fusion_gelu import FusionGelu
from onnxruntime.transformers.onnx_model import OnnxModel
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification

from training.train import read_starts
from training.wide import SHARE, Wide, WideReader

OPSET = 18


class SentenceReader(nn.Module):
    """`input_ids`: (batch, tokens) without padding; `starts`: positions in the flattened batch → (starts, outputs)."""

    def __init__(self, model: Any, wide: Wide | None) -> None:
        super().__init__()
        self.model = model
        self.wide = None if wide is None else WideReader(wide)

    def forward(self, input_ids: Tensor, starts: Tensor) -> Tensor:
        hidden = self.model.base_model(input_ids=input_ids).last_hidden_state
        flat = hidden.reshape(1, -1, hidden.shape[-1])
        deep = read_starts(self.model, flat, torch.zeros_like(starts), starts)
        return deep if self.wide is None else (1 - SHARE) * deep + SHARE * self.wide(input_ids, starts)


def export_network(trained: Path, target: Path, *, wide: Wide | None) -> None:
    """Write the float32 graph of a trained model folder; without `wide` it is what transformers itself would run."""
    model = AutoModelForSequenceClassification.from_pretrained(trained, attn_implementation="eager", dtype=torch.float32)
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
    onnx.save(_with_fused_gelu(graph), target)


def _with_fused_gelu(graph: onnx.ModelProto) -> onnx.ModelProto:
    """GELU and the bias before it as one operator. The other fusions are left alone: onnxruntime's SkipLayerNormalization is slower
    on a CPU than the sum and LayerNormalization it replaces."""
    fused = OnnxModel(graph)
    FusionGelu(fused).apply()
    FusionBiasGelu(fused, is_fastgelu=False).apply()
    fused.prune_graph()
    fused.topological_sort()
    fused.model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    return fused.model
