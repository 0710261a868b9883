"""A trained folder → a bundle: ONNX, int8, calibration, thresholds, manifest; behind a parity gate."""

import json
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from transformers import AutoTokenizer

from model.bundle import (
    CARD,
    FORMAT,
    NETWORK,
    REFERENCE,
    TAXONOMY,
    TOKENIZER,
    Bundle,
    Canary,
    Manifest,
    Marks,
    file_sha256,
    write_manifest,
)
from model.encode import Encoder, Window
from model.infer import Network
from model.normalise import normalise
from model.predictor import POLICY, Predictor
from model.reference import Reference
from model.taxonomy import DEFAULT_PATH, Taxonomy
from training.calibrate import Evidence, fit
from training.dataset import LabelledReview
from training.errors import DataError, GateError
from training.evaluate import TestSet
from training.files import write_atomically
from training.lengths import for_any_lengths
from training.network import export_network
from training.quantise import quantise
from training.readings import review_labels, review_logits
from training.tokens import read_passages
from training.train import encoder_of
from training.wide import Wide

MAX_FLIPS = 0.005
MAX_F1_LOSS = 0.005
EXAMPLES = 200  # reviews of each set, about
DATA = Path(__file__).with_name("data")


@dataclass(frozen=True)
class Parity:
    """int8 against float32 on reviews that gave no example: largest probability difference, share of label decisions that flip, loss of micro-F1."""

    largest_difference: float
    flips: float
    f1_loss: float

    @classmethod
    def of(cls, scores: np.ndarray, exact: np.ndarray, thresholds: np.ndarray, labels: np.ndarray) -> "Parity":
        """From scores of int8 and of float32 and from labels, (reviews, outputs) each."""
        present, exact_present = scores >= thresholds, exact >= thresholds
        return cls(
            float(np.abs(scores - exact).max()),
            float((present != exact_present).mean()),
            _micro_f1(exact_present, labels) - _micro_f1(present, labels),
        )

    def check(self) -> None:
        if self.flips > MAX_FLIPS or self.f1_loss > MAX_F1_LOSS:
            raise GateError(
                f"int8 differs from float32: {self.flips:.2%} of the labels flip (at most {MAX_FLIPS:.1%}), micro-F1 loses {self.f1_loss:.4f} (at most {MAX_F1_LOSS})"
            )


def export(
    trained: Path,
    sets: list[TestSet],
    output: Path,
    *,
    name: str,
    version: str,
    base: str,
    window: int,
    data: dict[str, str],
    training: dict[str, Any],
    canaries: list[Canary],
) -> Parity:
    """Write the bundle to `output`, whole or not at all; raises GateError where int8 is not the same model."""
    taxonomy = Taxonomy.load()
    with TemporaryDirectory(dir=output.parent) as made:
        folder = Path(made) / "bundle"
        folder.mkdir()
        examples = _examples(sets, encoder_of(trained, window))
        export_network(trained, Path(made) / "float32.onnx", wide=Wide.load(trained))
        quantise(Path(made) / "float32.onnx", Path(made) / "int8.onnx", examples=examples)
        for_any_lengths(Path(made) / "int8.onnx", folder / NETWORK, examples=examples)
        for_any_lengths(Path(made) / "float32.onnx", Path(made) / "exact.onnx", examples=[])
        shutil.copy(trained / TOKENIZER, folder / TOKENIZER)
        shutil.copy(DEFAULT_PATH, folder / TAXONOMY)
        (folder / CARD).write_text("", encoding="utf-8")
        tokenizer = AutoTokenizer.from_pretrained(trained)
        start, end = tokenizer.cls_token or tokenizer.bos_token, tokenizer.sep_token or tokenizer.eos_token
        ones = [1.0] * len(taxonomy.outputs)
        manifest = Manifest(
            format=FORMAT,
            name=name,
            version=version,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            taxonomy_version=taxonomy.version,
            base=base,
            window=window,
            marks=Marks(start, end, tokenizer.pad_token),
            slopes=ones,
            intercepts=[0.0 for _ in ones],
            thresholds={POLICY: [0.5 for _ in ones]},
            canaries=canaries,
            data=data,
            training=training,
            measured={},
            files={},
        )
        write_manifest(folder, manifest)
        quantised = Predictor.load(folder)
        exact = replace(quantised, network=Network.load(Path(made) / "exact.onnx"))
        evidence = Evidence.of([(review_logits(quantised, s.reviews), review_labels(s.reviews, taxonomy), s.real) for s in sets])
        exact_logits = np.concatenate([review_logits(exact, s.reviews) for s in sets])
        calibration = fit(evidence, taxonomy)
        scores, exact_scores, new = calibration.scores(evidence.logits), calibration.scores(exact_logits), new_to_it(sets)
        parity = Parity.of(scores[new], exact_scores[new], calibration.thresholds[POLICY], evidence.labels[new])
        parity.check()
        write_manifest(
            folder,
            replace(
                manifest,
                slopes=_rounded(calibration.slopes),
                intercepts=_rounded(calibration.intercepts),
                thresholds={policy: _rounded(values) for policy, values in calibration.thresholds.items()},
                training={**training, "parity": vars(parity)},
                files={path.name: file_sha256(path) for path in sorted(folder.iterdir()) if path.name != "manifest.json"},
            ),
        )
        if output.exists():
            shutil.rmtree(output)
        shutil.move(folder, output)
    return parity


