"""Stage `evaluate`: how good is a bundle, on reviews it has not seen, beside a bag of words and the annotators.

Everything goes through the runtime on the exported bundle. Where calibration was fitted on the same reviews, it is
fitted again on one half and measured on the other, and the reverse, so that no review judges its own threshold.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.predictor import POLICY, Predictor
from model.taxonomy import Taxonomy
from training.baseline import baseline_logits
from training.calibrate import ENOUGH, Calibration, Evidence, fit
from training.dataset import LabelledReview, read
from training.files import write_atomically
from training.measure import Figure, by_output, macro_f1, micro_f1
from training.readings import review_labels, review_logits


@dataclass(frozen=True)
class TestSet:
    """Reviews to measure on. `real`: written by customers rather than for this project."""

    name: str
    reviews: list[LabelledReview]
    real: bool


def headline(present: np.ndarray, labels: np.ndarray, taxonomy: Taxonomy) -> dict[str, Figure]:
    """The few figures that are compared, at review level."""
    paired = [c for c in taxonomy.columns("tier") if len(taxonomy.outputs[c].label.signs) == 2]
    return {
        "macro-F1 of the paired tiers": macro_f1(present, labels, paired),
        "macro-F1 of the five tiers": macro_f1(present, labels, taxonomy.columns("tier")),
        "macro-F1 of sentiment": macro_f1(present, labels, taxonomy.columns("sentiment")),
        "micro-F1 of motivators with sign": micro_f1(present, labels, taxonomy.columns("motivator")),
        "micro-F1 of journey": micro_f1(present, labels, taxonomy.columns("journey")),
        "micro-F1 of engagement": micro_f1(present, labels, taxonomy.columns("engagement")),
    }


def cross_fitted(
    logits: dict[str, np.ndarray], sets: list[TestSet], taxonomy: Taxonomy
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Scores and present labels per set, each half with the calibration of everything but that half."""
    labels = {s.name: review_labels(s.reviews, taxonomy) for s in sets}
    halves = {s.name: np.arange(len(s.reviews)) % 2 for s in sets}
    found = {}
    for measured in sets:
        scores, present = np.zeros_like(labels[measured.name]), np.zeros_like(labels[measured.name])
        for half in (0, 1):
            rows = {s.name: halves[s.name] != half if s is measured else np.ones(len(s.reviews), bool) for s in sets}
            evidence = Evidence(
                np.concatenate([logits[s.name][rows[s.name]] for s in sets]),
                np.concatenate([labels[s.name][rows[s.name]] for s in sets]),
                np.concatenate([np.full(rows[s.name].sum(), s.real) for s in sets]),
            )
            calibration: Calibration = fit(evidence, taxonomy)
            mine = halves[measured.name] == half
            scores[mine] = calibration.scores(logits[measured.name][mine])
            present[mine] = scores[mine] >= calibration.thresholds[POLICY]
        found[measured.name] = scores, present
    return found


def evaluate(predictor: Predictor, sets: list[TestSet], train: list[LabelledReview]) -> dict[str, Any]:
    """Figures per set: the bundle's, the bag of words', and what two annotators agree on where both labelled."""
    taxonomy = predictor.taxonomy
    everything = [review for s in sets for review in s.reviews]
    readers = {"snaar": review_logits(predictor, everything)}
    if train:
        readers["tf-idf + logistic regression"] = baseline_logits(train, everything, taxonomy)
    ends = np.cumsum([len(s.reviews) for s in sets])[:-1]
    report: dict[str, Any] = {s.name: {"reviews": len(s.reviews), "headline": {}} for s in sets}
    for reader, logits in readers.items():
        parts = np.split(logits, ends)
        found = cross_fitted({s.name: part for s, part in zip(sets, parts, strict=True)}, sets, taxonomy)
        for s in sets:
            scores, present = found[s.name]
            labels = review_labels(s.reviews, taxonomy)
            report[s.name]["headline"][reader] = {n: asdict(f) for n, f in headline(present, labels, taxonomy).items()}
            if reader == "snaar":
                rows = by_output(scores, present, labels)
                report[s.name]["outputs"] = dict(zip(taxonomy.output_names, rows, strict=True))
    return report


def measured(report: dict[str, Any], sets: list[TestSet]) -> dict[str, dict[str, float]]:
    """Recall and false positive rate per output, on real reviews where `ENOUGH` of them have it, else on all sets together."""
    found = {}
    for name in report[sets[0].name]["outputs"]:
        rows = [(report[s.name]["outputs"][name], s) for s in sets]
        real = [(row, s) for row, s in rows if s.real]
        chosen = real if sum(row["support"] for row, _ in real) >= ENOUGH else rows
        support = sum(row["support"] for row, _ in chosen)
        hits = sum(row["recall"] * row["support"] for row, _ in chosen)
        alarms = sum(row["found"] for row, _ in chosen) - hits
        others = sum(len(s.reviews) for _, s in chosen) - support
        if support:
            found[name] = {
                "recall": round(hits / support, 4), "false_positive_rate": round(alarms / max(others, 1), 4), "support": support
            }  # fmt: skip
    return found


def agreement(path: Path, taxonomy: Taxonomy) -> dict[str, dict[str, float]]:
    """Headline figures of annotator a against b, from the raw annotations in a validation file."""
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if not all("annotator_a" in record for record in records):
        return {}
    both = []
    for who in ("annotator_a", "annotator_b"):
        coded = [
            LabelledReview(
                "", tuple(r["sentences"]), tuple(frozenset(c) - {taxonomy.neutral_code} for c in r[who]), "", "", "", None
            )
            for r in records
        ]
        both.append(review_labels(coded, taxonomy))
    return {name: asdict(figure) for name, figure in headline(both[0], both[1], taxonomy).items()}


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


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training evaluate", description="Figures of a bundle on labelled reviews.")
    parser.add_argument("data", nargs="+", type=Path, help="labelled reviews the bundle has not seen")
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True, help="a .json file; the tables go beside it as .md")
    options = parser.parse_args(arguments)
    predictor = Predictor.load(options.bundle)
    sets = [TestSet(path.stem, read([path], predictor.taxonomy), real=path.suffix == ".jsonl") for path in options.data]
    report = evaluate(predictor, sets, [])
    for path, text in ((options.output, json.dumps(report, indent=1)), (options.output.with_suffix(".md"), markdown(report))):
        with write_atomically(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(markdown(report))
