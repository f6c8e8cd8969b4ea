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

    It is found as plain text, with any of its characters escaped for a URL, HTML, JSON, Python or a
    shell, in hexadecimal, and in base64, alone or after a user's name.
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
    """A pattern for all forms of one character."""
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
        # Escaped twice, like a URL inside a URL.
        "".join(f"%25{byte:02x}" for byte in content),
        "".join(f"\\x{byte:02x}" for byte in content),
        f"\\u{number:04x}",
        f"\\U{number:08x}",
        f"&#x{number:x};",
        f"&#{number};",
    }
    # Longest first: otherwise only the backslash of an escape would match.
    exact = "|".join(map(re.escape, sorted(forms, key=len, reverse=True)))
    any_case = "|".join(map(re.escape, sorted(coded - {character}, key=len, reverse=True)))
    return f"(?:(?i:{any_case})|{exact})"


def _base64(content: bytes) -> set[str]:
    """The base64 characters that depend only on ``content``, wherever it begins in a text."""
    found = set()
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(bytes(before) + content).decode()
            # Characters that also contain bits of a neighbouring byte.
            begin = (0, 2, 3)[before]
            end = len(text) if (before + len(content)) % 3 == 0 else text.index("=") - 1
            found.add(text[begin:end])
    # Fewer characters would appear in other texts by chance.
    return {part for part in found if len(part) >= 4}
