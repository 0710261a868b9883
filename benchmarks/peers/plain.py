"""What most people build first: FastAPI around transformers' own pipeline. `python plain.py FOLDER PORT`"""

import sys

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline

app = FastAPI()
classify = pipeline("text-classification", model=sys.argv[1], top_k=None, device="cpu", torch_dtype=torch.float32)


class Request(BaseModel):
    """One text."""

    input: list[str]


@app.post("/classify")
def post_classify(request: Request) -> list:
    return classify(request.input, truncation=True)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
