"""Text → sentences: spaCy's Dutch tokenizer and a few rules for how people write reviews.

Reviewers forget capitals, end with emoji, write `..` for a pause, list with bullets and glue sentences together; the
cases in `tests/cases/split.jsonl` say what we want.
"""

import re
import sys
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any

# What a tokenizer never uses is not loaded with spaCy: torch, where it happens to be installed (two seconds and 200 MB), and spaCy's
# own command line (0.1 second and 16 MB).
UNUSED: dict[str, Any] = {"torch": None, "spacy.cli": ModuleType("spacy.cli"), "spacy.cli.info": ModuleType("spacy.cli.info")}
UNUSED["spacy.cli.info"].info = None
KEPT_OUT = {name: module for name, module in UNUSED.items() if name not in sys.modules}
sys.modules.update(KEPT_OUT)
from spacy.lang.nl import Dutch, DutchDefaults  # noqa: E402
from spacy.language import Language  # noqa: E402
from spacy.tokens import Doc, Token  # noqa: E402

for name in KEPT_OUT:
    del sys.modules[name]

ABBREVIATIONS_WRITTEN = """
a.d.h.v. a.u.b. aub. afd. afz. art. b.g.g. b.v. bijv. bijz. blz. bv. btw. ca. cq. c.q. d.d. d.m.v. d.w.z. dd. dhr. dr.
drs. e.a. e.d. e.v. e.o. enz. etc. ev. evt. excl. f.a. fam. fig. gebr. gem. h.h. i.c.m. i.d.g.v. i.e. i.h.a. i.h.b.
i.o.v. i.p.v. i.v.m. incl. ing. inz. ir. jl. jr. k.o. lic. m.a.w. m.b.t. m.b.v. m.i. m.i.v. m.m.v. m.n. m.u.v. max. mej.
mevr. min. mln. mr. mrd. mvr. mw. n.a.v. n.b. n.v.t. nl. nr. nrs. o.a. o.b.v. o.g. o.i. o.i.d. o.l.v. o.m. o.t.t. o.v.v.
p.j. p.m. p.p. p.s. p.st. p.u. p/m. p/st. pag. plm. plv. prof. r.k. resp. s.v.p. secr. sr. st. str. t.a.v. t.b.v. t.e.m.
t.g.v. t.h.t. t.m. t.n.v. t.o.v. t.w.v. t.z.t. tel. v.a. v.d. v.w.b. vgl. vlgs. vnl. w.o. wo. z.g. z.g.a.n. z.o.z.
z.s.m. zgn.
"""
ABBREVIATIONS = frozenset(ABBREVIATIONS_WRITTEN.split())
LISTS_END_WITH = {"enz.", "etc.", "e.d.", "e.a.", "e.o.", "o.i.d."}
END = re.compile(r"[.!?…‼⁉❗❓]+")
CLOSER = re.compile(r"[\"'”’»)\]*_]+")
EMOJI = re.compile(r"[\U0001F000-\U0001FAFF☀-➿⬀-⯿️‍]+|[:;=xX]-?[)(DPpOo/|]+|<3|\^\^")
BULLET = re.compile(r"[•▪●◦‣·✓✔]")
WORDS_BEFORE_PAUSE = 4
LONG_WORD = 100  # spaCy takes quadratic time for a run of characters without white space: longer ones go in pieces


def _exceptions() -> dict[str, list[dict[str, str]]]:
    """What is one token though its characters say otherwise. spaCy also takes words such as "top." for abbreviations."""
    ours = {form: [{"ORTH": form}] for written in ABBREVIATIONS for form in (written, written.capitalize())}
    return {form: rule for form, rule in DutchDefaults.tokenizer_exceptions.items() if not form.endswith(".")} | ours


class ReviewDutch(Dutch):
    """spaCy's Dutch with our abbreviations."""

    class Defaults(DutchDefaults):
        tokenizer_exceptions = _exceptions()


