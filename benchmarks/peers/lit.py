"""LitServe with our own ONNX file, without our reading of sentences: `python lit.py BUNDLE PORT`"""

import sys
from itertools import groupby
from pathlib import Path

import litserve
import numpy as np
import onnxruntime
from tokenizers import Tokenizer


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
        ids = [[self.cls, *found.ids[:254], self.sep] for found in encoded]
        order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
        lengths = [len(ids[number]) for number in order]
        inputs = {
            "ids": np.concatenate([ids[number] for number in order]),
            "positions": np.concatenate([np.arange(length) for length in lengths]),
            "groups": np.array([[len(list(alike)), length] for length, alike in groupby(lengths)]),
            "sentences": np.cumsum([0, *lengths[:-1]]),
        }
        scores = 1 / (1 + np.exp(-self.session.run(None, inputs)[0]))
        return scores[np.argsort(order)].tolist()

    def encode_response(self, output: list[float]) -> dict:
        return {"scores": output}


if __name__ == "__main__":
    api = Classify(max_batch_size=32, batch_timeout=0.005, api_path="/classify")
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1).run(port=int(sys.argv[2]), generate_client_file=False)
