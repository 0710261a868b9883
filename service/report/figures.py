"""A scored table → every number of the report, in one dictionary: page, workbook and JSON show nothing else.

A share is `{"count", "of", "share", "low", "high"}` with a 95 % Wilson interval.
"""

import datetime
import re
from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.bundle import Bundle
from model.redact import Redactor
from model.taxonomy import Label, Output, Taxonomy
from service.batch.columns import Roles
from service.batch.score import PREFIX
from service.batch.table import Table, TableError
from service.batch.write import unguard
from service.report import statistics
from service.report.quotes import Quotes

FAILED_BASIC_WEIGHS = 6  # a failed basic weighs six times a kept one: the theory's weight
SMALL_GROUP, MOST_GROUPS, ENOUGH_RATINGS = 20, 12, 50
DATE_FORMS = ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%Y/%m/%d", "%d.%m.%Y", "%Y-%m-%d %H:%M:%S", "%d-%m-%Y %H:%M")


@dataclass(frozen=True)
class Scored:
    """A scored dump. `present`: (reviews, outputs) bool, only rows without an error; `ratings`, `dates` and `groups` (numbers in `group_names`) run
    parallel to it. Texts are not kept, so that a large dump fits in little memory."""

    taxonomy: Taxonomy
    rows: int
    errors: dict[str, int]
    warnings: dict[str, int]
    present: np.ndarray
    quotes: Quotes
    ratings: np.ndarray
    dates: list[datetime.date | None]
    groups: np.ndarray
    group_names: list[str]
    group_name: str | None

    @classmethod
    def read(cls, path: Path, taxonomy: Taxonomy, *, by: str | None) -> "Scored":
        """Read the output of `snaar score`; raises TableError where it is none."""
        table = Table.open(path)
        missing = [lens.id for lens in taxonomy.lenses if f"{PREFIX}{lens.id}" not in table.columns]
        if missing:
            raise TableError(f"{path}: no column {PREFIX}{missing[0]}; first score the reviews with `snaar score`")
        if by is not None and by not in table.columns:
            raise TableError(f"{path}: no column `{by}` to compare by")
        roles = Roles.find(table, [])
        lens_columns = [table.columns.index(f"{PREFIX}{lens.id}") for lens in taxonomy.lenses]
        error, warning, proof = (table.columns.index(PREFIX + name) for name in ("error", "warnings", "evidence"))
        group = table.columns.index(by) if by is not None else None
        errors: dict[str, int] = defaultdict(int)
        warnings: dict[str, int] = defaultdict(int)
        number_of = {name: n for n, name in enumerate(taxonomy.output_names)}
        present, ratings, quotes = bytearray(), array("d"), Quotes()
        dates: list[datetime.date | None] = []
        groups: list[int] = []
        number_of_group: dict[str, int] = {}
        one: dict[Any, Any] = {}  # equal days share one object
        rows = 0
        for row in table.rows():
            rows += 1
            for kind in str(row[warning] or "").split():
                warnings[kind] += 1
            if row[error]:
                errors[str(row[error])] += 1
                continue
            names = [name for column in lens_columns for name in str(row[column] or "").split()]
            known = {number_of[name] for name in names if name in number_of}
            present += bytes(column in known for column in range(len(number_of)))
            quotes.add(names, _evidence(row[proof]), unguard(str(roles.text_of(row))))
            ratings.append(_number(row[roles.rating]) if roles.rating is not None else np.nan)
            day = _date(row[roles.date]) if roles.date is not None else None
            dates.append(one.setdefault(day, day))
            name = str(row[group]) if group is not None else ""
            groups.append(number_of_group.setdefault(name, len(number_of_group)))
        table_of = np.frombuffer(present, dtype=bool).reshape(-1, len(number_of))
        return cls(
            taxonomy, rows, dict(errors), dict(warnings), table_of, quotes, np.array(ratings), dates, np.array(groups, int),
            list(number_of_group), by,
        )  # fmt: skip

    def lens(self, name: str) -> list[Output]:
        return [output for output in self.taxonomy.outputs if output.label.lens == name]

    @property
    def favourable(self) -> np.ndarray:
        """Reviews with good words, (reviews,) bool; `unfavourable` those with bad ones, and a review may be both."""
        return self.any_of(self.lens("sentiment")[:1])

    @property
    def unfavourable(self) -> np.ndarray:
        return self.any_of(self.lens("sentiment")[1:])

    def any_of(self, outputs: Iterable[Output | str]) -> np.ndarray:
        """Reviews with any of these outputs, (reviews,) bool."""
        names = [output if isinstance(output, str) else output.label.id + output.sign for output in outputs]
        columns = [self.taxonomy.output_names.index(name) for name in names]
        return np.asarray(self.present[:, columns].any(1))


