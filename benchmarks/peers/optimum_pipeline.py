"""optimum's pipeline on onnxruntime, float32: reads the texts from the first line, then runs once for each line and prints the seconds.

python optimum_pipeline.py FOLDER
"""

import json
import sys
import time

from optimum.onnxruntime import ORTModelForSequenceClassification
from transformers import AutoTokenizer, pipeline

model = ORTModelForSequenceClassification.from_pretrained(sys.argv[1], file_name="model.onnx")
classify = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(sys.argv[1]), top_k=None)
texts = json.loads(sys.stdin.readline())
for _ in sys.stdin:
    started = time.perf_counter()
    classify(texts, batch_size=32, truncation=True)
    print(time.perf_counter() - started, flush=True)
