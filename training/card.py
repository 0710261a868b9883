"""The model card, written from the manifest and the figures. It never holds review text."""

from collections import Counter
from typing import Any

from model.bundle import Manifest
from training.behave import table
from training.dataset import LabelledReview
from training.measure import Figure
from training.tables import markdown


def card(
    manifest: Manifest,
    report: dict[str, Any],
    ceilings: dict[str, dict[str, Any]],
    behaviour: list[tuple[str, bool]],
    train: list[LabelledReview],
) -> str:
    """The card of a bundle in Markdown."""
    parity = manifest.training["parity"]
    sources = Counter(review.source for review in train)
    kinds = {"written for this project": 0, "real public reviews": 0}
    for source, count in sources.items():
        kinds["written for this project" if len(source) <= 3 else "real public reviews"] += count
    lines = [
        "---", "language: nl", "license: apache-2.0", "pipeline_tag: text-classification", "---",
        f"# {manifest.name} {manifest.version}", "",
        "Reads Dutch customer feedback: experience tiers, ten emotional motivators with sign, sentiment, journey phase, engagement",
        "drivers and hearsay, per sentence. Taxonomy version " + manifest.taxonomy_version + ".", "",
        f"- Base: `{manifest.base}`; window of {manifest.window} tokens; int8; made {manifest.created[:10]}.",
        f"- Trained on {len(train)} reviews: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()) + ".",
        "- Labels are by language-model annotators following the project's codebook; the texts written for the project are by language models too.",
        f"- int8 against float32 on the reviews below: largest probability difference {parity['largest_difference']:.3f}, "
        f"{parity['flips']:.2%} of the label decisions flip, micro-F1 changes by {-parity['f1_loss']:+.4f}.", "",
        "## Figures", "",
        "With 95 % bootstrap intervals over reviews. Thresholds and calibration were fitted on these reviews, but for every figure on the",
        "half that is not measured. The baseline is fitted on the same training data and gets its thresholds the same way.", "",
        markdown(report),
    ]  # fmt: skip
    for name, figures in ceilings.items():
        if figures:
            lines += [
                f"### Annotator a against annotator b on {name}",
                "",
                "The annotators are language models and share a mind: an upper bound on consistency, not a human ceiling.",
                "",
            ]
            lines += ["| figure, review level | agreement |", "|---|---|"]
            lines += [f"| {figure} | {Figure(**value)} |" for figure, value in figures.items()]
            lines.append("")
    lines += [
        "## Behaviour", "",
        "Pass rates on `training/behaviour.jsonl`, cases written one by one and never trained on, with 95 % Wilson intervals.", "",
        table(behaviour), "",
        "## Limits", "",
        "- Rare motivators have few real examples; on real reviews their figures rest on a handful of cases.",
        "- Irony, hints and long stories are harder than plain words. Other languages than Dutch are flagged, not understood.",
        "- Not for decisions about single persons. Scores are calibrated on the mix of reviews above; another mix shifts them.", "",
    ]  # fmt: skip
    return "\n".join(lines)
