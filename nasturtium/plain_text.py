"""Foreign text: what may not enter a study, and how the rest is shown on a terminal."""

import re
import unicodedata

# What a browser takes for the start of a tag or comment; `<=50K` and `a < b` are text.
_MARKUP = re.compile(r"<[A-Za-z/!?]")
# They reverse the direction of the text that follows, so that it reads as something else.
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LINES = "\n\t"


def fault(text: str) -> str | None:
    """The part of ``text`` that can't be in a name, unit or path; None if there is none."""
    if found := _MARKUP.search(text):
        return f"the markup {found[0]!r}"
    for character in text:
        if _is_control(character):
            return f"the control character {character!a}"
    return None


def shown(text: str) -> str:
    r"""``text`` with control characters written as ``\x1b``, so that a terminal does not obey them.

    Line breaks and tabs stay.
    """
    return "".join(
        ascii(character)[1:-1] if _is_control(character) and character not in _LINES else character
        for character in text
    )


def _is_control(character: str) -> bool:
    # Also half of a surrogate pair, and characters that some readers treat as line breaks.
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or bool(
        _TURNS.match(character)
    )
