"""Stage `evaluate`: how good is a bundle, on reviews it has not seen, beside a bag of words and the annotators.

Everything goes through the runtime on the exported bundle. Where calibration was fitted on the same reviews, it is
fitted again on one half and measured on the other, and the reverse, so that no review judges its own threshold.
"""

import argparse
import json
from dataclasses import asdict, dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from model.bundle import DEFAULT_BUNDLE
from model.predictor import POLICY, Predictor
from model.taxonomy import Taxonomy
from training.baseline import baseline_logits
from training.calibrate import ENOUGH, Calibration, Evidence, fit
from training.dataset import LabelledReview, read, targets
from training.detail import Readings, level, slice_figures
from training.files import write_atomically
from training.lexicon import cue_counts
from training.measure import Figure, by_output, macro_f1, micro_f1
from training.page import page
from training.readings import review_labels, review_logits, sentence_logits
from training.tables import detail_markdown, markdown

SNAAR = "snaar"


@dataclass(frozen=True)
class TestSet:
    """Reviews to measure on. `real`: written by customers rather than for this project. `annotators`: the same reviews as each
    annotator labelled them, where that is known."""

    name: str
    reviews: list[LabelledReview]
    real: bool
    annotators: list[list[LabelledReview]] = field(default_factory=list)


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


def calibrations(logits: dict[str, np.ndarray], sets: list[TestSet], taxonomy: Taxonomy) -> dict[str, list[Calibration]]:
    """Per set two calibrations: for its even and for its odd reviews, each fitted on everything but those."""
    labels = {s.name: review_labels(s.reviews, taxonomy) for s in sets}
    found: dict[str, list[Calibration]] = {}
    for measured in sets:
        for half in (0, 1):
            rows = {
                s.name: np.arange(len(s.reviews)) % 2 != half if s is measured else np.ones(len(s.reviews), bool) for s in sets
            }
            evidence = Evidence.of([(logits[s.name][rows[s.name]], labels[s.name][rows[s.name]], s.real) for s in sets])
            found.setdefault(measured.name, []).append(fit(evidence, taxonomy))
    return found


def read_with(halves: list[Calibration], logits: np.ndarray, labels: np.ndarray, unit: np.ndarray) -> Readings:
    """Scores and present labels, each row with the calibration of its review's half; `unit`: the review of each row."""
    scores, present = np.zeros_like(labels), np.zeros_like(labels)
    for half, calibration in enumerate(halves):
        mine = unit % 2 == half
        scores[mine] = calibration.scores(logits[mine])
        present[mine] = scores[mine] >= calibration.thresholds[POLICY]
    return Readings(scores, present, labels, unit)


def evaluate(predictor: Predictor, sets: list[TestSet], train: list[LabelledReview]) -> dict[str, Any]:
    """Figures per set: the bundle's, those of three simple readers beside it, and what lies behind the bundle's.

    The bag of words is fitted on `train`, gets its thresholds as the bundle does, and is left out where `train` is empty.
    One cue of the keyword list is enough; the majority is the commonest answer of each output in the set itself.
    """
    taxonomy = predictor.taxonomy
    everything = [review for s in sets for review in s.reviews]
    readers = {SNAAR: review_logits(predictor, everything)}
    if train:
        readers["tf-idf + logistic regression"] = baseline_logits(train, everything, taxonomy)
    ends = np.cumsum([len(s.reviews) for s in sets])[:-1]
    report: dict[str, Any] = {s.name: {"reviews": len(s.reviews), "headline": {}} for s in sets}
    for reader, logits in readers.items():
        parts = dict(zip(report, np.split(logits, ends), strict=True))
        halves = calibrations(parts, sets, taxonomy)
        for s in sets:
            labels = review_labels(s.reviews, taxonomy)
            found = read_with(halves[s.name], parts[s.name], labels, np.arange(len(labels)))
            report[s.name]["headline"][reader] = _figures(found.present, labels, taxonomy)
            if reader == SNAAR:
                rows = by_output(found.scores, found.present, labels)
                report[s.name]["outputs"] = dict(zip(taxonomy.output_names, rows, strict=True))
                report[s.name]["detail"] = _detail(predictor, s, found, halves[s.name])
    cues = np.split(cue_counts(everything, taxonomy, predictor.splitter), ends)
    for s, counts in zip(sets, cues, strict=True):
        labels = review_labels(s.reviews, taxonomy)
        report[s.name]["headline"]["keywords"] = _figures((counts > 0).astype(labels.dtype), labels, taxonomy)
        commonest = np.broadcast_to(labels.mean(0) > 0.5, labels.shape).astype(labels.dtype)
        report[s.name]["headline"]["majority"] = _figures(commonest, labels, taxonomy)
    return report


