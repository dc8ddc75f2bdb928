"""File names as text: how they are stored in JSON, TOML and CSV, and how they are shown to people."""

from __future__ import annotations

import re

# Python holds a byte that is not UTF-8 as a lone surrogate U+DC80…U+DCFF ("surrogateescape").
_SURROGATE = re.compile(r"[\\\ud800-\udfff]")
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})")
# A spreadsheet takes a cell that begins so as a formula, which may send or start things (OWASP, CSV
# injection); a table read in Japan also the wide forms.
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
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


def image_name(root: int, path: str) -> str:
    """What a split calls an image: the number of its folder, and its escaped path in there."""
    return f"{root}:{escape_name(path)}"


def root_and_path(name: str) -> tuple[int, str]:
    """What `image_name` was given."""
    root, _, path = name.partition(":")
    return int(root), unescape_name(path)


def display_name(name: str) -> str:
    """The name as people see it: what cannot be shown, or would move a cursor, becomes `\ufffd`."""
    return _UNSHOWABLE.sub("\ufffd", name)


def safe_cell(text: str) -> str:
    """A text for a CSV file: with `'` before what a spreadsheet would take as a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def plain_cell(text: str) -> str:
    """The text that `safe_cell` wrote."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def file_word(name: str, most_bytes: int = 80) -> str:
    """A name as part of a new folder's: no separators or blanks, and short enough for any disk.

    File systems count bytes (255, in encrypted folders 143), of which a letter may take four.
    """
    word = re.sub(r"[^\w-]+", "-", name).strip("-")
    return word.encode("utf-8", "replace")[:most_bytes].decode("utf-8", "ignore").strip("-")


def name_cell(name: str) -> str:
    """A file's or a class's name as clean text for a CSV file."""
    # The csv module leaves a carriage return unquoted, and some readers begin a row there.
    return safe_cell(escape_name(name).replace("\r", r"\x0d"))


def cell_name(text: str) -> str:
    """The name that `name_cell` wrote."""
    return unescape_name(plain_cell(text))
