"""The figures of an evaluation as Markdown tables: the short ones the model card shows, and those behind them."""

from typing import Any

from training.measure import Figure


def markdown(report: dict[str, Any]) -> str:
    """The figures as tables."""
    lines: list[str] = []
    for name, found in report.items():
        readers = list(found["headline"])
        lines += [
            f"### {name} ({found['reviews']} reviews)",
            "",
            f"| figure, review level | {' | '.join(readers)} |",
            "|---" * (len(readers) + 1) + "|",
        ]
        for figure in found["headline"][readers[0]]:
            lines.append(f"| {figure} | {' | '.join(str(Figure(**found['headline'][r][figure])) for r in readers)} |")
        lines.append("")
        if "outputs" in found:
            lines += [
                "| output | precision | recall | F1 | average precision | calibration error | support |",
                "|---|---|---|---|---|---|---|",
            ]
            for output, row in found["outputs"].items():
                numbers = " | ".join(
                    f"{row[key]:.2f}" for key in ("precision", "recall", "f1", "average_precision", "calibration_error")
                )
                lines.append(f"| {output} | {numbers} | {row['support']} |")
            lines.append("")
    return "\n".join(lines)


def detail_markdown(report: dict[str, Any]) -> str:
    """Both levels per output and lens, agreement, slices and the confusion of tiers."""
    lines: list[str] = []
    for name, found in report.items():
        for level in found["detail"]["levels"]:
            lines += [f"## {name}: {level['name']} ({level['rows']})", "", *_qualities(level["lenses"] + level["outputs"]), ""]
            lines += ["True tier (rows) by found tier (columns):", "", *_confusion(level["tiers"]), ""]
        lines += [*_annotators(found["detail"]["annotators"]), "", f"## {name}: slices, micro-F1 of reviews", ""]
        lines += [
            *_slices(found["detail"]["slices"]),
            "",
            f"{found['detail']['slices_hidden']} slices of fewer reviews are hidden.",
            "",
        ]
    return "\n".join(lines)


def _qualities(rows: list[dict[str, Any]]) -> list[str]:
    figures = ("precision", "recall", "f1", "macro_f1")
    lines = ["| label | precision | recall | F1 | macro-F1 | average precision | calibration error | support |", "|---" * 8 + "|"]
    for row in rows:
        shown = " | ".join(str(Figure(**row[key])) for key in figures)
        lines.append(
            f"| {row['name']} | {shown} | {row['average_precision']:.2f} | {row['calibration_error']:.3f} | {row['support']} |"
        )
    return lines


def _confusion(tiers: dict[str, Any]) -> list[str]:
    lines = [f"| true | {' | '.join(tiers['names'])} |", "|---" * (len(tiers["names"]) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(map(str, row))} |" for name, row in zip(tiers["names"], tiers["counts"], strict=True)]
    return [*lines, "", f"{tiers['left_out']} with more than one true tier are left out."]


def _annotators(pairs: dict[str, Any]) -> list[str]:
    if not pairs:
        return []
    lenses = list(next(iter(pairs.values())))
    lines = ["### Agreement, micro-F1 of reviews", "", f"| readers | {' | '.join(lenses)} |", "|---" * (len(lenses) + 1) + "|"]
    return [*lines, *(f"| {pair} | {' | '.join(str(Figure(**f)) for f in found.values())} |" for pair, found in pairs.items())]


def _slices(slices: list[dict[str, Any]]) -> list[str]:
    lenses = list(dict.fromkeys(lens for part in slices for lens in part["support"]))
    lines = [f"| slice | reviews | {' | '.join(lenses)} |", "|---" * (len(lenses) + 2) + "|"]
    for part in slices:
        cells = [f"{Figure(**part['f1'][lens])}, n = {part['support'][lens]}" if lens in part["f1"] else "–" for lens in lenses]
        lines.append(f"| {part['by']}: {part['name']} | {part['reviews']} | {' | '.join(cells)} |")
    return lines
