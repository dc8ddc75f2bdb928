"""How the code is built, in numbers: files, lines, functions, circles, imports inside functions.

Run from the repository root: `python -m benchmarks.house [CHECKOUT …]`; without a word, this one.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

PACKAGES = ("sit_engine", "sit_studio", "tests")
LONG = 60


def main(checkouts: list[str]) -> None:
    """A line a package of each checkout."""
    head = ("package", "files / kLOC", "file lines", "function lines", f"functions > {LONG}",
            "annotated", "in circles", "imports in functions", "largest folder")  # fmt: skip
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for place in checkouts or ["."]:
        for package in PACKAGES:
            print("| " + " | ".join([f"{package} ({place})", *_row(Path(place), package)]) + " |")


def _row(place: Path, package: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", f"{package}/*.py"],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    texts = {name: (place / name).read_text("utf-8") for name in listed}
    trees = {name: ast.parse(text) for name, text in texts.items()}
    lines = [text.count("\n") for text in texts.values()]
    functions = [node for tree in trees.values() for node in _functions(tree)]
    lengths = [(node.end_lineno or 0) - node.lineno + 1 for node in functions]
    typed = [node.returns is not None for node in functions]
    inside = sum(_imports_inside(tree) for tree in trees.values())
    folder, most = Counter(str(Path(name).parent) for name in listed).most_common(1)[0]
    return [
        f"{len(listed)} / {sum(lines) / 1000:.1f}", _spread(lines), _spread(lengths),
        str(sum(length > LONG for length in lengths)), f"{100 * np.mean(typed):.0f} %",
        str(_in_circles(trees)), str(inside), f"{folder} ({most})",
    ]  # fmt: skip


def _spread(values: list[int]) -> str:
    """Median, 90th percentile and largest."""
    return "/".join(f"{np.percentile(values, share):.0f}" for share in (50, 90, 100))


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _imports_inside(tree: ast.AST) -> int:
    found = {
        inner
        for node in _functions(tree)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }
    return len(found)


def _in_circles(trees: dict[str, ast.Module]) -> int:
    """Modules that import themselves by way of others, when they are loaded."""
    modules = {name[:-3].replace("/", ".").removesuffix(".__init__"): name for name in trees}
    uses = {module: set(_used(trees[name], modules)) - {module} for module, name in modules.items()}
    for middle in uses:
        for module, used in uses.items():
            if middle in used:
                uses[module] = used | uses[middle]
    return sum(module in used for module, used in uses.items())


def _used(tree: ast.Module, modules: dict[str, str]) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if (found := whole if whole in modules else node.module) in modules:
                    yield found


if __name__ == "__main__":
    main(sys.argv[1:])
