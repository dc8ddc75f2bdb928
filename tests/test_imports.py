"""The porch loads no torch, the engine knows no window; the layers are held by `make check`."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PORCH = (
    "sit_engine.api",
    "sit_engine.runs",
    "sit_engine.counted",
    "sit_engine.events",
    "sit_engine.errors",
    "sit_engine.own_files",
    "sit_engine.damage",
    "sit_engine.follow",
    "sit_engine.export.exported",
    "sit_engine.evaluation.comparison",
    "sit_engine.evaluation.cues",
    "sit_engine.evaluation.tuning",
    "sit_engine.cli.questions",
    "sit_engine.cli.serve",
    "sit_engine.wishes",
    "sit_engine.starts",
    "sit_engine.data.embedded",
    "sit_engine.data.full_scan",
    "sit_engine.data.label_file",
    "sit_engine.data.layout",
    "sit_engine.data.lines",
    "sit_engine.data.saved_index",
    "sit_engine.data.scan",
    "sit_engine.data.thumbnails",
    "sit_engine.data.wanted",
    "sit_engine.methods.sit.options",
    "sit_engine.models.imported",
    *(f"sit_engine.config.{path.stem}" for path in (ROOT / "sit_engine/config").glob("[a-z]*.py")),
)
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "sit_engine").rglob("*.py"))
    if path.stem not in ("__init__", "__main__")
]
ASK = """
import importlib, json, sys
for name in sys.argv[1].split(","):
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded_after(modules: list[str]) -> set[str]:
    """Top packages in a fresh interpreter that imported these modules."""
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:sit_engine", "-c", ASK, ",".join(modules)],
        capture_output=True, text=True, check=True, timeout=120, cwd=ROOT,
    )  # fmt: skip
    return set(json.loads(done.stdout))


def test_the_porch_loads_no_torch() -> None:
    loaded = loaded_after(list(PORCH))
    assert "sit_engine" in loaded
    assert loaded.isdisjoint({"torch", "torchvision", "timm", "sklearn", "matplotlib", "PySide6"})


def test_the_whole_engine_loads_no_window_toolkit() -> None:
    loaded = loaded_after(MODULES)
    assert "torch" in loaded
    assert loaded.isdisjoint({"PySide6", "PyQt5", "PyQt6", "shiboken6", "tkinter", "sit_studio"})


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
