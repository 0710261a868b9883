"""The artefact folder: what is in it, and how it is written, read and verified.

The manifest holds everything the network alone does not say; its own sha256 names the bundle.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from model.errors import BundleError

FORMAT = 2  # 2: the network reads windows of any lengths at once
MANIFEST = "manifest.json"
NETWORK = "model.onnx"
TOKENIZER = "tokenizer.json"
TAXONOMY = "taxonomy.toml"
CARD = "README.md"
REFERENCE = "reference.json"
DEFAULT_BUNDLE = Path(__file__).with_name("default")


@dataclass(frozen=True)
class Marks:
    """The tokens around a sentence, and the padding token."""

    start: str
    end: str
    padding: str


@dataclass(frozen=True)
class Canary:
    """A text with the labels it must get and those it must not: what `snaar check` and readiness score."""

    text: str
    labels: list[str]
    absent: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Manifest:
    """What a bundle is. Per output, in the taxonomy's order: the probability is sigmoid(slope × logit + intercept)
    (Platt 1999) and a label is present from its threshold on. `measured` holds recall and false positive rate per output
    on reviews the network has not seen. `files` maps file names to their sha256."""

    format: int
    name: str
    version: str
    created: str
    taxonomy_version: str
    base: str
    window: int
    marks: Marks
    slopes: list[float]
    intercepts: list[float]
    thresholds: dict[str, list[float]]
    canaries: list[Canary]
    data: dict[str, str]
    training: dict[str, Any]
    measured: dict[str, dict[str, float]]
    files: dict[str, str]


@dataclass(frozen=True)
class Bundle:
    """An opened bundle folder."""

    folder: Path
    manifest: Manifest
    sha256: str

    def path(self, name: str) -> Path:
        return self.folder / name

    @property
    def identity(self) -> dict[str, str]:
        """Which bundle this is: `name`, `version` and `sha256` of the manifest."""
        return {"name": self.manifest.name, "version": self.manifest.version, "sha256": self.sha256}

    @classmethod
    def open(cls, folder: Path) -> "Bundle":
        """Read the manifest; raises BundleError. Checksums are the business of `verify`."""
        path = folder / MANIFEST
        if not path.is_file():
            raise BundleError(f"{folder}: not a bundle, {MANIFEST} is missing; make one with `python -m training export`")
        raw = path.read_bytes()
        try:
            data = json.loads(raw)
            if data["format"] != FORMAT:
                raise BundleError(
                    f"{path}: format {data['format']} is not the format {FORMAT} this version reads; export it again with `python -m training retrain`"
                )
            manifest = Manifest(
                **{**data, "marks": Marks(**data["marks"]), "canaries": [Canary(**canary) for canary in data["canaries"]]}
            )
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{path}: not a manifest: {type(error).__name__}") from error
        return cls(folder, manifest, hashlib.sha256(raw).hexdigest())

    def verify(self) -> None:
        """Compare every file with its checksum; raises BundleError naming the first that differs."""
        for name, expected in self.manifest.files.items():
            path = self.folder / name
            if not path.is_file():
                raise BundleError(f"{path}: missing from the bundle")
            if file_sha256(path) != expected:
                raise BundleError(f"{path}: changed since the bundle was written (sha256 differs); restore the bundle")


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder whose other files are complete."""
    temporary = folder / f".{MANIFEST}"
    temporary.write_text(json.dumps(asdict(manifest), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(folder / MANIFEST)


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