def compute(scored: Scored, bundle: Bundle, *, redact: bool) -> dict[str, Any]:
    """Every number and quote of the report."""
    redactor = Redactor.load() if redact else None
    outputs = scored.taxonomy.outputs
    motivators, tiers = scored.lens("motivator"), scored.lens("tier")
    read = len(scored.present)
    labelled = scored.any_of([*tiers, *motivators])
    return {
        "overview": {
            "rows": scored.rows,
            "read": read,
            "errors": scored.errors,
            "warnings": scored.warnings,
            "unlabelled": _share(~labelled),
            "favourable": _share(scored.favourable & ~scored.unfavourable),
            "unfavourable": _share(scored.unfavourable & ~scored.favourable),
            "mixed": _share(scored.favourable & scored.unfavourable),
            "connected": _share(scored.any_of(o for o in motivators if o.sign == "+")),
            "frustrated": _share(scored.any_of(o for o in motivators if o.sign == "-")),
        },
        "tiers": _tiers(scored, tiers),
        "motivators": _motivators(scored, motivators, redactor),
        "journey": _journey(scored, [*tiers, *motivators]),
        "engagement": _engagement(scored, redactor),
        "ratings": _ratings(scored, [*tiers, *motivators]),
        "not_own": _share(scored.any_of(scored.lens("source"))),
        "periods": _periods(scored),
        "groups": _groups(scored, [*tiers, *motivators]),
        "outputs": [_output(scored, column, bundle) for column in range(len(outputs))],
        "model": {
            **bundle.identity,
            "taxonomy_version": scored.taxonomy.version,
            "measured": bundle.manifest.measured,
        },
    }


def _labels(outputs: list[Output]) -> list[Label]:
    return list({output.label.id: output.label for output in outputs}.values())


def _share(chosen: np.ndarray, within: np.ndarray | None = None) -> dict[str, float]:
    hits = int((chosen if within is None else chosen & within).sum())
    total = len(chosen) if within is None else int(within.sum())
    low, high = statistics.wilson(hits, total)
    return {"count": hits, "of": total, "share": hits / total if total else 0.0, "low": low, "high": high}


def _signed(scored: Scored, label: str, sign: str) -> np.ndarray:
    name = label + sign
    return scored.any_of([name]) if name in scored.taxonomy.output_names else np.zeros(len(scored.present), bool)


def _tiers(scored: Scored, tiers: list[Output]) -> list[dict[str, Any]]:
    """Per tier the shares met and failed, and a score of 0 to 100.

    Basics: met / (met + 6 × failed). Ease: met / (met + failed). Wow: share among the reviews where neither fails."""
    labels = _labels(tiers)
    in_order = ~scored.any_of(o for o in tiers if o.sign == "-")
    made = []
    for label in labels:
        met, failed = _signed(scored, label.id, "+"), _signed(scored, label.id, "-")
        if "-" not in label.signs:
            score = 100 * _share(met, in_order)["share"]
        else:
            weight = FAILED_BASIC_WEIGHS if label.id == labels[0].id else 1
            score = 100 * met.sum() / max(met.sum() + weight * failed.sum(), 1)
        made.append(
            {
                "id": label.id, "name": label.name_nl, "metric": label.metric, "score": float(score),
                "met": _share(met), "failed": _share(failed) if "-" in label.signs else None,
            }
        )  # fmt: skip
    return made


