"""The docs name every setting with its default, and every `error_type` there is."""

import re
from pathlib import Path

from service.settings import Settings

ROOT = Path(__file__).parents[2]
SHOWN = {"": "", "None": "", "True": "true", "False": "false"}


def test_every_setting_is_in_the_docs_with_its_default() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        value = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
        default = "the one that ships" if name == "bundle" else SHOWN.get(value, value)
        assert f"| `SNAAR_{name.upper()}` | {default} | {field.description} |" in page, name


def test_every_error_type_is_in_the_docs() -> None:
    page = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("api.md", "jobs.md"))
    found = set()
    for path in (ROOT / "service").rglob("*.py"):
        found |= set(re.findall(r'(?:RequestError|answer)\((?:\d{3}|error\.status), "([a-z_]+)"', path.read_text()))
    assert len(found) > 10
    assert [name for name in sorted(found) if f"`{name}`" not in page] == []


def test_every_metric_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    source = (ROOT / "service" / "metrics.py").read_text()
    names = re.findall(r'(?:Counter|Histogram|Gauge)\(\s*"(snaar_[a-z_]+)"', source)
    assert len(names) > 15
    assert [name for name in names if f"`{name}" not in page] == []
