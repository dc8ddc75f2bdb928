"""Outside a method's folder and the one table nobody names a method or asks for its class."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from sit_engine.config.backbones import FAMILIES
from sit_engine.config.methods import METHODS, load, needs_labels, traits
from sit_engine.config.presets import GENERAL, presets

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "sit_engine/config/methods.py"
# Of each method in the table: what holds its options and its networks.
PACKAGES = {
    target.partition(":")[0].rpartition(".")[0]
    for entry in METHODS.values()
    for target in (entry.options, entry.method)
}
FOLDERS = {ROOT.joinpath(*package.split(".")) for package in PACKAGES}
FILES = [
    path
    for package in ("sit_engine", "sit_studio")
    for path in sorted((ROOT / package).rglob("*.py"))
    if path != TABLE
]
SOURCES = [path for path in FILES if not FOLDERS & set(path.parents)]
# Names that no sentence holds by chance.
NO_WORD = re.compile(r"\b(svrtn|mocov3|sit2021)\b")
# The word of the command line, and of the window's two kinds of run.
VERB = "finetune"
VERB_IN = {
    "sit_engine/api/__init__.py", "sit_engine/cli/main.py", "sit_studio/engine/run_thread.py",
    "sit_studio/models/settings_model.py",
}  # fmt: skip


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def test_no_method_is_named() -> None:
    classes = {load(target).__name__ for entry in METHODS.values() for target in entry[:2]}
    named = []
    for path in SOURCES:
        place = str(path.relative_to(ROOT))
        nodes = list(ast.walk(_tree(path)))
        texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
        found = (texts & set(METHODS)) - ({VERB} if place in VERB_IN else set())
        found |= {text for text in texts if isinstance(text, str) and NO_WORD.search(text)}
        found |= {node.id for node in nodes if isinstance(node, ast.Name)} & classes
        named += [(place, each) for each in found]
    assert named == []


def test_a_methods_folder_is_its_own() -> None:
    """Nobody imports from it, neither what the table names nor what lies beside."""
    reached = [
        (str(path.relative_to(ROOT)), name)
        for path in FILES
        for name in _imported(_tree(path))
        for package in PACKAGES
        if f"{name}.".startswith(f"{package}.")
        and ROOT.joinpath(*package.split(".")) not in path.parents
    ]
    assert reached == []


FAMILY_MODULES = {entry.options.partition(":")[0] for entry in FAMILIES.values()}
# Where networks are built, and the first family is what settings mean that name none.
FAMILY_ROOMS = ("sit_engine/models/", "sit_engine/config/families/", "sit_engine/config/tree.py")
FAMILY_TABLES = ("sit_engine/config/backbones.py", "sit_engine/config/facts.py")
# The search works with two families of its own.
SEARCH_ROOMS = ("sit_engine/studies/search/", "sit_studio/pages/train/network/")


# Words that are names of files and libraries too.
COMMON = {"timm", "searched", "supernet"}


def test_a_family_is_asked_by_what_it_says_of_itself() -> None:
    found = set()
    for path in FILES:
        place = str(path.relative_to(ROOT))
        if place.startswith((*FAMILY_ROOMS, *SEARCH_ROOMS, *FAMILY_TABLES)):
            continue
        nodes = list(ast.walk(_tree(path)))
        texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
        modules = {
            part for name in _imported(_tree(path)) for part in (name, name.rpartition(".")[0])
        }
        found |= {(place, each) for each in texts & (set(FAMILIES) - COMMON)}
        found |= {(place, each) for each in modules & FAMILY_MODULES}
    assert found == set()


def _imported(tree: ast.Module) -> Iterator[str]:
    """All that is imported, by its whole name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)


@pytest.mark.parametrize("method", METHODS)
def test_what_a_method_says_of_itself_fits_together(method: str) -> None:
    said = traits(method)
    assert said.name == method
    names = [curve.name for curve in said.curves]
    assert len(names) == len(set(names))
    assert set(said.sizes.values()) <= {*GENERAL, *said.presets}
    assert set(said.presets) <= set(presets(needs_labels=needs_labels(method)))
    assert all(
        preset.values.get("method", {}).get("name", method) == method
        for preset in said.presets.values()
    )
