"""Step `feedback`: what users of the service said is wrong → Label Studio tasks, with a note on what they said.

A user is no annotator: what they said is a reason to label the review, not a label.
"""

import argparse
import sys
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from model.redact import Redactor
from model.taxonomy import Taxonomy
from training.errors import DataError
from training.files import write_atomically
from training.labelling.annotated import known_names
from training.labelling.label_studio import shown, to_tasks
from training.labelling.source import json_lines, read_text
from training.labelling.tasks import Raw, prepare, tasks_of


@dataclass(frozen=True)
class Message:
    """One user on one review: labels it has not, labels it has, and the version of the bundle that had read it."""

    id: str
    text: str
    wrong: frozenset[str]
    missing: frozenset[str]
    version: str


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("training label feedback", description="Feedback that the service kept → tasks to label.")
    parser.add_argument("feedback", type=Path, help="what `snaar feedback` wrote, JSON lines")
    parser.add_argument("-o", "--output", type=Path, required=True, help="tasks for Label Studio, a .json file")
    options = parser.parse_args(arguments)
    taxonomy = Taxonomy.load()
    problems: list[str] = []
    messages = read_messages(options.feedback, taxonomy, problems)
    by_text = {text: list(found) for text, found in groupby(sorted(messages, key=lambda m: (m.text, m.id)), lambda m: m.text)}
    notes = {found[0].id: note(found, taxonomy) for found in by_text.values()}
    ready = list(prepare((Raw(found[0].id, text) for text, found in by_text.items()), Redactor.load(), problems))
    tasks = [task for review in ready for task in tasks_of(review, 1.0, note=notes[review.id], reason="feedback")]
    with write_atomically(options.output) as temporary:
        temporary.write_text(to_tasks(tasks), encoding="utf-8")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{options.output}: {len(messages)} messages on {len(ready)} reviews, {len(tasks)} tasks; {len(problems)} left out")


def read_messages(path: Path, taxonomy: Taxonomy, problems: list[str]) -> list[Message]:
    """The messages of a file; a line that is none, or names labels of another taxonomy, is added to `problems`."""
    found = []
    for line, record in json_lines(read_text(path)):
        where = f"{path}:{line}"
        try:
            wrong, missing = (known_names(record[name], taxonomy, where) for name in ("wrong", "missing"))
            found.append(Message(str(record["id"]), str(record["text"]), wrong, missing, str(record["bundle"]["version"])))
        except DataError as error:
            problems.append(str(error))
        except (KeyError, TypeError, AttributeError):
            problems.append(f"{where}: not a line of `snaar feedback`; left out")
    return found


def note(messages: list[Message], taxonomy: Taxonomy) -> str:
    """What users say of one review, in Dutch: `Gebruikers (2): niet Positief; wel Opvallen − (model 0.2.0)`."""

    def listed(names: frozenset[str]) -> str:
        return ", ".join(shown(output) for output in taxonomy.outputs if output.name in names)

    wrong, missing = (frozenset[str]().union(*(getattr(m, kind) for m in messages)) for kind in ("wrong", "missing"))
    said = [f"niet {listed(wrong)}"] if wrong else []
    said += [f"wel {listed(missing)}"] if missing else []
    versions = ", ".join(sorted({message.version for message in messages}))
    return f"Gebruikers ({len(messages)}): {'; '.join(said)} (model {versions})"