def _motivators(scored: Scored, motivators: list[Output], redactor: Redactor | None) -> list[dict[str, Any]]:
    made = []
    for label in _labels(motivators):
        fulfilled, frustrated = _signed(scored, label.id, "+"), _signed(scored, label.id, "-")
        made.append(
            {
                "id": label.id, "name": label.name_nl, "definition": label.definition_nl,
                "fulfilled": _share(fulfilled), "frustrated": _share(frustrated),
                "quotes": {sign: scored.quotes.of(label.id + sign, redactor) for sign in ("+", "-")},
            }
        )  # fmt: skip
    return sorted(made, key=lambda m: -(m["fulfilled"]["count"] + m["frustrated"]["count"]))


def _journey(scored: Scored, rows: list[Output]) -> dict[str, Any]:
    """Shares of each label among the reviews that speak of a phase."""
    phases = [output.label for output in scored.lens("journey")]
    within = {phase.id: scored.any_of([phase.id]) for phase in phases}
    return {
        "phases": [{"id": phase.id, "name": phase.name_nl, "reviews": _share(within[phase.id])} for phase in phases],
        "cells": [
            {
                "output": o.label.id + o.sign, "name": f"{o.label.name_nl} {o.sign}", "lens": o.label.lens, "phase": phase.id,
                "phase_name": phase.name_nl, **_share(scored.any_of([o]), within[phase.id]),
            }
            for o in rows
            for phase in phases
        ],
    }  # fmt: skip


def _engagement(scored: Scored, redactor: Redactor | None) -> list[dict[str, Any]]:
    made = []
    for output in scored.lens("engagement"):
        chosen = scored.any_of([output])
        made.append(
            {
                "id": output.label.id, "name": output.label.name_nl, "definition": output.label.definition_nl,
                "reviews": _share(chosen), "favourable": _share(scored.favourable, chosen),
                "rating": _mean(scored.ratings[chosen]), "rating_others": _mean(scored.ratings[~chosen]),
                "quotes": scored.quotes.of(output.label.id, redactor),
            }
        )  # fmt: skip
    return made


def _mean(ratings: np.ndarray) -> float | None:
    known = ratings[~np.isnan(ratings)]
    return float(known.mean()) if len(known) else None


def _ratings(scored: Scored, outputs: list[Output]) -> dict[str, Any] | None:
    """What customers say against the rating they give; None without enough ratings."""
    known = ~np.isnan(scored.ratings)
    if known.sum() < ENOUGH_RATINGS or np.nanstd(scored.ratings) == 0:
        return None
    ratings = scored.ratings[known]
    top = next(scale for scale in (5, 10, 100, np.inf) if ratings.max() <= scale)
    high, low = known & (scored.ratings >= 0.8 * top), known & (scored.ratings <= 0.4 * top)
    present = scored.present[known]
    columns = [scored.taxonomy.output_names.index(o.label.id + o.sign) for o in outputs]
    common = [c for c in columns if present[:, c].sum() >= 10]
    found = statistics.effects(ratings, present[:, common].astype(float)) if common else []
    return {
        "known": _share(known), "mean": float(ratings.mean()), "top": float(top),
        "high_but_unfavourable": _share(scored.unfavourable & ~scored.favourable, high),
        "high_but_frustrated": _share(scored.any_of(o for o in outputs if o.sign == "-"), high),
        "low_but_favourable": _share(scored.favourable & ~scored.unfavourable, low),
        "nps": float(100 * ((ratings >= 9).mean() - (ratings <= 6).mean())) if top == 10 else None,
        "effects": [
            {"name": _name(scored, c), "named": _share(present[:, c]), "effect": e, "low": lo, "high": hi}
            for c, (e, lo, hi) in zip(common, found, strict=True)
        ],
    }  # fmt: skip


