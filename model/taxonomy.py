"""The taxonomy: which lenses there are, which labels each holds, and the order of the model's outputs.

People edit `taxonomy.toml`; everything else reads it through `Taxonomy.load`. An *output* is a label with its sign
(`basics-`) or a label without one (`hearsay`); outputs follow the order of the file, `+` before `-`.
"""

import tomllib
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from model.errors import TaxonomyError

DEFAULT_PATH = Path(__file__).with_name("taxonomy.toml")
LENS_TEXTS = ("name_nl", "name_en", "definition_nl", "definition_en", "source")
LABEL_TEXTS = ("code", "name_nl", "name_en", "definition_nl", "definition_en", "not_this_nl", "not_this_en", "source")
SIGNS = {(): ("",), ("+",): ("+",), ("+", "-"): ("+", "-")}


@dataclass(frozen=True)
class Label:
    """One thing a sentence can say. `signs` is `("",)` where the label carries no sign."""

    id: str
    lens: str
    code: str
    signs: tuple[str, ...]
    name_nl: str
    name_en: str
    definition_nl: str
    definition_en: str
    not_this_nl: str
    not_this_en: str
    examples: dict[str, tuple[str, ...]]
    metric: str
    source: str


@dataclass(frozen=True)
class Lens:
    """A way of looking at a review; holds the labels of that view."""

    id: str
    name_nl: str
    name_en: str
    definition_nl: str
    definition_en: str
    source: str
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class Output:
    """One score of the model: a label and a sign. `name` is `basics-`, `code` is the `.rev` code `b-`."""

    label: Label
    sign: str

    @property
    def name(self) -> str:
        return self.label.id + self.sign

    @property
    def code(self) -> str:
        return self.label.code + self.sign


@dataclass(frozen=True)
class Taxonomy:
    """All lenses. `neutral_code` marks a sentence without sentiment in `.rev` files."""

    version: str
    neutral_code: str
    lenses: tuple[Lens, ...]

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        return tuple(label for lens in self.lenses for label in lens.labels)

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        return tuple(Output(label, sign) for label in self.labels for sign in label.signs)

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        return tuple(output.name for output in self.outputs)

    @cached_property
    def index_of_code(self) -> dict[str, int]:
        """Column of an output by its `.rev` code."""
        return {output.code: column for column, output in enumerate(self.outputs)}

    def columns(self, lens: str) -> list[int]:
        """Columns of the outputs of one lens."""
        return [column for column, output in enumerate(self.outputs) if output.label.lens == lens]

    def to_dict(self) -> dict[str, Any]:
        """The taxonomy as JSON-ready data."""
        return {"version": self.version, "outputs": list(self.output_names), "lenses": [asdict(lens) for lens in self.lenses]}

    @classmethod
    def load(cls, path: Path = DEFAULT_PATH) -> "Taxonomy":
        """Read and check a taxonomy file; raises TaxonomyError naming file and line."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TaxonomyError(f"{path}: cannot be read: {error}") from error
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise TaxonomyError(f"{path}: not TOML: {error}") from error
        return _Reader(path, text).taxonomy(data)


class _Reader:
    """Turns the parsed file into a Taxonomy and remembers where each id stands, so that errors can say the line."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()

    def fail(self, message: str, near: str = "") -> TaxonomyError:
        wanted = f'id = "{near}"'
        found = [number for number, line in enumerate(self.lines, 1) if line.strip() == wanted]
        return TaxonomyError(f"{self.path}:{found[-1] if found else 1}: {message}")

    def taxonomy(self, data: dict[str, object]) -> Taxonomy:
        known = {"version", "neutral_code", "lens"}
        if set(data) - known:
            raise self.fail(f"unknown keys {sorted(set(data) - known)}; known are {sorted(known)}")
        for key in ("version", "neutral_code"):
            if not isinstance(data.get(key), str) or not data[key]:
                raise self.fail(f"`{key}` must be a non-empty string")
        lenses = data.get("lens")
        if not isinstance(lenses, list) or not lenses:
            raise self.fail("there is no [[lens]]")
        taxonomy = Taxonomy(str(data["version"]), str(data["neutral_code"]), tuple(self.lens(lens) for lens in lenses))
        ids = [lens.id for lens in taxonomy.lenses] + [label.id for label in taxonomy.labels]
        codes = [taxonomy.neutral_code] + [output.code for output in taxonomy.outputs]
        for what, values in (("id", ids), ("code", codes)):
            for value in values:
                if values.count(value) > 1:
                    owner = next((label.id for label in reversed(taxonomy.labels) if value.startswith(label.code)), value)
                    raise self.fail(f"{what} `{value}` is used twice", owner if what == "code" else value)
        return taxonomy

    def lens(self, data: dict[str, object]) -> Lens:
        lens_id = self.identifier(data, "[[lens]]")
        texts = self.texts(data, lens_id, LENS_TEXTS, optional={"label", "id"})
        labels = data.get("label")
        if not isinstance(labels, list) or not labels:
            raise self.fail(f"lens `{lens_id}` has no [[lens.label]]", lens_id)
        return Lens(id=lens_id, labels=tuple(self.label(label, lens_id) for label in labels), **texts)

    def label(self, data: dict[str, object], lens_id: str) -> Label:
        label_id = self.identifier(data, f"[[lens.label]] of lens `{lens_id}`")
        texts = self.texts(data, label_id, LABEL_TEXTS, optional={"id", "signs", "examples", "metric"})
        signs = data.get("signs", [])
        if not isinstance(signs, list) or tuple(signs) not in SIGNS:
            raise self.fail(f'`signs` of `{label_id}` is ["+", "-"], ["+"] or absent', label_id)
        signed = SIGNS[tuple(signs)]
        examples = data.get("examples")
        wanted = {sign or "any" for sign in signed}
        if not isinstance(examples, dict) or set(examples) != wanted:
            raise self.fail(f"`examples` of `{label_id}` needs a list for each of {sorted(wanted)}", label_id)
        for sign, phrases in examples.items():
            if not isinstance(phrases, list) or not phrases or not all(isinstance(p, str) and p for p in phrases):
                raise self.fail(f"`examples` of `{label_id}` under `{sign}` must be a list of phrases", label_id)
        metric = data.get("metric", "")
        if not isinstance(metric, str):
            raise self.fail(f"`metric` of `{label_id}` must be a string", label_id)
        phrases_of = {sign: tuple(phrases) for sign, phrases in examples.items()}
        return Label(id=label_id, lens=lens_id, signs=signed, examples=phrases_of, metric=metric, **texts)

    def identifier(self, data: dict[str, object], where: str) -> str:
        value = data.get("id")
        if not isinstance(value, str) or not value.isidentifier():
            raise self.fail(f"a {where} lacks a usable `id` (letters, digits, underscores)", str(value))
        return value

    def texts(self, data: dict[str, object], owner: str, keys: tuple[str, ...], *, optional: set[str]) -> dict[str, str]:
        unknown = set(data) - set(keys) - optional
        if unknown:
            raise self.fail(f"`{owner}` has unknown keys {sorted(unknown)}", owner)
        for key in keys:
            if not isinstance(data.get(key), str) or not data[key]:
                raise self.fail(f"`{owner}` needs a non-empty `{key}`", owner)
        return {key: str(data[key]) for key in keys}
