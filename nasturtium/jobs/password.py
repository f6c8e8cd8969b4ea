"""The password of a shared storage: from the environment, and shown nowhere."""

import base64
import html
import json
import os
import re
from functools import cache
from urllib.parse import quote

PASSWORD = "NASTURTIUM_STORAGE_PASSWORD"


def hidden(text: str) -> str:
    """``text`` without the password, however a driver may have encoded it.

    As it is; each of its characters escaped for a URL, HTML, JSON, Python or a shell, or not; in
    hexadecimal; in base64, alone or after a user's name.
    """
    password = os.environ.get(PASSWORD)
    return _pattern(password).sub("***", text) if password else text


@cache
def _pattern(password: str) -> re.Pattern:
    content = password.encode(errors="surrogateescape")
    whole = [
        "".join(map(_escapes, password)),
        # A text's bytes, as Python shows them.
        re.escape(repr(content)[2:-1]),
        f"(?i:{content.hex()})",
        *(re.escape(part) for part in _base64(content)),
    ]
    return re.compile("|".join(whole))


def _escapes(character: str) -> str:
    """A pattern of all that may stand for one character."""
    content = character.encode(errors="surrogateescape")
    number = ord(character)
    forms = {
        character,
        f"\\{character}",
        html.escape(character),
        json.dumps(character)[1:-1],
        ascii(character)[1:-1],
        "+" if character == " " else character,
    }
    coded = {
        quote(content, safe=""),
        "".join(f"%{byte:02x}" for byte in content),
        # Escaped once more, as a URL in a URL is.
        "".join(f"%25{byte:02x}" for byte in content),
        "".join(f"\\x{byte:02x}" for byte in content),
        f"\\u{number:04x}",
        f"\\U{number:08x}",
        f"&#x{number:x};",
        f"&#{number};",
    }
    # Longest first: else a backslash alone would match of what it escapes.
    exact = "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
    any_case = "|".join(map(re.escape, sorted(coded - {character}, key=len, reverse=True)))
    return f"(?:(?i:{any_case})|{exact})"


def _base64(content: bytes) -> set[str]:
    """What of base64 belongs to ``content`` alone, wherever in a longer text it begins."""
    found = set()
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(bytes(before) + content).decode()
            # Characters that hold bits of a neighbour too.
            begin = (0, 2, 3)[before]
            end = len(text) if (before + len(content)) % 3 == 0 else text.index("=") - 1
            found.add(text[begin:end])
    # Fewer stand in many a text by chance.
    return {part for part in found if len(part) >= 4}
