"""Charts → SVG, in a process of its own: what draws keeps all of Python waiting for tenths of a second, and a service must answer
meanwhile. Its memory goes with it."""

import html
import json
import subprocess
import sys
from dataclasses import dataclass

DRAW = """
import json, sys, vl_convert
json.dump([vl_convert.vegalite_to_svg(spec, vl_version="5.20", allowed_base_urls=[]) for spec in json.load(sys.stdin)], sys.stdout)
"""


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite specification as JSON, and what a screen reader says of it."""

    spec: str
    words: str


def draw(charts: dict[str, Chart]) -> dict[str, str]:
    """Each as inline SVG that a screen reader announces."""
    specs = json.dumps([chart.spec for chart in charts.values()])
    done = subprocess.run([sys.executable, "-P", "-c", DRAW], input=specs, capture_output=True, check=True, encoding="utf-8")
    return {
        name: svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(chart.words, quote=True)}" ', 1)
        for (name, chart), svg in zip(charts.items(), json.loads(done.stdout), strict=True)
    }
