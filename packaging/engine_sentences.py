"""Collects every coded sentence of the engine into sit_studio/look/engine_sentences.py, for translators.

Run from the repository root after adding or changing one: python packaging/engine_sentences.py
With --check it only says whether the file is what it should be (exit code 1: it is not).
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "sit_studio" / "engine_sentences.py"
# What the window says of the engine's processes where it has no widget to translate in.
BESIDE = [ROOT / "sit_studio" / name for name in ("asker.py", "runner.py", "trainer.py")]
CODE = re.compile(r"^(internal|[a-z_]+\.[a-z_]+)$")
# Where a code may stand with its sentences: errors, warnings, problems of files.
CODED_CALLS = re.compile(r"(Error|Warned|warning|[Pp]roblem|Failure|_failed)$")
HEAD = '''"""Every coded sentence of the engine: code -> its (message, hint), one or several of them.

Made by packaging/engine_sentences.py.
"""
# ruff: noqa: E501 - sentences

from __future__ import annotations

from sit_studio.look.marks import QT_TRANSLATE_NOOP

ENGINE_SENTENCES: dict[str, tuple[tuple[str, str], ...]] = {
'''
Sentence = tuple[str, str]


def collect(root: Path = ROOT / "sit_engine") -> dict[str, tuple[Sentence, ...]]:
    """Code to its sentences, in the order of the files; a code without any has an empty tuple."""
    found: dict[str, list[Sentence]] = {}
    for path in [*sorted(root.rglob("*.py")), *BESIDE]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for code, texts in _coded(node):
                known = found.setdefault(code, [])
                if texts and (texts[0], "".join(texts[1:2])) not in known:
                    known.append((texts[0], "".join(texts[1:2])))
    return {code: tuple(sentences) for code, sentences in sorted(found.items())}


def _coded(node: ast.AST) -> list[tuple[str, list[str]]]:
    """Codes and the sentences beside them, of one call, tuple or table."""
    if isinstance(node, ast.Dict):
        return _in_table(node)
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if not CODED_CALLS.search(name) and name != "__init__":
            return []
        parts: list[ast.expr] = [*node.args, *(word.value for word in node.keywords)]
    elif isinstance(node, ast.Tuple):
        parts = list(node.elts)
    else:
        return []
    texts = [text for part in parts for text in _texts(part)]
    codes = [text for text in texts if CODE.match(text)]
    said = [text for text in texts if not CODE.match(text) and " " in text]
    return [(codes[0], said)] if codes and (said or isinstance(node, ast.Call)) else []


def _in_table(node: ast.Dict) -> list[tuple[str, list[str]]]:
    """A table of codes and their sentences."""
    found = []
    for key, value in zip(node.keys, node.values, strict=True):
        codes, texts = _texts(key) if key is not None else [], _texts(value)
        if codes and texts and CODE.match(codes[0]):
            found.append((codes[0], texts))
    return found


def _texts(part: ast.expr) -> list[str]:
    """The text of a literal; a figure inside an f-string becomes {1}, {2}, …"""
    match part:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr():
            return ["".join(_pieces(part))]
        case ast.IfExp():
            return [*_texts(part.body), *_texts(part.orelse)][:1]
        case _:
            return []


def _pieces(text: ast.JoinedStr) -> Iterator[str]:
    number = 0
    for piece in text.values:
        if isinstance(piece, ast.Constant):
            yield str(piece.value)
        else:
            number += 1
            yield f"{{{number}}}"


def render(found: dict[str, tuple[Sentence, ...]]) -> str:
    """The module's text."""
    rows = []
    for code, sentences in found.items():
        pairs = [f"({_marked(message)}, {_marked(hint)})," for message, hint in sentences]
        rows.append(f"    {code!r}: ({' '.join(pairs)}),\n")
    return HEAD + "".join(rows) + "}\n"


def _marked(text: str) -> str:
    """A literal that translators' tools find."""
    return f'QT_TRANSLATE_NOOP("engine", {text!r})' if text else '""'


def formatted(text: str) -> str:
    """As ruff lays it out."""
    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        [str(ruff), "format", "--stdin-filename", str(TARGET), "-"],
        input=text, capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return done.stdout


def main() -> int:
    """Write the file, or check it."""
    text = formatted(render(collect()))
    if "--check" not in sys.argv:
        TARGET.write_text(text, "utf-8")
        return 0
    return int(TARGET.read_text("utf-8") != text)


if __name__ == "__main__":
    sys.exit(main())
