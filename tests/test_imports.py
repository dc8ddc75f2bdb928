"""The porch loads no torch, the engine knows no window; the layers are held by `make check`."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.children import without_ours

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
    "contracts"
]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "sit_engine").rglob("*.py"))
    if path.stem not in ("__init__", "__main__")
]
BEHIND = next(found["forbidden_modules"] for found in CONTRACTS if "porch" in found["name"])
PORCH = [name for name in MODULES if not name.startswith(tuple(BEHIND))]
"""What the window may import."""
ASK = """
import importlib, json, sys, warnings
warnings.filterwarnings("error", category=DeprecationWarning, module="sit_engine")
for name in sys.argv[1].split(","):
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
DEVICE = """
from sit_engine import api
from sit_engine.config.build import build
api.describe_device(build({"compute": {"device": "auto"}}).compute)
"""


def loaded_after(modules: list[str], python: Sequence[str]) -> set[str]:
    """Top packages in an interpreter that imported these modules."""
    words = [*python, ",".join(modules)]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120, cwd=ROOT)
    return set(json.loads(done.stdout))


def test_the_porch_loads_no_torch() -> None:
    python = [sys.executable, "-c", ASK]
    loaded = loaded_after([*PORCH, "sit_engine.cli.answers", "sit_engine.cli.verbs.serve"], python)
    assert "sit_engine" in loaded
    assert loaded.isdisjoint({"torch", "torchvision", "timm", "sklearn", "matplotlib", "PySide6"})


def test_the_whole_engine_loads_no_window_toolkit() -> None:
    # Where torch is there before, which has nothing of a window either.
    loaded = loaded_after(MODULES, without_ours(ASK))
    assert {"sit_engine", "timm"} <= loaded
    assert loaded.isdisjoint({"PySide6", "PyQt5", "PyQt6", "shiboken6", "tkinter", "sit_studio"})


def test_what_the_window_asks_when_it_starts_loads_little() -> None:
    """Beside torch: timm alone takes longer than all of it."""
    loaded = loaded_after(["sit_engine.api"], without_ours(DEVICE + ASK))
    assert "sit_engine" in loaded
    assert loaded.isdisjoint({"timm", "torchvision", "sklearn", "scipy"})


@pytest.mark.parametrize("module", MODULES)
def test_no_module_names_a_window_toolkit(module: str) -> None:
    """In functions too, where only running would show it."""
    tree = ast.parse((ROOT / (module.replace(".", "/") + ".py")).read_text("utf-8"))
    named = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert named.isdisjoint({"PySide6", "PyQt5", "PyQt6", "qtpy", "tkinter", "sit_studio"})