def _examples(sets: list[TestSet], encoder: Encoder) -> list[Window]:
    """What activations are observed on: reviews of each set, spread over it, and ours, so that a few reviews are no narrow view."""
    some = [review.sentences for s in sets for review in s.reviews[:: _every(len(s.reviews))]]
    ours = _ours()
    texts = [[normalise(sentence).text for sentence in sentences] for sentences in [*some, *ours[:: _every(len(ours))]]]
    return [window for windows in encoder.encode(texts) for window in windows]


def _ours() -> list[tuple[str, ...]]:
    """The sentences of written reviews, read without their codes: the taxonomy may have other labels by now."""
    passages = [passage for path in sorted(DATA.glob("g*-01.rev")) for passage in read_passages(path)]
    return [tuple(passage.strip().split("\n")) for passage in passages]


def new_to_it(sets: list[TestSet]) -> np.ndarray:
    """Which reviews gave no example, (reviews,) bool: they tell whether int8 is the same model. All of them where each gave one."""
    new = np.concatenate([np.arange(len(s.reviews)) % _every(len(s.reviews)) > 0 for s in sets])
    return new if new.any() else ~new


def _every(reviews: int) -> int:
    """Every how many reviews of so many one gives an example."""
    return max(1, reviews // EXAMPLES)


def add_figures(folder: Path, text: str, measured: dict[str, dict[str, float]]) -> None:
    """Put a model card and what was measured into a bundle."""
    _add(folder, CARD, text, measured=measured)


def add_reference(folder: Path, reviews: list[LabelledReview]) -> Reference:
    """Put into a bundle what it finds in reviews like those it should meet, as counts; raises DataError where none can be read."""
    found = Reference.of(Predictor.load(folder).stream(review.text for review in reviews))
    if not found.reviews:
        raise DataError(f"{folder}: not one review can be read; bring reviews that hold text")
    _add(folder, REFERENCE, found.to_json())
    return found


def _add(folder: Path, name: str, text: str, **changes: Any) -> None:
    """Write a file into a bundle, and its checksum with other `changes` into the manifest."""
    with write_atomically(folder / name) as temporary:
        temporary.write_text(text, encoding="utf-8")
    manifest = Bundle.open(folder).manifest
    files = dict(sorted({**manifest.files, name: file_sha256(folder / name)}.items()))
    write_manifest(folder, replace(manifest, files=files, **changes))


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 5) for value in values]


def _micro_f1(present: np.ndarray, labels: np.ndarray) -> float:
    return float(2 * (present * labels).sum() / max(present.sum() + labels.sum(), 1))


def read_canaries(path: Path) -> list[Canary]:
    return [Canary(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
