"""A scored table → the report, as page, workbook and JSON."""

import json
from pathlib import Path

from model.bundle import TAXONOMY, Bundle
from model.taxonomy import Taxonomy
from service.batch.table import TableError
from service.report.figures import Scored, compute
from service.report.page import page
from service.report.workbook import write_workbook

TITLE = "Wat beweegt onze klanten?"


class NothingToReport(TableError):
    """Not one review could be read."""


def write_report(
    scored: Path, output: Path, bundle: Bundle, *, by: str | None, title: str = TITLE, source: str, redact: bool,
    xlsx: Path | None = None, json_output: Path | None = None,
) -> int:  # fmt: skip
    """Write the page, and the workbook and the JSON where asked for; returns how many reviews it tells of. Raises TableError."""
    found = Scored.read(scored, Taxonomy.load(bundle.path(TAXONOMY)), by=by)
    if not len(found.present):
        raise NothingToReport(f"{scored}: no review could be read; a report needs at least one")
    figures = compute(found, bundle, redact=redact)
    output.write_text(page(figures, title=title, source=source), encoding="utf-8")
    if xlsx is not None:
        write_workbook(figures, xlsx)
    if json_output is not None:
        json_output.write_text(json.dumps(figures, ensure_ascii=False, indent=1), encoding="utf-8")
    return len(found.present)
