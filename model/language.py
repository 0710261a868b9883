"""Is a text Dutch? Other languages are scored all the same, but flagged."""

import pycld2

LETTERS_NEEDED = 25
DUTCH = {"nl", "af", "un"}  # short Dutch is often taken for Afrikaans


def looks_foreign(text: str) -> bool:
    """Whether Compact Language Detector 2 is sure that a text of some length is in another language."""
    if sum(c.isalpha() for c in text) < LETTERS_NEEDED:
        return False
    try:
        reliable, _, languages = pycld2.detect(text.encode("utf-8"), hintLanguage="nl", bestEffort=False)
    except pycld2.error:
        return False
    return bool(reliable) and languages[0][1] not in DUTCH
