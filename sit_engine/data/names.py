"""File names as text: how they are stored in JSON and TOML, and how they are shown to people."""

from __future__ import annotations

import re

# Python holds a byte that is not UTF-8 as a lone surrogate U+DC80…U+DCFF ("surrogateescape").
_SURROGATE = re.compile(r"[\\\ud800-\udfff]")
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})")
_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def escape_name(name: str) -> str:
    r"""A name as clean text: bytes that are not UTF-8 become `\xNN`, a backslash `\x5c`."""
    return _SURROGATE.sub(lambda found: _escaped(ord(found[0])), name)


def _escaped(code: int) -> str:
    if code == ord("\\"):
        return r"\x5c"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    # Half a UTF-16 pair, which Windows allows in names.
    return f"\\u{code:04x}"


def unescape_name(text: str) -> str:
    """The name that `escape_name` stored."""
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(found: re.Match[str]) -> str:
    if found[2] is not None:
        return chr(int(found[2], 16))
    code = int(found[1], 16)
    return chr(code) if code < 0x80 else chr(0xDC00 + code)


def display_name(name: str) -> str:
    """The name as people see it: what cannot be shown, or would move a cursor, becomes `\ufffd`."""
    return _UNSHOWABLE.sub("\ufffd", name)