def _name(scored: Scored, column: int) -> str:
    output = scored.taxonomy.outputs[column]
    return f"{output.label.name_nl} {output.sign}".strip()


def _periods(scored: Scored) -> dict[str, Any] | None:
    """Shares by month (by week within three months) and whether they change; None without three periods of dates."""
    days = [day for day in scored.dates if day is not None]
    if not days:
        return None
    by_week = (max(days) - min(days)).days < 92
    period = ["" if d is None else f"{d:%G-W%V}" if by_week else f"{d:%Y-%m}" for d in scored.dates]
    names = sorted(set(period) - {""})
    if len(names) < 3:
        return None
    lines = {
        output.label.id + output.sign: scored.any_of([output]) for output in [*scored.lens("sentiment"), *scored.lens("tier")]
    }
    at = np.array(period)
    made: list[dict[str, Any]] = []
    for name, chosen in lines.items():
        shares = [_share(chosen, at == p) for p in names]
        p = statistics.trend([int(s["count"]) for s in shares], [int(s["of"]) for s in shares])
        column = scored.taxonomy.output_names.index(name)
        made.append({"name": _name(scored, column), "p": p, "shares": shares})
    for line, p in zip(made, statistics.holm([line["p"] for line in made]), strict=True):
        line["p"] = p
    return {"unit": "week" if by_week else "maand", "names": names, "lines": made}


def _groups(scored: Scored, outputs: list[Output]) -> dict[str, Any] | None:
    """Each group against all others, p-values corrected by Holm; None where no group column was named."""
    if scored.group_name is None:
        return None
    names, sizes = scored.group_names, np.bincount(scored.groups)
    shown = sorted((n for n in range(len(names)) if sizes[n] >= SMALL_GROUP), key=lambda n: (-sizes[n], names[n]))[:MOST_GROUPS]
    cells: list[dict[str, Any]] = []
    for group in shown:
        inside = scored.groups == group
        for output in outputs:
            chosen = scored.any_of([output])
            mine, rest = _share(chosen, inside), _share(chosen, ~inside)
            p = statistics.difference(int(mine["count"]), int(mine["of"]), int(rest["count"]), int(rest["of"]))
            cells.append({"group": names[group], "name": f"{output.label.name_nl} {output.sign}", "lens": output.label.lens,
                          **mine, "others": rest["share"], "p": p})  # fmt: skip
    for cell, p in zip(cells, statistics.holm([cell["p"] for cell in cells]), strict=True):
        cell["p"] = p
    return {
        "column": scored.group_name,
        "groups": [names[n] for n in shown],
        "left_out": int(len(names) - len(shown)),
        "cells": cells,
    }


def _output(scored: Scored, column: int, bundle: Bundle) -> dict[str, Any]:
    output = scored.taxonomy.outputs[column]
    name = scored.taxonomy.output_names[column]
    share = _share(scored.present[:, column])
    quality = bundle.manifest.measured.get(name)
    corrected = None
    if quality is not None:
        limits = [
            statistics.adjusted_count(share[key], quality["recall"], quality["false_positive_rate"])
            for key in ("share", "low", "high")
        ]
        corrected = limits if None not in limits else None
    return {
        "output": name,
        "name": _name(scored, column),
        "lens": output.label.lens,
        **share,
        "corrected": corrected,
        "quality": quality,
    }


def _evidence(cell: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for line in unguard(str(cell or "")).splitlines():
        name, separator, sentence = line.partition(": ")
        if separator:
            found[name].append(sentence)
    return dict(found)


def _number(cell: Any) -> float:
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return float(cell)
    text = re.sub(r"[^\d,.\-]", "", str(cell or "").split("/")[0]).replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _date(cell: Any) -> datetime.date | None:
    if isinstance(cell, datetime.datetime):
        return cell.date()
    if isinstance(cell, datetime.date):
        return cell
    text = str(cell or "").strip().replace("T", " ")[:19]
    for form in DATE_FORMS:
        try:
            return datetime.datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None
