"""What happens to a file of ours: strategies that take a good one and change values, keys and bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

_DIGITS, _DEEP = "@digits@", "@deep@"
DEEP = "[" * 400 + "]" * 400
DIGITS = "9" * 5000
ODD_TEXTS = [
    *("", " ", "\0", "\ufeff", "\ud800", "\udcff", "a" * 9000, "../../x", "~nobody/x", "=1+1"),
    *("nan", "1e999", "-1", "é\u202e", "\x1b[2J", "9" * 400, "0:", ":", "a:b.png", "%s{x}{0}"),
]
ODD_NUMBERS = [
    *(0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**63) - 1, 10**30),
    *(0.0, -0.0, 0.5, 1e-320, 1e308, -1e308, float("nan"), float("inf"), float("-inf")),
]
ODD_VALUES: list[Any] = [
    *(None, True, False, [], {}, [[]], {"": {}}, [None], ["a", 1], {"a": float("nan")}),
    *(_DIGITS, _DEEP, *ODD_TEXTS, *ODD_NUMBERS),
]
PIECES = [
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\0", b"\xed\xa0\x80", b"[" * 400, b"{" * 400),
    *(b'"', b"\\", b"\\ud800", b"9" * 5000, b"NaN", b"-Infinity", b"1e999", b"\r", b"\n\n"),
    *(b",", b":", b"=", b"'", b"]", b"}", b"#", b"a." * 200, b"[[[[", b"\x1a", b" " * 3000),
]


@st.composite
def odd_json(draw: st.DrawFn, goods: Sequence[Any]) -> bytes:
    """A good value with a few places changed, as JSON; sometimes its bytes are changed too."""
    tree = copy.deepcopy(draw(st.sampled_from(goods)))
    for _ in range(draw(st.integers(0, 3))):
        tree = _changed(draw, tree)
    text = json.dumps(tree, ensure_ascii=draw(st.booleans()))
    text = text.replace(f'"{_DIGITS}"', DIGITS).replace(f'"{_DEEP}"', DEEP)
    found = text.encode("utf-8", "surrogatepass")
    return draw(odd_bytes([found])) if draw(st.integers(0, 3)) == 0 else found


@st.composite
def odd_lines(draw: st.DrawFn, goods: Sequence[Any], *, most: int = 6) -> bytes:
    """Some lines of JSON in any order, each changed or not, the last one perhaps torn."""
    lines = draw(st.lists(odd_json(goods), max_size=most))
    end = draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"", b"\n\n", b"\x85"]))
    found = end.join(lines) + draw(st.sampled_from([b"\n", b""]))
    return found[: len(found) - draw(st.integers(0, 9))]


@st.composite
def odd_bytes(draw: st.DrawFn, goods: Sequence[bytes], *, most: int = 4) -> bytes:
    """A good file with a few bytes changed, put in, taken out, twice, or cut off."""
    found = bytearray(draw(st.sampled_from(goods)))
    for _ in range(draw(st.integers(0, most))):
        at = draw(st.integers(0, max(0, len(found) - 1)))
        length = draw(st.integers(0, 40))
        match draw(st.integers(0, 6)):
            case 0:
                del found[at:]
            case 1:
                del found[at : at + length]
            case 2:
                found[at:at] = draw(st.sampled_from(PIECES))
            case 3:
                found[at:at] = found[at : at + length]
            case 4:
                found[at : at + length] = bytes(min(length, len(found) - at))
            case 5 if found:
                found[at] = draw(st.integers(0, 255))
            case _:
                found[at : at + length] = draw(st.binary(max_size=40))
    return bytes(found)


@st.composite
def odd_table(draw: st.DrawFn, goods: Sequence[str], values: Sequence[str]) -> bytes:
    """A file of lines such as TOML or CSV: lines changed, twice, gone or in another order."""
    lines = draw(st.sampled_from(goods)).split("\n")
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        value = draw(st.sampled_from(values))
        match draw(st.integers(0, 6)):
            case 0 if " = " in lines[at]:
                lines[at] = f"{lines[at].partition(' = ')[0]} = {value}"
            case 1:
                lines.insert(at, lines[draw(st.integers(0, len(lines) - 1))])
            case 2 if len(lines) > 1:
                del lines[at]
            case 3:
                lines.insert(at, value)
            case 4 if "," in lines[at]:
                cells = lines[at].split(",")
                cells[draw(st.integers(0, len(cells) - 1))] = value
                lines[at] = ",".join(cells)
            case 5:
                lines[at] = f"{value} = {value}"
            case _:
                lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
    found = "\n".join(lines).encode("utf-8", "surrogatepass")
    return draw(odd_bytes([found])) if draw(st.integers(0, 3)) == 0 else found


def _changed(draw: st.DrawFn, tree: Any) -> Any:
    """The tree with one place replaced, taken out, renamed or put in."""
    if not isinstance(tree, dict | list) or not tree:
        return copy.deepcopy(draw(st.sampled_from(ODD_VALUES)))
    keys: list[Any] = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key = draw(st.sampled_from(keys))
    match draw(st.integers(0, 7)):
        case 0:
            del tree[key]
        case 1 if isinstance(tree, dict):
            tree[draw(st.sampled_from(ODD_TEXTS))] = tree.pop(key)
        case 2:
            if isinstance(tree, dict):
                tree[draw(st.sampled_from(ODD_TEXTS))] = copy.deepcopy(
                    draw(st.sampled_from(ODD_VALUES))
                )
            else:
                tree.append(copy.deepcopy(draw(st.sampled_from(ODD_VALUES))))
        case 3 | 4 | 5 if isinstance(tree[key], dict | list) and tree[key]:
            tree[key] = _changed(draw, tree[key])
        case 6:
            tree[key] = [tree[key]]
        case _:
            tree[key] = copy.deepcopy(draw(st.sampled_from(ODD_VALUES)))
    return tree
