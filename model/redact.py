"""Text → text without personal data: each number, address or name becomes a tag such as `[TELEFOON]`.

Spans are found first and replaced second. Check digits decide where a number has them; elsewhere a word in front must say
what follows ("klantnummer", "kenteken", "mevrouw"), so that prices, dates, sizes and product codes stay. A name without
such a word stays too. The cases in `tests/cases/redact.jsonl` say what we want.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from phonenumbers import PhoneNumberMatcher
from stdnum import iban, luhn
from stdnum.be import nn
from stdnum.nl import bsn

from model.split import Splitter  # before spaCy: it keeps torch out

# isort: split
from spacy.language import Language
from spacy.matcher import Matcher
from spacy.tokens import Span

Finder = Callable[[str], Iterable[tuple[int, int]]]

USER = r"(?<![\w.+%-])[\w.+%-]{1,64}"
PROVIDER = "(?:gmail|hotmail|outlook|live|icloud|yahoo|msn|ziggo|kpnmail|planet|xs4all|home|hetnet|telenet|skynet|proximus)"
AT = r"(?: ?@ ?| ?[(\[](?:at|apenstaartje)[)\]] ?| (?:at|apenstaartje) )"
DOT = r"(?: ?\. ?|,| ?[(\[](?:punt|dot)[)\]] ?| punt | dot )"
SUBJECT = (
    "aanvraag|aansluit(?:ings)?|abonnee|abonnements?|account|bestel(?:lings)?|boekings?|bsn|burgerservice|case|claim|contract|"
    "debiteur(?:en)?|deelnemers?|dossier|factuur|iban|incident|kaart|klacht(?:en)?|klant(?:en)?|leden|lid(?:maatschaps?)?|"
    "meldings?|offerte|order|pakket|pas(?:poort)?|pati[eë]nt(?:en)?|polis|referentie|rekening|relatie|reserverings?|retour|"
    "rijbewijs|rijksregister|schade|ticket|verzekerings|zaak|zendings?"
)
NUMBER = "(?:nummer|nr|no|code|id)"
ALONE = "bestelling|boeking|bsn|case|claim|dossier|factuur|kenmerk|klant|nr|nummer|order|polis|referentie|reservering|ticket|zaak"
CARD = r"[2-6]\d{3}(?:[ -]?\d{4}){3}(?:[ -]?\d{1,3})?|3[04678]\d\d[ -]?\d{6}[ -]?\d{4,5}"
PRODUCT = r"(?:artikel|art|product|model|type|ean|sku|isbn|serie|onderdeel|batch|lot)(?:[- ]?(?:nummer|nr|no|code|id))?"
LINK = r"\.?(?:\s?(?:is|was|met|mijn|nummer|[:=(\"'-]))*\s?"
CODE = r"#?[A-Z0-9]++(?:[-./_][A-Z0-9]++)*+(?!,\d)"
NO_UNIT = r"(?!\s?(?:€|%|(?:euro?|km|keer|x|dagen|weken|maanden|jaar|uur|stuks|punten|minuten|mensen|klanten)\b))"
PLATES = "99-CCC-9 9-CCC-99 CC-999-C C-999-CC CCC-99-C C-99-CCC 9-CC-999 999-CC-9 9-LLL-999"  # the last is Belgian
STREET = r"\b(?:(?:[A-Z][\w'’.-]{0,30}|van|de|der|den|het|'t|ten|ter|\d+e)[ ]){0,4}"
ROAD = r"(?i:[\w'’.-]{0,30}(?:straat|str\.|laan|weg|plein|gracht|kade|singel|dijk|hof|park|pad|dreef|markt|lei|baan|kaai))"
HOUSE = r"\d{1,5}(?:\s?-?(?:[A-Za-z]|bis|hs|I{2,3})\b|[-/]\d{1,4}\b|\sbus\s\d+)?\b"
POSTCODE = r"[,\s]+(?:postcode\s)?[1-9]\d{3}\s?[A-Za-z]{2}\b"
POSTCODE_FIRST = (
    r"\b[1-9]\d{3}(?:\s?[A-Z]{2}|(?!km|gb|mb|kg|pk|cc|ml|mm|cm|kw|tl|en)[a-z]{2})[,\s]+(?:(?:huis)?(?:nummer|nr\.?)\s)?"
)

CUE = re.compile(
    r"(?<!\w)(?:(?P<short>(?:dhr|mevr|mw|mvr|fam)\.?\s*)|(?P<me>ik ben\s)|(?P<verb>groet(?:en)? )"
    r"|(?P<form>(?:heer|meneer|mijnheer|mevrouw|juffrouw|juf|meester|dokter|familie|(?:dr|drs|prof)\.?"
    r"|(?:mijn|m'n) naam is|ik heet|naam:)\s*)"
    r"|(?P<sign>(?:(?:\w+e )?groet(?:en)?|groetjes|gr|grt|grtjes|m\.?v\.?g|liefs|hoogachtend)\.?[\s,:~–-]*))$",
    re.I,
)
LINE_ENDS, SENTENCE_GOES_ON = re.compile(r"[\W_x]*(?:\n|$)"), re.compile(r"\s(?!(?:en|uit|van|ik|x+)\b)[a-z]")
PREFIXES = ["van", "de", "der", "den", "ter", "ten", "te", "'t", "’t", "la", "le", "el", "da", "di", "von"]
NO_NAMES = """
allemaal alvast beckmann bedankt belde belg beste boze buren coolblue dame dank dankjewel dhr dokter dr drs eneco essent fam
familie fan gast gasten goed gr groet groeten groetjes grt hallo heer helaas iedereen juf juffrouw klant klanten klantenservice
kpn liefs martens meester meneer mensen mevr mevrouw mvg mw namens nederlander odido oetker oma ontevreden opa pepper postnl
prima prof scholl service team teleurgestelde tevreden top trouwe vertelde vlaming vodafone vriendelijke wist zegt ziggo
"""


@dataclass(frozen=True)
class Found:
    """A piece of personal data, `text[start:end]`, and its tag."""

    start: int
    end: int
    tag: str


def _pattern(pattern: str, check: Callable[[str], bool] = bool) -> Finder:
    """Finds what the pattern matches, or its group `x` where it has one; capitals count inside `(?-i:...)` only."""
    compiled = re.compile(pattern, re.I)
    group = "x" if "x" in compiled.groupindex else 0
    return lambda text: (match.span(group) for match in compiled.finditer(text) if check(match[group]))


def _is_code(code: str) -> bool:
    """Whether a code after a naming word is long enough and no date."""
    digits = sum(c.isdigit() for c in code)
    return digits >= 3 - (len(code) > 4) and not re.fullmatch(r"\d{1,2}[-/.]\d{1,2}(?:[-/.]\d{2,4})?", code)


def _plate(dash: str) -> str:
    """Licence plates: the forms in `PLATES`, without vowels, and the older three pairs of letters or digits."""
    new = "|".join(PLATES.split()).replace("-", dash).replace("9", r"\d").replace("C", "[B-DF-HJ-NP-TV-Z]").replace("L", "[A-Z]")
    old = rf"(?=[\d -]{{0,7}}[A-Z])(?=[A-Z -]{{0,7}}\d)(?:[A-Z]{{2}}|\d\d)(?:{dash}(?:[A-Z]{{2}}|\d\d)){{2}}"
    return rf"(?<![\w-])(?!\d-mrt)(?:{new}|{old})(?![\w-])"


def _phones(text: str) -> Iterator[tuple[int, int]]:
    """Dutch and Belgian numbers, and others with a `+`."""
    for region in ("NL", "BE") if re.search(r"\d(?:\D{0,4}\d){6}", text) else ():
        for match in PhoneNumberMatcher(text, region):
            if match.raw_string[0] in "+(0":
                yield match.start + (match.raw_string[0] == "(" and ")" not in match.raw_string), match.end


RULES: list[tuple[str, Finder]] = [  # the first to claim a character has it; without a tag it stays as it is
    ("", _pattern(r"(?-i:\[(?:EMAIL|TELEFOON|IBAN|BSN|RRN|ADRES|KENTEKEN|KAART|NUMMER|NAAM)\])")),
    ("EMAIL", _pattern(rf"{USER}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,4}}")),
    ("EMAIL", _pattern(rf"{USER}{AT}{PROVIDER}{DOT}(?:nl|be|com|net)\b")),
    ("IBAN", _pattern(r"\b(?:NL\d\d[ .-]?[A-Z]{4}(?:[ .-]?\d){10}|BE\d\d(?:[ .-]?\d){12})\b", iban.is_valid)),
    ("IBAN", _pattern(r"(?-i:\b[A-Z]{2}\d\d(?:[ .-]?[A-Z0-9]{2,4}){3,8}\b)", iban.is_valid)),
    ("KAART", _pattern(rf"(?<![\w.,-])(?:{CARD})(?!\w)", lambda card: luhn.is_valid(re.sub(r"\D", "", card)))),
    ("RRN", _pattern(r"(?<![\w.,-])\d\d[. ]?\d\d[. ]?\d\d[ -]?\d{3}[. -]?\d\d(?!\w)", nn.is_valid)),
    ("BSN", _pattern(rf"\b(?:bsn|burgerservice|sofi)[\w-]*{LINK}(?P<x>\d(?:[. -]?\d){{8}})\b", bsn.is_valid)),
    ("", _pattern(rf"\b{PRODUCT}\b{LINK}(?P<x>{CODE})", lambda code: any(c.isdigit() for c in code))),
    ("", _pattern(r"(?<![\w-])\d{1,2}([-/.])\d{1,2}\1(?:19|20)\d\d(?!\w)")),
    ("NUMMER", _pattern(rf"\b(?:{SUBJECT})[- ]?{NUMBER}\b{LINK}(?P<x>{CODE}(?:\s\d{{3,}}\b{NO_UNIT})*)", _is_code)),
    ("TELEFOON", _phones),
    ("NUMMER", _pattern(rf"\b(?:{SUBJECT}|{ALONE})\b{LINK}(?P<x>#\d{{3,}}\b|(?=(?:[-./A-Z]*\d){{5}}){CODE}{NO_UNIT})", _is_code)),
    ("BSN", _pattern(r"(?<![\w€.,-])(?<!€ )(?:\d{9}|\d{3}([. ])\d{3}\1\d{3}|\d{4}\.\d\d\.\d{3})(?![.,-]?\w)", bsn.is_valid)),
    ("KENTEKEN", _pattern(_plate("-"))),
    ("KENTEKEN", _pattern(rf"\bkenteken(?:nummer|plaat)?{LINK}(?P<x>{_plate('[ -]?')})")),
    ("ADRES", _pattern(rf"(?-i:{STREET}(?:[A-Z][\w'’.-]{{0,30}}|{ROAD})\s{HOUSE}{POSTCODE})")),
    ("ADRES", _pattern(rf"(?-i:{STREET}{ROAD}\s{HOUSE}[,\s-]+(?:B-)?[1-9]\d{{3}}(?=\s[A-Z][a-z]))")),
    ("ADRES", _pattern(rf"\b(?:woon\w*|wonende|adres)(?:\s(?:is|op|aan|in|de|het))*:?\s(?P<x>(?-i:{STREET}{ROAD}\s{HOUSE}))")),
    ("ADRES", _pattern(rf"(?-i:{POSTCODE_FIRST}{HOUSE})")),
    ("ADRES", _pattern(rf"\b(?:huisnummer|nummer|nr)\.?\s(?P<x>{HOUSE}{POSTCODE})")),
    ("ADRES", _pattern(rf"\bpostcode{LINK}(?P<x>[1-9]\d{{3}}\s?[A-Z]{{2}})\b")),
]


@dataclass(frozen=True)
class Redactor:
    """A blank Dutch spaCy pipeline and the patterns of names; loaded once."""

    splitter: Splitter
    matcher: Matcher

    @classmethod
    def load(cls) -> "Redactor":
        return cls.on(Splitter.load())

    @classmethod
    def on(cls, splitter: Splitter) -> "Redactor":
        """With a splitter that is loaded already."""
        return cls(splitter, _matcher(splitter.pipeline))

    def redact(self, text: str) -> str:
        """`text` with a tag for each of its spans; redacting that again changes nothing."""
        return _replace(text, self.spans(text))

    def spans(self, text: str) -> list[Found]:
        """The personal data in a normalised text, in order and without overlap.

        Looks again with the tags in place until nothing is found, so redacted text has no spans.
        """
        found: list[Found] = []
        while new := self._find(_replace(text, found)):
            found = sorted([*found, *(_before_replacing(span, found) for span in new)], key=lambda span: span.start)
        return found

    def _find(self, text: str) -> list[Found]:
        claimed = bytearray(len(text))
        found: list[Found] = []
        for tag, finder in [*RULES, ("NAAM", self._names)]:
            for start, end in finder(text):
                if not any(claimed[start:end]):
                    claimed[start:end] = b"x" * (end - start)
                    found += [Found(start, end, f"[{tag}]")] if tag else []
        return sorted(found, key=lambda span: span.start)

    def _names(self, text: str) -> Iterator[tuple[int, int]]:
        """Names after a cue, those with capitals first; in a signature a name may follow a name."""
        doc = self.splitter.tokens(text)
        signed = 0  # where the last name of a signature ends
        for small, first, last in sorted(
            (doc.vocab.strings[key] == "small", start, end) for key, start, end in self.matcher(doc)
        ):
            name = doc[first:last]
            cue = CUE.search(text, max(0, name.start_char - 40), name.start_char)
            kind = cue.lastgroup if cue else "sign" if text[signed : name.start_char] in (" en ", " & ") else None
            if name[0].lower_ == "van" and kind == "sign" and doc[first - 1].is_alpha:
                name = name[1:]  # "groetjes van Anja"
            if small and kind == "short":
                name = name[: 1 + next((i for i, token in enumerate(name) if token.lower_ not in PREFIXES), 0)]
            if kind and _may_be_name(name, kind, text, small=small):
                signed = name.end_char if kind == "sign" else signed
                yield name.start_char, name.end_char


def _matcher(pipeline: Language) -> Matcher:
    """What looks like a name: with capitals, or `small`, without."""
    stops = [*NO_NAMES.split(), *(pipeline.Defaults.stop_words - {"ben", "wil", "meer"}), *PREFIXES]
    initials: dict[str, Any] = {"TEXT": {"REGEX": r"^(?!Dr)(?:[A-Z][a-z]?\.){1,5}$|^[A-Z]$"}, "OP": "{0,4}"}
    prefixes: dict[str, Any] = {"LOWER": {"IN": PREFIXES}}
    capital = {"TEXT": {"REGEX": r"^[^\W\d_a-zß-ÿ][\w'’-]*[a-zß-ÿ][\w'’-]*$"}, "LOWER": {"NOT_IN": stops}, "OP": "{1,4}"}
    small = {"IS_ALPHA": True, "LENGTH": {">=": 2}, "LOWER": {"NOT_IN": [*stops, "ben", "wil", "meer"]}, "OP": "{1,4}"}
    matcher = Matcher(pipeline.vocab)
    for key, word in [("capital", capital), ("small", small)]:
        name = [initials, {**prefixes, "OP": "{0,3}"}, word]
        matcher.add(key, [name, [*name, {**prefixes, "OP": "{1,3}"}, word]], greedy="LONGEST")
    return matcher


def _may_be_name(name: Span, kind: str, text: str, *, small: bool) -> bool:
    """Whether a name may come after this kind of cue and before the text that follows it."""
    prefixed = name[0].lower_ in PREFIXES
    if small:
        return kind == "short" or (kind == "sign" and not prefixed and LINE_ENDS.match(text, name.end_char) is not None)
    return kind in ("form", "short") or not (SENTENCE_GOES_ON.match(text, name.end_char) or (kind == "me" and prefixed))


def _replace(text: str, found: list[Found]) -> str:
    for span in reversed(found):
        text = text[: span.start] + span.tag + text[span.end :]
    return text


def _before_replacing(span: Found, found: list[Found]) -> Found:
    """The same span in the text in which `found` has not been replaced."""
    shift = 0
    for earlier in found:
        if earlier.start <= span.start + shift:
            shift += earlier.end - earlier.start - len(earlier.tag)
    return Found(span.start + shift, span.end + shift, span.tag)
