"""The plots, drawn once with Vega-Altair and kept as SVG: nothing is loaded or run when the page is read.

Blue is fulfilled and orange frustrated, two of the colours of Okabe and Ito (2008) that colour-blind readers tell apart;
every plot also says its numbers in words.
"""

from typing import Any

import altair

from service.report.drawing import Chart

FULFILLED, FRUSTRATED, NEUTRAL = "#0072B2", "#D55E00", "#767676"
FONT = "sans-serif"
WIDTH = 620
FEW = 20


def _styled(chart: Any, words: str) -> Chart:
    styled = chart.configure(font=FONT).configure_view(strokeWidth=0).configure_axis(
        labelFontSize=13, titleFontSize=13, labelLimit=240, gridColor="#e3e3e3", domainColor="#999"
    ).configure_legend(labelFontSize=13, titleFontSize=13, orient="top")  # fmt: skip
    return Chart(styled.to_json(), words)


def tiers(figures: list[dict[str, Any]]) -> Chart:
    """Shares of the reviews in which a tier is met or failed."""
    rows = [
        {"tier": tier["name"], "what": what, **_percent(share)}
        for tier in figures
        for what, share in (("vervuld", tier["met"]), ("gefrustreerd", tier["failed"]))
        if share is not None
    ]
    return _styled(_bars(rows, "tier", [t["name"] for t in figures]), _words(rows, "tier"))


def motivators(figures: list[dict[str, Any]]) -> Chart:
    """Diverging bars: fulfilled to the right, frustrated to the left."""
    rows = [
        {"name": m["name"], "what": what, **_percent(m[key], turned)}
        for m in figures
        for what, key, turned in (("gefrustreerd", "frustrated", -1), ("vervuld", "fulfilled", 1))
    ]
    base = altair.Chart(altair.Data(values=rows)).encode(
        y=altair.Y("name:N", sort=[m["name"] for m in figures], title=None, axis=altair.Axis(domain=False, ticks=False))
    )
    axis = altair.Axis(labelExpr="abs(datum.value) + ' %'", title="aandeel van de reviews")
    bars = base.mark_bar().encode(x=altair.X("share:Q", axis=axis), color=_colour())
    spread = base.mark_rule(color="#222").encode(x="low:Q", x2="high:Q")
    return _styled((bars + spread).properties(width=WIDTH - 140, height=30 * len(figures)), _words(rows, "name"))


def heat(cells: list[dict[str, Any]], row: str, column: str, title: str) -> Chart:
    """Shares in a grid, each written in its cell."""
    few = {"share": 0, "low": 0, "high": 0, "text": "–"}  # a share of fewer than FEW reviews says nothing
    rows = [
        {"row": c[row], "column": c[column], **(_percent(c) | {"text": f"{100 * c['share']:.0f}"} if c["of"] >= FEW else few)}
        for c in cells
    ]
    order = {"row": list(dict.fromkeys(r["row"] for r in rows)), "column": list(dict.fromkeys(r["column"] for r in rows))}
    most = max([r["share"] for r in rows], default=1) or 1
    base = altair.Chart(altair.Data(values=rows)).encode(
        x=altair.X("column:N", sort=order["column"], title=None, axis=altair.Axis(orient="top", labelAngle=-25, labelLimit=160)),
        y=altair.Y("row:N", sort=order["row"], title=None),
    )
    tiles = base.mark_rect().encode(color=altair.Color("share:Q", scale=altair.Scale(scheme="cividis"), legend=None))
    text = base.mark_text(fontSize=12).encode(
        text="text:N", color=altair.condition(f"datum.share > {most / 2}", altair.value("#111"), altair.value("#fff"))
    )
    chart = (tiles + text).properties(width=max(70 * len(order["column"]), 200), height=26 * len(order["row"]))
    return _styled(chart, f"{title}: " + "; ".join(f"{r['row']} bij {r['column']} {r['text']} %" for r in rows))


def lines(periods: dict[str, Any]) -> Chart:
    """Shares over time with their intervals."""
    rows = [
        {"period": name, "name": line["name"], **_percent(share)}
        for line in periods["lines"]
        for name, share in zip(periods["names"], line["shares"], strict=True)
    ]
    base = altair.Chart(altair.Data(values=rows)).encode(
        x=altair.X("period:O", title=periods["unit"], axis=altair.Axis(labelAngle=-40, labelOverlap=True))
    )
    band = base.mark_area(opacity=0.2, color=FULFILLED).encode(y=altair.Y("low:Q", title="% van de reviews"), y2="high:Q")
    line = base.mark_line(point=True, color=FULFILLED).encode(y="share:Q")
    chart = (band + line).properties(width=270, height=110).facet(
        facet=altair.Facet("name:N", title=None, sort=[line["name"] for line in periods["lines"]]), columns=2
    )  # fmt: skip
    return _styled(chart, _words(rows, "name"))


def effects(figures: list[dict[str, Any]]) -> Chart:
    """What goes with the rating: coefficients with intervals."""
    rows = [{"name": f["name"], "effect": f["effect"], "low": f["low"], "high": f["high"]} for f in figures]
    order = [r["name"] for r in sorted(rows, key=lambda r: r["effect"])]
    base = altair.Chart(altair.Data(values=rows)).encode(y=altair.Y("name:N", sort=order, title=None))
    points = base.mark_point(filled=True, size=70, color=FULFILLED).encode(x=altair.X("effect:Q", title="verschil in cijfer"))
    spread = base.mark_rule(color=FULFILLED).encode(x="low:Q", x2="high:Q")
    zero = altair.Chart(altair.Data(values=[{"x": 0}])).mark_rule(color=NEUTRAL, strokeDash=[4, 3]).encode(x="x:Q")
    words = "; ".join(f"{r['name']} {r['effect']:+.2f}" for r in rows)
    return _styled((zero + spread + points).properties(width=WIDTH - 180, height=22 * len(rows)), words)


def _bars(rows: list[dict[str, Any]], name: str, order: list[str]) -> Any:
    base = altair.Chart(altair.Data(values=rows)).encode(
        y=altair.Y(f"{name}:N", sort=order, title=None),
        yOffset=altair.YOffset("what:N", sort=["vervuld", "gefrustreerd"]),
    )
    bars = base.mark_bar().encode(x=altair.X("share:Q", title="% van de reviews"), color=_colour())
    spread = base.mark_rule(color="#222").encode(x="low:Q", x2="high:Q")
    return (bars + spread).properties(width=WIDTH - 100, height=60 * len(order))


def _colour() -> Any:
    return altair.Color(
        "what:N",
        title=None,
        sort=["vervuld", "gefrustreerd"],
        scale=altair.Scale(domain=["vervuld", "gefrustreerd"], range=[FULFILLED, FRUSTRATED]),
    )


def _percent(share: dict[str, Any], turned: int = 1) -> dict[str, float]:
    return {key: round(100 * turned * share[key], 2) for key in ("share", "low", "high")}


def _words(rows: list[dict[str, Any]], name: str) -> str:
    return "; ".join(f"{r[name]} {r.get('what', r.get('period', ''))} {abs(r['share']):.1f} %" for r in rows)
