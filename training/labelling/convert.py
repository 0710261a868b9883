"""Step `convert`: labelled reviews from and to Label Studio, doccano, Prodigy, Argilla, CSV and our own JSON lines."""

import argparse
import sys
from pathlib import Path

from model.taxonomy import Taxonomy
from training.errors import DataError
from training.files import write_atomically
from training.labelling import formats
from training.labelling.annotated import Annotated, Collected, assemble, read_annotated, write_annotated
from training.labelling.label_studio import from_label_studio, to_label_studio

OURS = "snaar"
READERS = {
    "label-studio": from_label_studio,
    "doccano": formats.from_doccano,
    "prodigy": formats.from_prodigy,
    "argilla": formats.from_argilla,
    "csv": formats.from_csv,
}
WRITERS = {
    "label-studio": to_label_studio,
    "doccano": formats.to_doccano,
    "prodigy": formats.to_prodigy,
    "argilla": formats.to_argilla,
    "csv": formats.to_csv,
}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        "training label convert", description="Labelled reviews from one tool's format to another's."
    )
    parser.add_argument("input", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--from", dest="source", choices=(OURS, *READERS), default="label-studio")
    parser.add_argument("--to", dest="target", choices=(OURS, *WRITERS), default=OURS)
    options = parser.parse_args(arguments)
    taxonomy = Taxonomy.load()
    try:
        found = load(options.input, options.source, taxonomy)
    except DataError as error:
        sys.exit(f"{options.input}: {error}")
    save(options.output, found.reviews, options.target, taxonomy)
    for problem in found.problems:
        print(problem, file=sys.stderr)
    annotators = len({review.annotator for review in found.reviews})
    print(f"{options.output}: {len(found.reviews)} labelled reviews of {annotators} annotators; {len(found.problems)} problems")


def load(path: Path, source: str, taxonomy: Taxonomy) -> Collected:
    """Labelled reviews of a file, with what could not be read in words. Raises DataError where nothing can be."""
    if source == OURS:
        return Collected(read_annotated([path], taxonomy), [])
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read as UTF-8: {type(error).__name__}") from error
    problems: list[str] = []
    return assemble(list(READERS[source](text, taxonomy, problems)), problems)


def save(path: Path, reviews: list[Annotated], target: str, taxonomy: Taxonomy) -> None:
    """Write labelled reviews, whole or not at all."""
    if target == OURS:
        return write_annotated(path, reviews, taxonomy)
    with write_atomically(path) as temporary:
        temporary.write_text(WRITERS[target](reviews, taxonomy), encoding="utf-8", newline="")
    return None
