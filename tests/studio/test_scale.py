"""A laptop's screen of 1280 × 800 dots, at the usual scale and at one and a half."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.preloaded import warm_children

SCREEN = {
    "name": "laptop", "x": 0, "y": 0, "width": 1280, "height": 800,
    "logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1.0,
}  # fmt: skip


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_the_window_fits_a_small_screen_with_its_foot_and_its_buttons(
    few: Path, finished_run: Path, places: Path, scale: float
) -> None:
    screens = places / "screens.json"
    screens.write_text(json.dumps({"screens": [SCREEN]}))
    done = subprocess.run(
        [sys.executable, "-m", "tests.studio.look_scaled", str(few), str(finished_run)],
        capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | warm_children() | {
            "QT_QPA_PLATFORM": f"offscreen:configfile={screens}", "QT_SCALE_FACTOR": str(scale),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["scale"] == scale
    assert told["fits"], told["size"]
    assert told["cut"] == []
