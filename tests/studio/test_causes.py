"""Why the window stays quick: what its process never loads, opens or decodes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.preloaded import warm_children

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "torchvision", "timm", "sklearn", "skimage", "matplotlib", "scipy", "safetensors"}


@pytest.fixture(scope="module")
def told(
    sample: tuple[Path, Path], finished_run: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What a used window's process says of itself."""
    home = tmp_path_factory.mktemp("home")
    places = {"HOME": str(home), "SIT_CONFIG_DIR": str(home), "XDG_DATA_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.studio.look_inside", str(sample[0]), str(finished_run.parent)],
        capture_output=True, text=True, check=False, timeout=180, cwd=ROOT,
        env=os.environ | warm_children() | places,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    # A warning of Qt or of a library would stand here.
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("moment", ["shown", "before_watch", "watch_painted", "at_last"])
def test_the_window_never_loads_what_trains(told: dict[str, Any], moment: str) -> None:
    assert "PySide6" in told[moment]
    assert HEAVY.isdisjoint(told[moment])


def test_the_plots_are_loaded_after_the_first_paint_of_watch(told: dict[str, Any]) -> None:
    assert "pyqtgraph" not in told["watch_painted"]
    assert "pyqtgraph" in told["at_last"]


def test_no_image_is_decoded_by_the_window(told: dict[str, Any]) -> None:
    assert told["thumbnails"] == 192
    assert told["images_opened"] == []
    assert "PIL" not in told["at_last"]


def test_the_list_of_runs_opens_no_checkpoint(told: dict[str, Any]) -> None:
    names = {Path(path).name for path in told["for_runs"]}
    assert "events.jsonl" in names
    assert not [path for path in told["for_runs"] if "/checkpoints/" in path]
    assert not [path for path in told["for_watch"] if "/checkpoints/" in path]


def test_a_runs_events_are_not_read_by_the_windows_own_thread(told: dict[str, Any]) -> None:
    assert not [path for path in told["by_window"] if path.endswith(("events.jsonl", ".npz"))]
