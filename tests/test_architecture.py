"""The sentences of the layout that must hold: who may import whom."""

import ast
import importlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOR_FILES = {"sqlalchemy", "alembic", "pyarrow", "openpyxl", "altair", "jinja2.nodes"}  # loaded with the first job
HEAVY = {"torch", "transformers", "datasets", "sklearn", "onnx", "onnxscript", "scipy"}


def imports(package: str) -> set[tuple[str, str]]:
    found = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {(path.name, name.split(".")[0]) for name in names}
    return found


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("model", HEAVY | {"service", "training", "fastapi", "pydantic", "uvicorn", "logging"}),
        ("service", HEAVY | {"training"}),
        ("training", {"service", "fastapi", "pickle"}),
    ],
)
def test_a_package_keeps_to_its_imports(package: str, forbidden: set[str]) -> None:
    assert [found for found in imports(package) if found[1] in forbidden] == []


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_a_benchmark_imports_what_there_is(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        source = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
        if source.split(".")[0] in {"benchmarks", "model", "service", "training"}:
            module = importlib.import_module(source)
            missing = [found.name for found in node.names if not hasattr(module, found.name)]  # type: ignore[attr-defined]
            assert [name for name in missing if find_spec(f"{source}.{name}") is None] == []


def test_only_the_settings_read_the_environment() -> None:
    readers = [p.name for folder in ("model", "service") for p in (ROOT / folder).rglob("*.py") if "environ" in p.read_text()]
    assert readers in ([], ["settings.py"])


def test_no_label_is_named_in_python() -> None:
    from model.taxonomy import Taxonomy

    labels = {label.id for label in Taxonomy.load().labels} - {"self", "source"}
    for folder in ("model", "service", "training"):
        for path in (ROOT / folder).rglob("*.py"):
            constants = {
                n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant) and isinstance(n.value, str)
            }
            assert constants & labels == set(), path


def test_the_service_loads_neither_torch_nor_what_only_files_need() -> None:
    unwanted = HEAVY | FOR_FILES | {"spacy.cli", "opentelemetry.sdk"}
    code = f"import sys, service.app, service.cli; service.app.create_app(); print(sorted({unwanted!r} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).strip() == "[]"
