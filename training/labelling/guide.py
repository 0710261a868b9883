"""Step `guide`: the taxonomy → an annotation guide in Dutch, as a page to print (.html) or Markdown (.md)."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from model.taxonomy import Label, Lens, Taxonomy
from training.files import write_atomically

HERE = Path(__file__).parent
TEMPLATES = {".html": "guide.html.jinja", ".md": "guide.md.jinja"}
FORMS = {"+": "vervuld (+)", "-": "gefrustreerd (−)", "": "voorbeelden"}


@dataclass(frozen=True)
class Examples:
    """Phrases that carry one output: its name, what its sign means in Dutch, the phrases."""

    output: str
    form: str
    phrases: tuple[str, ...]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training label guide", description="The annotation guide, in Dutch.")
    parser.add_argument("-o", "--output", type=Path, required=True, help="a .html or .md file")
    parser.add_argument("--taxonomy", type=Path, help="another taxonomy file")
    options = parser.parse_args(arguments)
    if options.output.suffix not in TEMPLATES:
        sys.exit(f"{options.output}: the guide is written as {' or '.join(TEMPLATES)}")
    taxonomy = Taxonomy.load(options.taxonomy) if options.taxonomy else Taxonomy.load()
    with write_atomically(options.output) as temporary:
        temporary.write_text(guide(taxonomy, options.output.suffix), encoding="utf-8")
    print(f"{options.output}: {len(taxonomy.lenses)} lenses, {len(taxonomy.labels)} labels")


def guide(taxonomy: Taxonomy, suffix: str) -> str:
    """The whole guide; `suffix` is one of `TEMPLATES`."""
    templates = Environment(loader=FileSystemLoader(HERE), autoescape=suffix == ".html", trim_blocks=True, lstrip_blocks=True)
    return templates.get_template(TEMPLATES[suffix]).render(taxonomy=taxonomy, examples=examples, question=question)


def examples(label: Label) -> list[Examples]:
    """Of one label, a group a sign."""
    return [Examples(label.id + sign, FORMS[sign], label.examples[sign or "any"]) for sign in label.signs]


def question(lens: Lens) -> str:
    """What an annotator asks of a sentence for this lens: what the lens looks at, and the choices."""
    choices = ", ".join(label.name_nl for label in lens.labels)
    return f"{lens.definition_nl} Kies uit: {choices}, of geen."