def _figures(present: np.ndarray, labels: np.ndarray, taxonomy: Taxonomy) -> dict[str, Any]:
    return {name: asdict(figure) for name, figure in headline(present, labels, taxonomy).items()}


def _detail(predictor: Predictor, s: TestSet, reviews: Readings, halves: list[Calibration]) -> dict[str, Any]:
    """Both levels, the slices, and the agreement with whoever annotated the set, ready for JSON."""
    taxonomy = predictor.taxonomy
    unit = np.repeat(np.arange(len(s.reviews)), [len(review.sentences) for review in s.reviews])
    labels = np.concatenate([targets(review.codes, taxonomy) for review in s.reviews])
    sentences = read_with(halves, sentence_logits(predictor, s.reviews), labels, unit)
    shown, hidden = slice_figures(s.reviews, reviews, taxonomy)
    return {
        "levels": [asdict(level("reviews", reviews, taxonomy)), asdict(level("sentences", sentences, taxonomy))],
        "slices": [asdict(figures) for figures in shown],
        "slices_hidden": hidden,
        "annotators": _with_annotators(reviews.present, s.annotators, taxonomy),
    }


def _with_annotators(
    present: np.ndarray, annotators: list[list[LabelledReview]], taxonomy: Taxonomy
) -> dict[str, dict[str, Any]]:
    """Per pair of readers the micro-F1 of each lens; empty where nobody's own labels are known."""
    coded = {f"annotator {letter}": review_labels(r, taxonomy) for letter, r in zip("abcdef", annotators, strict=False)}
    pairs = {f"{SNAAR} with {name}": (present, labels) for name, labels in coded.items()}
    pairs |= {f"{one} with {other}": (coded[one], coded[other]) for one, other in combinations(coded, 2)}
    return {
        pair: {lens.id: asdict(micro_f1(one, other, taxonomy.columns(lens.id))) for lens in taxonomy.lenses}
        for pair, (one, other) in pairs.items()
    }


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


def read_annotators(path: Path, taxonomy: Taxonomy) -> list[list[LabelledReview]]:
    """The reviews of a validation file as annotator a and as annotator b labelled them; empty where it does not say."""
    if path.is_dir() or path.suffix != ".jsonl":
        return []
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    if not all("annotator_a" in record and "annotator_b" in record for record in records):
        return []
    return [
        [
            LabelledReview(
                "", tuple(r["sentences"]), tuple(frozenset(c) - {taxonomy.neutral_code} for c in r[who]), "", "", "", None
            )
            for r in records
        ]
        for who in ("annotator_a", "annotator_b")
    ]


def agreement(path: Path, taxonomy: Taxonomy) -> dict[str, dict[str, float]]:
    """Headline figures of annotator a against b, from the raw annotations in a validation file."""
    both = [review_labels(coded, taxonomy) for coded in read_annotators(path, taxonomy)]
    return {name: asdict(figure) for name, figure in headline(both[0], both[1], taxonomy).items()} if both else {}


def write_report(report: dict[str, Any], output: Path, taxonomy: Taxonomy, *, title: str, extra: dict[str, Any]) -> None:
    """The figures as JSON at `output` (with `extra` beside them), and the same as `.md` and `.html`."""
    texts = {
        ".json": json.dumps({"sets": report, **extra}, indent=1),
        ".md": markdown(report) + "\n" + detail_markdown(report),
        ".html": page(report, taxonomy, title=title),
    }
    for suffix, text in texts.items():
        with write_atomically(output.with_suffix(suffix)) as temporary:
            temporary.write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training evaluate", description="Figures of a bundle on labelled reviews.")
    parser.add_argument("data", nargs="+", type=Path, help="labelled reviews the bundle has not seen")
    parser.add_argument("--bundle", type=Path, default=DEFAULT_BUNDLE)
    parser.add_argument("--train", nargs="*", type=Path, default=[], help="labelled reviews to fit the bag of words on")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a .json file; .md and .html go beside it")
    options = parser.parse_args(arguments)
    predictor = Predictor.load(options.bundle)
    taxonomy = predictor.taxonomy
    sets = [
        TestSet(path.stem, read([path], taxonomy), real=path.suffix == ".jsonl", annotators=read_annotators(path, taxonomy))
        for path in options.data
    ]
    report = evaluate(predictor, sets, read(options.train, taxonomy))
    manifest = predictor.bundle.manifest
    write_report(report, options.output, taxonomy, title=f"{manifest.name} {manifest.version}", extra={})
    print(markdown(report))
