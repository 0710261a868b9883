"""torch → ONNX: the encoder and its head at the sentence starts as one graph without padding or mask."""

from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification

from training.train import read_starts

OPSET = 18


class SentenceReader(nn.Module):
    """`input_ids`: (batch, tokens) without padding; `starts`: positions in the flattened batch → (starts, outputs)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, starts: Tensor) -> Tensor:
        hidden = self.model.base_model(input_ids=input_ids).last_hidden_state
        flat = hidden.reshape(1, -1, hidden.shape[-1])
        return read_starts(self.model, flat, torch.zeros_like(starts), starts)


def export_network(trained: Path, target: Path) -> None:
    """Write the float32 graph of a trained model folder."""
    model = AutoModelForSequenceClassification.from_pretrained(trained, attn_implementation="eager", dtype=torch.float32)
    reader = SentenceReader(model.eval()).eval()
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
    onnx.save(graph, target)