@dataclass(frozen=True)
class Splitter:
    """A blank Dutch spaCy pipeline; loaded once."""

    pipeline: Language

    @classmethod
    def load(cls) -> "Splitter":
        pipeline = ReviewDutch()
        pipeline.max_length = 10**9
        return cls(pipeline)

    def tokens(self, text: str) -> Doc:
        """The tokens of a text; together they hold every character of it."""
        if not re.search(rf"\S{{{LONG_WORD + 1}}}", text):
            return self.pipeline.make_doc(text)
        pieces = re.findall(rf"\s+(?=\S)|\S{{1,{LONG_WORD}}}\s?|\s+$", text)
        found = [token for piece in pieces for token in self.pipeline.make_doc(piece)]
        words, spaces = [token.text for token in found], [bool(token.whitespace_) for token in found]
        return Doc(self.pipeline.vocab, words=words, spaces=spaces)

    def split(self, text: str) -> list[tuple[int, int]]:
        """The sentences of a normalised text as (start, end) spans, in order, without surrounding white space.

        Together the spans hold every character of the text that is not white space.
        """
        starts = [0, *_starts(self.tokens(text))]
        spans = [_trim(text, start, end) for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
        return _join_wordless(text, [span for span in spans if span[0] < span[1]])


def _starts(doc: Doc) -> list[int]:
    """Character offsets where a sentence begins, the first excepted."""
    starts: list[int] = []
    words = 0  # in the sentence so far
    tokens = list(doc)
    for token, following in pairwise(tokens):
        plain = token.is_alpha and token.text[0] not in "xX"  # a word, and no `xD`: only a bullet begins anything after it
        words += plain or any(c.isalnum() for c in token.text)
        if BULLET.fullmatch(following.text) if plain else _ends_before(token, following, words):
            starts.append(following.idx)
            words = 0
    return starts


def _ends_before(token: Token, following: Token, words: int) -> bool:
    """Whether a sentence ends between two neighbouring tokens."""
    if "\n" in token.text or BULLET.fullmatch(following.text):
        return True
    if following.is_space or END.fullmatch(following.text) or _closes(following) or EMOJI.fullmatch(following.text):
        return False
    mark, quoted = token, False
    while mark.i > 0 and (_closes(mark) or EMOJI.fullmatch(mark.text) or mark.text == " "):
        quoted |= _closes(mark)
        mark = mark.nbor(-1)
    lower = following.text[:1].islower()
    if mark.text.lower() in LISTS_END_WITH:
        return following.text[:1].isupper()
    if not END.fullmatch(mark.text):
        return mark.i < token.i and not quoted and following.text[:1].isupper() and words > 0
    glued = not token.whitespace_ and not any(EMOJI.fullmatch(between.text) for between in token.doc[mark.i : token.i + 1])
    if mark.text == ".":
        return not _is_abbreviating(mark, following) and not (glued and lower) and not (quoted and lower)
    if set(mark.text) <= {".", "…"}:
        return words >= WORDS_BEFORE_PAUSE if lower else words > 0
    return not (quoted and lower) and not (glued and following.text[:1].isdigit())


def _closes(token: Token) -> bool:
    """Whether a quote or bracket closes what stands before it: it touches the left, or nothing touches it on the right."""
    if not CLOSER.fullmatch(token.text):
        return False
    return bool(token.whitespace_) or (token.i > 0 and not token.nbor(-1).whitespace_)


def _is_abbreviating(dot: Token, following: Token) -> bool:
    """Whether a lone dot belongs to what stands before it: an initial, a list number, an unknown abbreviation."""
    if dot.i == 0:
        return True
    before = dot.nbor(-1)
    if before.whitespace_ or before.is_space:
        return False
    if before.text.lower() + "." in ABBREVIATIONS:
        return True
    if before.text.isdigit():
        first = before.i == 0 or before.nbor(-1).is_space or END.fullmatch(before.nbor(-1).text) is not None
        return (
            (first and len(before.text) <= 2)
            or following.text[:1].islower()
            or (following.text[:1].isdigit() and not dot.whitespace_)
        )
    return len(before.text) == 1 and before.text.isupper() and before.text not in "UX"


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _join_wordless(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join a span without a letter, digit or emoji to the one before it (the first of all to the one after)."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        wordless = not any(c.isalnum() or ord(c) > 0x2190 for c in text[start:end])
        first_is_wordless = len(joined) == 1 and not any(c.isalnum() or ord(c) > 0x2190 for c in text[slice(*joined[0])])
        if joined and (wordless or first_is_wordless):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
