"""`make` says why it could not install, and leaves the next call to try again."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(shutil.which("make") is None, reason="no make on this machine")
def test_failed_installation_names_network_and_disk(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    python = venv / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'ERROR: No space left on device' >&2\nexit 1\n")
    python.chmod(0o755)

    made = subprocess.run(
        ["make", "-C", ROOT, "setup", f"VENV={venv}"], capture_output=True, text=True
    )

    assert made.returncode == 2
    assert "No space left on device" in made.stderr
    assert "a network" in made.stdout
    free_gb = re.search(r"(\d+) GB are free", made.stdout)
    # Others fill and empty the disk meanwhile.
    assert free_gb
    assert int(free_gb[1]) == pytest.approx(shutil.disk_usage(ROOT).free / 1e9, abs=10)
    assert not (venv / ".ready").exists()
