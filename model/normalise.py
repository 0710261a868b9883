"""Raw text → clean text, with the way back: every character knows which characters of the original it stands for.

Unicode NFC, HTML entities and line breaks, no control or zero-width characters, single spaces, single newlines.
Normalising twice changes nothing.
"""

import html
import re
import sys
import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np

SPACES = r"[^\S\n\r\v\f\x1c-\x1e\x85\u2028\u2029]"
NEWLINES = r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]"
EDITS = re.compile(
    rf"(?P<newline>{SPACES}*(?:{NEWLINES}|<br\s*/?>|</?p>)(?:\s|<br\s*/?>|</?p>)*)"
    rf"|(?P<space>{SPACES}{{2,}}|(?! ){SPACES})"
    r"|(?P<entity>&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
    r"|(?P<surrogate>[\ud800-\udfff])"
    r"|(?P<invisible>[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufff9-\ufffb]+)"
)


@dataclass(frozen=True)
class Normalised:
    """`text`, and for each of its characters where its original begins and ends: `starts`, `ends`, (characters,) int."""

    text: str
    starts: np.ndarray
    ends: np.ndarray

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text behind `text[start:end]`; the span must not be empty."""
        return int(self.starts[start]), int(self.ends[end - 1])


def normalise(text: str) -> Normalised:
    """Clean `text`; see the module's description for what that does."""
    places = np.arange(len(text) + 1)
    current = Normalised(text, places[:-1], places[1:])
    while True:
        edits = _edits(current.text)
        if not edits:
            return current
        current = _apply(current, edits)


def _edits(text: str) -> list[tuple[int, int, str]]:
    """The changes of one pass: (start, end, replacement), in order, without overlap."""
    found: list[tuple[int, int, str]] = []
    for match in EDITS.finditer(text):
        start, end = match.span()
        at_edge = start == 0 or end == len(text)
        replacement = {
            "newline": "" if at_edge else "\n",
            "space": "" if at_edge else " ",
            "entity": html.unescape(match[0]),
            "surrogate": "\ufffd",
            "invisible": "",
        }[str(match.lastgroup)]
        if replacement != match[0]:
            found.append((start, end, replacement))
    if not found and text[:1] == " ":
        found.append((0, 1, ""))
    if not found and text[-1:] == " ":
        found.append((len(text) - 1, len(text), ""))
    if not found and not unicodedata.is_normalized("NFC", text):
        found = _compositions(text)
    return found


def _compositions(text: str) -> list[tuple[int, int, str]]:
    """NFC, piece by piece; a piece begins where composition cannot reach back over."""
    joining = _second_in_composition()
    starts = [i for i, c in enumerate(text) if i == 0 or not (unicodedata.combining(c) or c in joining)]
    pieces = zip(starts, [*starts[1:], len(text)], strict=True)
    changes = ((start, end, unicodedata.normalize("NFC", text[start:end])) for start, end in pieces)
    return [(start, end, new) for start, end, new in changes if new != text[start:end]]


@cache
def _second_in_composition() -> frozenset[str]:
    """Characters that can melt into the one before them though they are not combining marks (Hangul, Indic vowels)."""
    seconds = {chr(code) for code in [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]}
    for code in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(code)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            seconds.add(chr(int(parts[1], 16)))
    return frozenset(seconds)


def _apply(current: Normalised, edits: list[tuple[int, int, str]]) -> Normalised:
    texts: list[str] = []
    starts: list[np.ndarray] = []
    ends: list[np.ndarray] = []
    done = 0
    for start, end, replacement in [*edits, (len(current.text), len(current.text), "")]:
        texts += [current.text[done:start], replacement]
        starts += [current.starts[done:start]]
        ends += [current.ends[done:start]]
        if replacement:
            starts.append(np.full(len(replacement), current.starts[start]))
            ends.append(np.full(len(replacement), current.ends[end - 1]))
        done = end
    return Normalised("".join(texts), np.concatenate(starts), np.concatenate(ends))
