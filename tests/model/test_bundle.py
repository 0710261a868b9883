import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from model.bundle import DEFAULT_BUNDLE, MANIFEST, NETWORK, TAXONOMY, Bundle, write_manifest
from model.errors import BundleError
from model.predictor import Predictor


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEFAULT_BUNDLE, tmp_path / "bundle"))


def test_the_bundle_that_ships_is_whole_and_small() -> None:
    bundle = Bundle.open(DEFAULT_BUNDLE)
    bundle.verify()
    listed = {*bundle.manifest.files, MANIFEST}
    assert {path.name for path in DEFAULT_BUNDLE.iterdir()} == listed
    assert sum(path.stat().st_size for path in DEFAULT_BUNDLE.iterdir()) < 60e6


def test_a_changed_file_is_named(copy: Path) -> None:
    with (copy / TAXONOMY).open("a") as file:
        file.write("\n")
    with pytest.raises(BundleError, match=r"taxonomy\.toml: changed"):
        Bundle.open(copy).verify()


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / NETWORK).unlink()
    with pytest.raises(BundleError, match=r"model\.onnx: missing"):
        Bundle.open(copy).verify()


def test_a_broken_network_is_a_bundle_error(copy: Path) -> None:
    (copy / NETWORK).write_bytes(b"no network")
    with pytest.raises(BundleError, match="cannot open"):
        Predictor.load(copy)


def test_a_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="not a bundle"):
        Bundle.open(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', '{"format": 2}'])
def test_a_broken_manifest_is_refused(copy: Path, text: str) -> None:
    (copy / MANIFEST).write_text(text)
    with pytest.raises(BundleError):
        Bundle.open(copy)


def test_a_bundle_whose_outputs_differ_from_its_taxonomy_is_refused(copy: Path) -> None:
    manifest = json.loads((copy / MANIFEST).read_text())
    manifest["slopes"] = manifest["slopes"][:-1]
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="disagree"):
        Predictor.load(copy)


def test_the_canaries_sing(predictor: Predictor) -> None:
    assert predictor.bundle.manifest.canaries
    assert predictor.failed_canaries() == []


def test_a_canary_names_what_is_missing_and_what_is_too_much(copy: Path) -> None:
    manifest = Bundle.open(copy).manifest
    first, *others = manifest.canaries
    write_manifest(copy, replace(manifest, canaries=[replace(first, labels=["wow+"], absent=["basics-", "ease+"]), *others]))
    assert Predictor.load(copy).failed_canaries() == [
        "canary 1: wow+ not found",
        "canary 1: basics- found, which it does not say",
    ]
