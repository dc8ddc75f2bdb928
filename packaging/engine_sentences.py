"""Collects every coded sentence of the engine into sit_studio/engine_sentences.py, for translators.

Run from the repository root after adding or changing one: python packaging/engine_sentences.py
With --check it only says whether the file is what it should be (exit code 1: it is not).
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "sit_studio" / "engine_sentences.py"
CODE = re.compile(r"^(internal|[a-z_]+\.[a-z_]+)$")
# Where a code may stand: errors, warnings, problems of files, health readings, answers.
CODED_CALLS = re.compile(r"(Error|Warned|Problem|problem|_problem|Failure|Verdict|Answer|_failed)$")
HEAD = '''"""Every coded sentence of the engine: code -> (message, hint).

Made by packaging/engine_sentences.py.
"""
# ruff: noqa: E501 - sentences

from __future__ import annotations

from sit_studio.marks import QT_TRANSLATE_NOOP

ENGINE_SENTENCES: dict[str, tuple[str, str]] = {
'''


def collect(root: Path = ROOT / "sit_engine") -> dict[str, tuple[str, str]]:
    """Code to its sentences; where one code stands with several, the first by file and line."""
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, (ast.Call, ast.Return, ast.Tuple)):
                code, texts = _coded(node)
                if code and (code not in found or not found[code][0]):
                    found[code] = (texts[0] if texts else "", texts[1] if len(texts) > 1 else "")
    return dict(sorted(found.items()))


def _coded(node: ast.AST) -> tuple[str, list[str]]:
    """The code among a call's or tuple's words, and the sentences beside it."""
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if not CODED_CALLS.search(name) and not _is_super_init(node):
            return "", []
        parts: list[ast.expr] = [*node.args, *(word.value for word in node.keywords)]
    elif isinstance(node, ast.Tuple):
        parts = list(node.elts)
    else:
        return "", []
    texts = [text for part in parts for text in _texts(part)]
    codes = [text for text in texts if CODE.match(text)]
    said = [text for text in texts if not CODE.match(text) and " " in text]
    if not codes or (isinstance(node, ast.Tuple) and not said):
        return "", []
    return codes[0], said


def _is_super_init(node: ast.Call) -> bool:
    return getattr(node.func, "attr", "") == "__init__"


def _texts(part: ast.expr) -> list[str]:
    """The text of a literal; a figure inside an f-string becomes {…}."""
    match part:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr():
            return ["".join(_piece(value) for value in part.values)]
        case ast.IfExp():
            return [*_texts(part.body), *_texts(part.orelse)][:1]
        case _:
            return []


def _piece(value: ast.expr) -> str:
    return value.value if isinstance(value, ast.Constant) else "{…}"


def render(found: dict[str, tuple[str, str]]) -> str:
    """The module's text."""
    rows = [f"    {code!r}: ({', '.join(map(_marked, said))}),\n" for code, said in found.items()]
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
