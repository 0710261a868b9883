from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from model.taxonomy import Taxonomy
from training.average import average
from training.train import load_classifier


def test_the_mean_lies_between_and_reads_as_they_do(bert: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        load_classifier(bert, Taxonomy.load(), dropout=0.0).save_pretrained(tmp_path / name)
    average([tmp_path / "one", tmp_path / "two"], tmp_path / "mean")
    one, two, mean = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two", "mean"))
    assert mean.keys() == one.keys()
    assert any((one[name] != two[name]).any() for name in one)  # each head began at random
    for name, found in mean.items():
        np.testing.assert_allclose(found, (one[name] + two[name]) / 2, atol=1e-7)
    load_classifier(tmp_path / "mean", Taxonomy.load(), dropout=0.0)
