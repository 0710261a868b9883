"""Label Studio's side of the loop: its labelling config, its tasks (a sentence each), its annotations.

A task is one sentence with its whole review beside it: so a hotkey can mean one thing, and a sentence cannot lose its labels.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from string import ascii_lowercase, digits
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from model.taxonomy import Output, Taxonomy
from training.errors import DataError
from training.labelling.annotated import Annotated, Sentence, known_names, take_apart

HOTKEYS = [prefix + key for prefix, key in product(("", "shift+"), digits[1:] + digits[0] + ascii_lowercase)]
STYLE = ".lsf-choices label { line-height: 1.35 } .snaar-zin { font-size: 1.25em; padding: .75em; background: #eef6f7; border-left: 4px solid #1f5f6b }"


@dataclass(frozen=True)
class Task:
    """A sentence to label. `blind`: no predictions are to be shown for it. `note`: what the annotator should know, in
    Dutch. `reason`: why `label next` chose the review; `random` ones alone give honest figures."""

    review: str
    number: int
    of: int
    text: str
    whole: str
    blind: bool = False
    note: str = ""
    reason: str = ""

    def data(self) -> dict[str, Any]:
        return {
            "text": self.text, "review": self.whole, "review_id": self.review, "number": self.number, "of": self.of,
            "blind": self.blind, "note": self.note, "reason": self.reason,
        }  # fmt: skip


def config(taxonomy: Taxonomy) -> str:
    """The labelling config (XML): per lens its labels with signs, Dutch names, definitions as hints, a hotkey each."""
    view = Element("View")
    SubElement(view, "Style").text = STYLE
    SubElement(view, "Header", value="De hele review", size="5")
    SubElement(view, "Text", name="review", value="$review", granularity="sentence")
    SubElement(view, "Header", value="$note", size="6")
    SubElement(view, "Header", value="Label deze zin", size="4")
    sentence = SubElement(view, "View", className="snaar-zin")
    SubElement(sentence, "Text", name="text", value="$text", granularity="sentence")
    hotkeys = iter(HOTKEYS)
    for lens in taxonomy.lenses:
        SubElement(view, "Header", value=lens.name_nl, size="5")
        choices = SubElement(view, "Choices", name=lens.id, toName="text", choice="multiple", showInline="true")
        for output in (output for output in taxonomy.outputs if output.label.lens == lens.id):
            hotkey = next(hotkeys, None)
            tag = SubElement(choices, "Choice", value=shown(output), alias=output.name, hint=_hint(output))
            if hotkey:
                tag.set("hotkey", hotkey)
    indent(view)
    return tostring(view, encoding="unicode")


def shown(output: Output) -> str:
    """The Dutch name of an output with its sign: `Basis −`."""
    return f"{output.label.name_nl} {output.sign}".strip().replace("-", "−")


def _hint(output: Output) -> str:
    phrases = ", ".join(f"“{phrase}”" for phrase in output.label.examples[output.sign or "any"])
    return f"{output.label.definition_nl} Bijvoorbeeld: {phrases}. Niet dit: {output.label.not_this_nl}"


def to_tasks(tasks: Iterable[Task]) -> str:
    """A file to import: a JSON list."""
    return json.dumps([{"data": task.data()} for task in tasks], ensure_ascii=False, indent=1)


def to_label_studio(reviews: list[Annotated], taxonomy: Taxonomy) -> str:
    """An export: tasks with one annotation an annotator."""
    whole = {review.id: " ".join(review.sentences) for review in reviews}
    tasks: dict[tuple[str, int], dict[str, Any]] = {}
    for sentence in take_apart(reviews):
        task = Task(sentence.review, sentence.number, sentence.of, sentence.text, whole[sentence.review])
        made = tasks.setdefault((sentence.review, sentence.number), {"data": task.data(), "annotations": []})
        made["annotations"].append({"completed_by": sentence.annotator, "result": _result(sentence, taxonomy)})
    numbered = [{"id": number, **task} for number, task in enumerate(tasks.values(), 1)]
    return json.dumps(numbered, ensure_ascii=False, indent=1)


def _result(sentence: Sentence, taxonomy: Taxonomy) -> list[dict[str, Any]]:
    found = []
    for lens in taxonomy.lenses:
        names = [o.name for o in taxonomy.outputs if o.label.lens == lens.id and o.name in sentence.names]
        if names:
            region = {"id": f"{sentence.number}{lens.id}", "from_name": lens.id, "to_name": "text", "type": "choices"}
            found.append({**region, "value": {"choices": names}})
    return found


def from_label_studio(text: str, taxonomy: Taxonomy, problems: list[str]) -> Iterator[Sentence]:
    """An export in the format JSON; skipped annotations are left out, tasks that are not ours are added to `problems`."""
    try:
        tasks = json.loads(text)
    except ValueError as error:
        raise DataError("not JSON; export the project from Label Studio in the format JSON") from error
    if not isinstance(tasks, list):
        raise DataError("not a list of tasks; export the project from Label Studio in the format JSON")
    for number, task in enumerate(tasks, 1):
        try:
            data = task["data"]
            place = (str(data["review_id"]), int(data["number"]), int(data["of"]), str(data["text"]))
            said = [a for a in task.get("annotations", []) if not a.get("was_cancelled")]
            found = [Sentence(*place, _annotator(a["completed_by"]), _names(a, taxonomy, f"task {number}")) for a in said]
        except DataError as error:
            problems.append(str(error))
        except (KeyError, TypeError, ValueError, AttributeError):
            problems.append(f"task {number}: not a task made by `label tasks` with annotations of `label project`; left out")
        else:
            yield from found


def _annotator(completed_by: Any) -> str:
    """Label Studio gives a number, or the user as an object: the number is enough to tell annotators apart."""
    return str(completed_by["id"] if isinstance(completed_by, dict) else completed_by)


def _names(annotation: dict[str, Any], taxonomy: Taxonomy, where: str) -> frozenset[str]:
    chosen = [name for region in annotation["result"] if region["type"] == "choices" for name in region["value"]["choices"]]
    name_of = {shown(output): output.name for output in taxonomy.outputs}
    return known_names([name_of.get(name, name) for name in chosen], taxonomy, where)
