"""Exports of labelling tools → sentences with codes: Label Studio (JSON), doccano and Prodigy (JSON lines).

They label a text, or spans of it. Our own splitter cuts the text; a span's labels go to every sentence it touches. A text
that is labelled as a whole counts as one sentence, and a list of paragraphs stays cut as it is. Labels are named as outputs (`basics-`) or by their codes (`b-`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from model.normalise import normalise
from model.split import Splitter
from training.errors import DataError

SKIPPED = ("reject", "ignore")


@dataclass(frozen=True)
class Mark:
    """Labels of the characters from `start` to `end` of a text."""

    start: int
    end: int
    names: tuple[str, ...]

    def touches(self, start: int, end: int) -> bool:
        return max(self.start, start) < min(self.end, end)


@dataclass(frozen=True)
class Marked:
    """A text as a labelling tool gives it: with marks, and names for all of it. `cuts`: its sentences where the tool gives them."""

    text: str
    marks: list[Mark]
    names: list[str]
    cuts: list[tuple[int, int]] = field(default_factory=list)

    def sentences(self, where: str) -> tuple[tuple[str, ...], list[list[str]]]:
        """Sentences and the names of each; without marks or cuts the text is one sentence. Raises DataError."""
        cuts = self.cuts or (_cut(self.text) if self.marks else [(0, len(self.text))])
        sentences = tuple(normalise(self.text[start:end]).text.strip() for start, end in cuts)
        if not all(sentences):
            raise DataError(f"{where}: the text is empty")
        if any(all(not mark.touches(*cut) for cut in cuts) for mark in self.marks):
            raise DataError(f"{where}: a label marks no text; its `start` and `end` are offsets in the text, end after start")
        return sentences, [[*self.names, *(n for mark in self.marks if mark.touches(*cut) for n in mark.names)] for cut in cuts]


def label_studio(text: str, where: str) -> Iterator[tuple[str, Marked]]:
    """The tasks of a JSON export with the line each begins on; tasks that were skipped by all are left out. Raises DataError."""
    for line, task in _elements(text, where):
        place = f"{where}:{line}"
        try:
            annotations = [found for found in task["annotations"] if not found.get("was_cancelled")]
            if not annotations and task["annotations"]:
                continue
            chosen = max(annotations, key=lambda found: bool(found.get("ground_truth")), default=None)
            data = task["data"]
            if chosen is None:
                raise DataError(f"{place}: a task without annotation; export the annotated tasks only")
            content = data["text"] if "text" in data else next(v for v in data.values() if isinstance(v, list))
            marked = _task(content, chosen["result"])
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, StopIteration) as error:
            wanted = "`data` with `text`, and `annotations` with `choices`, `labels` or `paragraphlabels`"
            raise DataError(f"{place}: a Label Studio task has {wanted}") from error
        yield place, marked


def tool_line(record: dict[str, Any]) -> Marked | None:
    """A line of doccano (`label` or `labels`, `entities`) or Prodigy (`spans`, `accept`); None where it was rejected.

    Raises KeyError, TypeError or ValueError where it is neither.
    """
    if record.get("answer") in SKIPPED:
        return None
    marks, names = [], list(record.get("accept", []))
    found = record.get("label", record.get("labels", []))
    for label in [found] if isinstance(found, str) else found:
        if isinstance(label, str):
            names.append(label)
        else:
            start, end, name = label
            marks.append(Mark(int(start), int(end), (str(name),)))
    marks += [Mark(int(s["start"]), int(s["end"]), (str(s["label"]),)) for s in record.get("spans", [])]
    marks += [Mark(int(e["start_offset"]), int(e["end_offset"]), (str(e["label"]),)) for e in record.get("entities", [])]
    if not {"label", "labels", "entities", "spans", "accept"} & record.keys() or not isinstance(record["text"], str):
        raise ValueError
    return Marked(record["text"], marks, names)


def _task(content: Any, result: list[dict[str, Any]]) -> Marked:
    """Text with regions, or a list of paragraphs (a sentence each) that regions name by their number."""
    paragraphs = isinstance(content, list)
    texts = [part if isinstance(part, str) else part["text"] for part in content] if paragraphs else [str(content)]
    begins = [sum(len(text) + 1 for text in texts[:number]) for number in range(len(texts))]
    cuts = [(begin, begin + len(text)) for begin, text in zip(begins, texts, strict=True)]
    marks: list[Mark] = []
    names: list[str] = []
    for region in result:
        value = region["value"]
        found = tuple(value.get("choices") or value.get("labels") or value.get("paragraphlabels") or ())
        if "start" not in value:
            names += found
        elif paragraphs:
            first, last = int(value["start"]), int(value["end"])
            marks.append(Mark(cuts[first][0], cuts[last][1], found))
        else:
            marks.append(Mark(int(value["start"]), int(value["end"]), found))
    return Marked("\n".join(texts), marks, names, cuts if paragraphs else [])


def _elements(text: str, where: str) -> Iterator[tuple[int, Any]]:
    """The elements of a JSON list, each with the line it begins on."""
    decoder = json.JSONDecoder()
    place = _skip(text, 0, " \t\r\n\ufeff")
    if text[place : place + 1] != "[":
        raise DataError(f"{where}:1: a Label Studio export is a JSON list of tasks")
    place = _skip(text, place + 1, " \t\r\n,")
    while text[place : place + 1] != "]":
        line = text.count("\n", 0, place) + 1
        try:
            element, place = decoder.raw_decode(text, place)
        except ValueError as error:
            raise DataError(f"{where}:{line}: not JSON from here on") from error
        yield line, element
        place = _skip(text, place, " \t\r\n,")


def _skip(text: str, place: int, characters: str) -> int:
    while place < len(text) and text[place] in characters:
        place += 1
    return place


def _cut(text: str) -> list[tuple[int, int]]:
    """Our own sentences, as offsets in the text as it was."""
    clean = normalise(text)
    return [clean.original_span(start, end) for start, end in _splitter().split(clean.text)]


@cache
def _splitter() -> Splitter:
    return Splitter.load()
