"""Figures → one self-contained HTML page in Dutch."""

from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from service.report import charts
from service.report.drawing import draw

HERE = Path(__file__).parent
CLEAR = 0.05  # a change or difference is told as one from this corrected p-value down


def page(figures: dict[str, Any], *, title: str, source: str) -> str:
    """The whole page; every number in it is in `figures`."""
    templates = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    templates.filters["percent"] = percent
    templates.filters["share"] = share
    templates.filters["number"] = number
    templates.filters["thousands"] = thousands
    cells = figures["journey"]["cells"]
    made = {
        "tiers": charts.tiers(figures["tiers"]),
        "motivators": charts.motivators(figures["motivators"]),
        "journey_tiers": charts.heat([c for c in cells if c["lens"] == "tier"], "name", "phase_name", "Lagen per fase"),
        "journey_motivators": charts.heat(
            [c for c in cells if c["lens"] == "motivator"], "name", "phase_name", "Drijfveren per fase"
        ),
    }
    if figures["periods"]:
        made["periods"] = charts.lines(figures["periods"])
    if figures["ratings"] and figures["ratings"]["effects"]:
        made["effects"] = charts.effects(figures["ratings"]["effects"])
    if figures["groups"] and figures["groups"]["groups"]:
        made["groups"] = charts.heat(figures["groups"]["cells"], "name", "group", "Lagen en drijfveren per groep")
    return templates.get_template("page.html.jinja").render(
        f=figures, charts=draw(made), title=title, source=source, today=date.today(), clear=CLEAR, **_conclusions(figures)
    )


def _conclusions(figures: dict[str, Any]) -> dict[str, Any]:
    """What the sentences of the page point at."""
    tiers = figures["tiers"]
    mendable = [tier for tier in tiers if tier["failed"] and tier["failed"]["count"]]
    cells = [c for c in figures["journey"]["cells"] if c["lens"] == "tier" and c["of"] >= 20]
    broken = [c for c in cells if c["output"].endswith("-")]
    wow = [c for c in cells if c["output"] == f"{tiers[-1]['id']}+"]
    periods = figures["periods"]
    groups = figures["groups"]
    return {
        "mend": min(mendable, key=lambda tier: tier["score"], default=None),
        "loved": max(figures["motivators"], key=lambda m: m["fulfilled"]["count"]),
        "hurt": max(figures["motivators"], key=lambda m: m["frustrated"]["count"]),
        "break_point": max(broken, key=lambda c: c["share"], default=None),
        "wow_point": max(wow, key=lambda c: c["share"], default=None),
        "changed": [line for line in periods["lines"] if line["p"] < CLEAR] if periods else [],
        "differs": sorted((c for c in groups["cells"] if c["p"] < CLEAR), key=lambda c: c["p"])[:8] if groups else [],
    }


def percent(value: float) -> str:
    digits = 1 if value < 0.1 else 0
    return f"{100 * value:.{digits}f}".replace(".", ",") + " %"


def share(found: dict[str, float]) -> str:
    """A share with its count and interval."""
    interval = f"{percent(found['low'])} – {percent(found['high'])}"
    return f"{percent(found['share'])} ({thousands(int(found['count']))} van {thousands(int(found['of']))}; {interval})"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}".replace(".", ",")


def thousands(value: int) -> str:
    return f"{value:,}".replace(",", ".")
