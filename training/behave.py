"""Stage `behave`: a behavioural suite in the manner of CheckList (Ribeiro et al. 2020), with a pass rate a group.

A case is `minimum` (labels that must be there, labels that must not), `invariance` (a variant of a text must get the
same labels) or `direction` (scores that may not rise, scores that may not fall, by more than `TOLERANCE`).
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from model.bundle import DEFAULT_BUNDLE
from model.predictor import Predictor
from model.score import Result

CASES = Path(__file__).with_name("behaviour.jsonl")
TOLERANCE = 0.05


@dataclass(frozen=True)
class Rate:
    """How many cases of a group pass, with a 95 % Wilson interval."""

    passed: int
    of: int

    def __str__(self) -> str:
        interval = binomtest(self.passed, self.of).proportion_ci(method="wilson")
        return f"{self.passed / self.of:.0%} ({interval.low:.0%}–{interval.high:.0%})"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training behave", description="Pass rates of a bundle on the behavioural suite.")
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    parser.add_argument("--failures", action="store_true", help="also print the number of every case that fails")
    options = parser.parse_args(arguments)
    passed = behave(Predictor.load(options.bundle), read_cases())
    print(table(passed))
    if options.failures:
        print("failed, by line:", *(number for number, (_, ok) in enumerate(passed, 1) if not ok))


def read_cases() -> list[dict[str, Any]]:
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


def behave(predictor: Predictor, cases: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    """Per case its group and whether it passes."""
    texts = [case["text"] for case in cases] + [case["variant"] for case in cases if "variant" in case]
    results = iter(predictor.predict(texts))
    first = [next(results) for _ in cases]
    return [
        (case["group"], _passes(case, result, next(results) if "variant" in case else None))
        for case, result in zip(cases, first, strict=True)
    ]  # fmt: skip


def rates(passed: list[tuple[str, bool]]) -> dict[str, Rate]:
    """Per group, and of all cases together."""
    groups: dict[str, list[bool]] = {}
    for group, ok in passed:
        groups.setdefault(group, []).append(ok)
    return {name: Rate(sum(ok), len(ok)) for name, ok in [*sorted(groups.items()), ("all", [ok for _, ok in passed])]}


def table(passed: list[tuple[str, bool]]) -> str:
    lines = ["| behaviour | passes | cases |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {rate} | {rate.of} |" for name, rate in rates(passed).items())])


def _passes(case: dict[str, Any], result: Result, variant: Result | None) -> bool:
    return all(_checks(case, result, variant))


def _checks(case: dict[str, Any], result: Result, variant: Result | None) -> Iterator[bool]:
    found = _names(result)
    yield set(case.get("present", [])) <= found
    yield not set(case.get("absent", [])) & found
    if variant is not None:
        outputs = set(case.get("outputs", []))
        yield found & outputs == _names(variant) & outputs
        yield all(variant.scores[name] <= result.scores[name] + TOLERANCE for name in case.get("falls", []))
        yield all(variant.scores[name] >= result.scores[name] - TOLERANCE for name in case.get("rises", []))


def _names(result: Result) -> set[str]:
    return {label.id + label.sign for label in result.labels}
