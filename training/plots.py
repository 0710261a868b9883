"""The plots of an evaluation, drawn once with Vega-Altair and kept as SVG: nothing is loaded or run when the page is read."""

import html
from typing import Any

import altair
import vl_convert

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8A6D00", "#56B4E9", "#222222"]  # after Okabe and Ito (2008)
MUTED = "#999"


def svg(chart: Any, description: str) -> str:
    """A chart as inline SVG that a screen reader announces as `description`."""
    styled = chart.configure(font="sans-serif").configure_view(strokeWidth=0).configure_axis(
        labelFontSize=12, titleFontSize=12, labelLimit=220, gridColor="#e3e3e3", domainColor=MUTED
    ).configure_legend(labelFontSize=12, orient="top", title=None)  # fmt: skip
    drawn: str = vl_convert.vegalite_to_svg(styled.to_json(), vl_version="5.20", allowed_base_urls=[])
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{html.escape(description, quote=True)}" ', 1)


def reliability(bins: dict[str, list[dict[str, Any]]]) -> str:
    """A panel a lens: the mean score of ten bins against the share that is true; the diagonal is perfect."""
    panels = []
    diagonal = altair.Chart(altair.Data(values=[{"x": 0, "y": 0}, {"x": 1, "y": 1}])).mark_line(color=MUTED, strokeDash=[4, 3])
    for lens, rows in bins.items():
        base = altair.Chart(altair.Data(values=rows)).encode(
            x=altair.X("score:Q", title="mean score", scale=altair.Scale(domain=[0, 1])),
            y=altair.Y("share:Q", title="share that is true", scale=altair.Scale(domain=[0, 1])),
        )
        points = base.mark_point(filled=True, color=COLOURS[0], opacity=1).encode(
            size=altair.Size("count:Q", scale=altair.Scale(type="log", domain=[1, 10000], range=[12, 160]), legend=None)
        )
        layers = diagonal.encode(x="x:Q", y="y:Q") + base.mark_line(color=COLOURS[0]) + points
        panels.append(layers.properties(width=170, height=170, title=lens))
    words = "; ".join(
        f"{lens}: " + ", ".join(f"{b['score']:.2f} → {b['share']:.2f}" for b in rows) for lens, rows in bins.items()
    )
    return svg(altair.concat(*panels, columns=4), words)


def f1_bars(outputs: list[dict[str, Any]], lens_of: dict[str, str]) -> str:
    """F1 of every output that occurs, with its interval."""
    rows = [
        {"name": f"{o['name']} ({o['support']})", "lens": lens_of[o["name"]], **o["f1"]} for o in outputs if o["support"]
    ]  # fmt: skip
    base = altair.Chart(altair.Data(values=rows)).encode(
        y=altair.Y("name:N", sort=[r["name"] for r in rows], title=None), color=_by_lens(list(dict.fromkeys(lens_of.values())))
    )
    bars = base.mark_bar(opacity=0.75).encode(x=altair.X("value:Q", title="F1", scale=altair.Scale(domain=[0, 1])))
    spread = base.mark_rule(strokeWidth=1.5).encode(x="low:Q", x2="high:Q", color=altair.value("#222"))
    words = "; ".join(f"{r['name']} {r['value']:.2f} ({r['low']:.2f}–{r['high']:.2f})" for r in rows)
    return svg((bars + spread).properties(width=480, height=17 * len(rows)), words)


def curves(points: dict[str, list[dict[str, float]]]) -> str:
    """Precision against recall, a line a lens."""
    rows = [{"lens": lens, "place": i, **p} for lens, found in points.items() for i, p in enumerate(found)]
    unit = altair.Scale(domain=[0, 1])
    chart = altair.Chart(altair.Data(values=rows)).mark_line(strokeWidth=2).encode(
        x=altair.X("recall:Q", scale=unit), y=altair.Y("precision:Q", scale=unit), order="place:Q", color=_by_lens(list(points))
    )  # fmt: skip
    return svg(chart.properties(width=480, height=320), "precision against recall of " + ", ".join(points))


def confusion(tiers: dict[str, Any]) -> str:
    """True tiers in rows, found ones in columns; the colour is the share of the row."""
    rows = [
        {"true": true, "found": found, "count": count, "share": count / max(sum(counts), 1)}
        for true, counts in zip(tiers["names"], tiers["counts"], strict=True)
        for found, count in zip(tiers["names"], counts, strict=True)
    ]
    base = altair.Chart(altair.Data(values=rows)).encode(
        x=altair.X("found:N", sort=tiers["names"], title="found", axis=altair.Axis(orient="top", labelAngle=0)),
        y=altair.Y("true:N", sort=tiers["names"], title="true"),
    )
    tiles = base.mark_rect().encode(color=altair.Color("share:Q", scale=altair.Scale(scheme="blues", domain=[0, 1]), legend=None))
    text = base.mark_text(fontSize=12).encode(
        text="count:Q", color=altair.condition("datum.share > 0.5", altair.value("#fff"), altair.value("#111"))
    )
    words = "; ".join(f"{r['true']} read as {r['found']}: {r['count']}" for r in rows if r["count"])
    return svg((tiles + text).properties(width=66 * len(tiers["names"]), height=34 * len(tiers["names"])), words)


def _by_lens(lenses: list[str]) -> Any:
    return altair.Color("lens:N", sort=lenses, scale=altair.Scale(domain=lenses, range=COLOURS[: len(lenses)]))
