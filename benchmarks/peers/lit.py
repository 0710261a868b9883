"""LitServe with our own ONNX file, without our reading of sentences: `python lit.py BUNDLE PORT`"""

import sys
from pathlib import Path

import litserve
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from model.encode import Window
from model.infer import inputs_of


class Classify(litserve.LitAPI):
    """Texts that come together are read together, each as one sentence."""

    def setup(self, device: str) -> None:
        bundle = Path(sys.argv[1])
        self.session = onnxruntime.InferenceSession(str(bundle / "model.onnx"), providers=["CPUExecutionProvider"])
        self.tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
        self.cls, self.sep = (self.tokenizer.token_to_id(mark) for mark in ("[CLS]", "[SEP]"))

    def decode_request(self, request: dict) -> str:
        return request["input"][0]

    def predict(self, texts: list[str]) -> list[list[float]]:
        encoded = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        windows = [self._window(found.ids[:254]) for found in encoded]
        order = sorted(range(len(windows)), key=lambda number: len(windows[number].ids))
        logits = self.session.run(None, inputs_of([windows[number] for number in order]))[0]
        return (1 / (1 + np.exp(-logits)))[np.argsort(order)].tolist()

    def _window(self, ids: list[int]) -> Window:
        return Window(np.array([self.cls, *ids, self.sep]), starts=np.array([0]), sentences=np.array([0]))

    def encode_response(self, output: list[float]) -> dict:
        return {"scores": output}


if __name__ == "__main__":
    api = Classify(max_batch_size=32, batch_timeout=0.005, api_path="/classify")
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1).run(port=int(sys.argv[2]), generate_client_file=False)
