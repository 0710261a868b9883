"""The wheel carries everything and runs from an empty directory in a bare environment."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)], check=True, capture_output=True
    )
    [path] = folder.glob("*.whl")
    return path


def test_the_wheel_holds_model_and_service_with_the_bundle_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"model", "service"}
    assert {"model/default/model.onnx", "model/default/manifest.json", "model/taxonomy.toml", "service/cli.py"} <= set(names)


def test_the_wheel_runs_in_a_bare_environment(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "bare")], check=True)
    binaries = tmp_path / "bare" / "bin"
    subprocess.run([str(binaries / "pip"), "install", "--quiet", "--disable-pip-version-check", str(wheel)], check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    done = subprocess.run(
        [str(binaries / "snaar"), "classify", "--json", "Niemand nam op."], cwd=empty, capture_output=True, check=True
    )
    assert json.loads(done.stdout)["status"] == "ok"
    assert subprocess.run([str(binaries / "snaar"), "check"], cwd=empty).returncode == 0
    listed = subprocess.check_output([str(binaries / "pip"), "list", "--format=json"])
    assert {"torch", "transformers"} & {package["name"] for package in json.loads(listed)} == set()
