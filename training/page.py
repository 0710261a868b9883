"""The figures of an evaluation → one self-contained HTML page."""

from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from model.taxonomy import Taxonomy
from training import plots
from training.measure import Figure
from training.slices import SMALLEST


def page(report: dict[str, Any], taxonomy: Taxonomy, *, title: str) -> str:
    """The whole page; it runs no script and loads nothing."""
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    templates.filters["figure"] = lambda found: str(Figure(**found))
    lens_of = {output.name: output.label.lens for output in taxonomy.outputs}
    drawn = {
        (name, level["name"]): {
            "f1": plots.f1_bars(level["outputs"], lens_of),
            "reliability": plots.reliability(level["reliability"]),
            "curves": plots.curves(level["curves"]),
            "tiers": plots.confusion(level["tiers"]),
        }
        for name, found in report.items()
        for level in found["detail"]["levels"]
    }
    return templates.get_template("page.html.jinja").render(
        report=report, drawn=drawn, title=title, today=date.today(), smallest=SMALLEST
    )
