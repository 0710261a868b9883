"""Any encoder can be the base: it trains, exports, and the runtime gives what transformers' own pipeline gives."""

import json
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from transformers import pipeline

import training.retrain
from model.encode import Window
from model.infer import Network
from model.predictor import Predictor
from model.taxonomy import Taxonomy
from training.dataset import LabelledReview, read
from training.errors import GateError
from training.evaluate import TestSet as Reviews
from training.export import Parity, new_to_it
from training.labelling.vectors import encoder_vectors
from training.lengths import for_any_lengths
from training.network import export_network
from training.quantise import quantise
from training.train import encoder_of, train
from training.wide import Wide

DEFAULT: dict[str, Any] = tomllib.loads((training.retrain.HERE / "configs" / "train.toml").read_text())
CONFIG: dict[str, Any] = {
    **DEFAULT,
    **DEFAULT["rounds"][0],
    "epochs": 2,
    "window": 40,
    "learning_rate": 1e-3,
}
SENTENCES = [
    "Bestelling kwam te laat.",
    "We voelden ons er thuis.",
    "lekker brood",
    "Mijn gegevens liggen op straat, niemand belt terug.",
]


@pytest.fixture(scope="module")
def trained(base: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train(read([data], Taxonomy.load()), base, CONFIG, folder)
    return folder


def test_the_runtime_gives_what_the_transformers_pipeline_gives(trained: Path, tmp_path: Path) -> None:
    export_network(trained, tmp_path / "model.onnx", wide=None)
    network, encoder = opened(tmp_path / "model.onnx"), encoder_of(trained, 40)
    classify = pipeline("text-classification", model=str(trained), top_k=None, function_to_apply="sigmoid", device="cpu")
    for sentence in SENTENCES:
        theirs = {found["label"]: found["score"] for found in classify([sentence])[0]}
        logits = network.run(encoder.encode([[sentence]])[0])[0][0]
        ours = dict(zip(Taxonomy.load().output_names, 1 / (1 + np.exp(-logits)), strict=True))
        assert theirs == pytest.approx(ours, abs=1e-4)


def test_int8_is_close_to_float_and_does_not_depend_on_the_batch(trained: Path, data: Path, tmp_path: Path) -> None:
    encoder = encoder_of(trained, 40)
    wide = Wide.fit(read([data], Taxonomy.load()), encoder, Taxonomy.load())
    export_network(trained, tmp_path / "float.onnx", wide=wide)
    windows = [w for windows in encoder.encode([[s] for s in SENTENCES] + [SENTENCES] + [SENTENCES[:1]] * 3) for w in windows]
    exact = opened(tmp_path / "float.onnx").run(windows)
    for examples in (windows, []):  # steps made from examples; without them each row has its own
        assert quantise(tmp_path / "float.onnx", tmp_path / "int8.onnx", examples=examples, smallest=100) >= 8
        whole, narrow = opened(tmp_path / "int8.onnx"), opened(tmp_path / "int8.onnx", windows)
        for window, found, true in zip(windows, whole.run(windows), exact, strict=True):
            assert np.abs(found - true).max() < 0.2
            assert (whole.run([window])[0] == found).all()
            assert (narrow.run([window])[0] == found).all()
        assert all(map(np.array_equal, narrow.run(windows), whole.run(windows)))
        kinds = Counter(node.op_type for node in onnx.load(tmp_path / "int8.onnx").graph.node)
        plain = json.loads((trained / "config.json").read_text())["model_type"] != "modernbert"
        loops = [node.op_type for node in onnx.load(tmp_path / "int8.any.onnx").graph.node].count("Loop")
        assert loops == (2 if plain and examples else 1)  # attention alone, or the whole network
        assert kinds["QAttention"] == (2 if plain and examples else 0)
        if examples:
            assert kinds["ReduceMax"] == (0 if plain else 2)  # what ModernBERT's gates let through has a step a row


def test_attention_whose_heads_are_weighed_is_left_as_it_is(bert: Path, tmp_path: Path) -> None:
    export_network(bert, tmp_path / "float.onnx", wide=None)
    model = onnx.load(tmp_path / "float.onnx")
    nodes = list(model.graph.node)
    mixed = {name for node in nodes if node.op_type == "MatMul" and "softmax" in node.input[0] for name in node.output}
    for node in [node for node in nodes if node.op_type == "Transpose" and node.input[0] in mixed]:
        nodes.insert(nodes.index(node) + 1, helper.make_node("Mul", [f"{node.output[0]}_all", "weights"], [node.output[0]]))
        node.output[0] += "_all"
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.append(numpy_helper.from_array(np.array([[2.0], [0.5]], np.float32), "weights"))  # two heads
    onnx.save(model, tmp_path / "float.onnx")
    windows = encoder_of(bert, 40).encode([[sentence] for sentence in SENTENCES])
    quantise(tmp_path / "float.onnx", tmp_path / "int8.onnx", examples=[window for [window] in windows], smallest=100)
    for [window] in windows:
        exact, found = (opened(tmp_path / name).run([window])[0] for name in ("float.onnx", "int8.onnx"))
        assert found == pytest.approx(exact, abs=0.01)


def opened(path: Path, examples: Sequence[Window] = ()) -> Network:
    for_any_lengths(path, path.with_suffix(".any.onnx"), examples=list(examples))
    return Network.load(path.with_suffix(".any.onnx"), threads=1)


def test_a_retrained_bundle_is_served(base: Path, data: Path, tmp_path: Path) -> None:
    config = tmp_path / "tiny.toml"
    text = (training.retrain.HERE / "configs" / "train.toml").read_text()
    config.write_text(
        text.replace("window = 256", "window = 40")
        .replace("epochs = 8", "epochs = 1")
        .replace("epochs = 2", "epochs = 1")
        .replace("hold_out = 0.1", "hold_out = 0.5")
    )
    canaries = tmp_path / "none.jsonl"
    canaries.write_text("")
    output = tmp_path / "bundle"
    training.retrain.main(
        ["--data", str(data), "--validate", "--base", str(base), "--config", str(config), "--canaries", str(canaries)]
        + ["--work", str(tmp_path / "work"), "-o", str(output)]
    )
    predictor = Predictor.load(output)
    predictor.bundle.verify()
    assert [result.status for result in predictor.predict(SENTENCES)] == ["ok"] * len(SENTENCES)
    assert "Figures" in (output / "README.md").read_text()
    vectors = encoder_vectors(predictor, [(sentence,) for sentence in SENTENCES])
    assert len(np.unique(vectors.round(4), axis=0)) == len(SENTENCES)  # its encoder can choose what to label next


def test_the_parity_gate_is_measured_on_reviews_that_gave_no_example() -> None:
    review = LabelledReview("", ("Prima.",), (frozenset({"p"}),), "", "", "", None)
    many, few = (Reviews("", [review] * count, real=True) for count in (450, 3))
    assert new_to_it([many, few]).tolist() == [False, True] * 225 + [False] * 3
    assert new_to_it([few]).all()


def test_the_parity_gate_refuses_a_network_that_changed() -> None:
    Parity(largest_difference=0.1, flips=0.004, f1_loss=0.004).check()
    with pytest.raises(GateError, match="labels flip"):
        Parity(largest_difference=0.1, flips=0.02, f1_loss=0.0).check()
    with pytest.raises(GateError, match="micro-F1 loses"):
        Parity(largest_difference=0.1, flips=0.0, f1_loss=0.01).check()
