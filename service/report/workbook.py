"""The tables of the report as an Excel workbook."""

from pathlib import Path
from typing import Any

from openpyxl import Workbook

Rows = list[list[Any]]
SHARE = ["aantal", "van", "aandeel", "laag", "hoog"]


def write_workbook(figures: dict[str, Any], path: Path) -> None:
    """One sheet a section; the numbers are those of the page."""
    book = Workbook(write_only=True)
    for name, rows in sheets(figures).items():
        sheet = book.create_sheet(name)
        sheet.freeze_panes = "A2"
        for row in rows:
            sheet.append(row)
    book.save(path)


def sheets(figures: dict[str, Any]) -> dict[str, Rows]:
    overview = figures["overview"]
    made: dict[str, Rows] = {
        "Overzicht": [
            ["wat", *SHARE],
            ["reviews", overview["rows"]],
            *([name, *_share(value)] for name, value in overview.items() if isinstance(value, dict) and "share" in value),
        ],
        "Lagen": [
            ["laag", "maat", "score", "teken", *SHARE],
            *(
                [tier["name"], tier["metric"], tier["score"], sign, *_share(tier[key])]
                for tier in figures["tiers"]
                for sign, key in (("+", "met"), ("-", "failed"))
                if tier[key]
            ),
        ],
        "Drijfveren": [
            ["drijfveer", "teken", *SHARE],
            *(
                [m["name"], sign, *_share(m[key])]
                for m in figures["motivators"]
                for sign, key in (("+", "fulfilled"), ("-", "frustrated"))
            ),
        ],
        "Klantreis": [
            ["label", "fase", *SHARE],
            *([c["name"], c["phase_name"], *_share(c)] for c in figures["journey"]["cells"]),
        ],
        "Binding": [["binding", *SHARE], *([e["name"], *_share(e["reviews"])] for e in figures["engagement"])],
    }
    if figures["ratings"]:
        made["Cijfers"] = [
            ["label", "verschil in cijfer", "laag", "hoog"],
            *([e["name"], e["effect"], e["low"], e["high"]] for e in figures["ratings"]["effects"]),
        ]
    if figures["periods"]:
        periods = figures["periods"]
        made["Verloop"] = [
            ["label", "periode", *SHARE, "p (hele lijn)"],
            *(
                [line["name"], name, *_share(share), line["p"]]
                for line in periods["lines"]
                for name, share in zip(periods["names"], line["shares"], strict=True)
            ),
        ]
    if figures["groups"]:
        made["Groepen"] = [
            ["groep", "label", *SHARE, "elders", "p"],
            *([c["group"], c["name"], *_share(c), c["others"], c["p"]] for c in figures["groups"]["cells"]),
        ]
    made["Verantwoording"] = [
        ["uitkomst", *SHARE, "gecorrigeerd"],
        *([o["output"], *_share(o), o["corrected"][0] if o["corrected"] else None] for o in figures["outputs"]),
    ]
    return made


def _share(share: dict[str, float]) -> list[float]:
    return [share[key] for key in ("count", "of", "share", "low", "high")]
