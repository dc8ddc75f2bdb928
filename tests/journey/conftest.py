"""A window with a home of its own for the journey, and the folder for its pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from sit_studio import app, theme
from sit_studio.main_window import MainWindow

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def screenshots(request: pytest.FixtureRequest) -> Path | None:
    """The folder named with --screenshots."""
    found = request.config.getoption("--screenshots")
    return Path(found).absolute() if found else None


@pytest.fixture
def window(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MainWindow]:
    """The real window; its settings and runs live in this test's folder."""
    monkeypatch.setenv("SIT_CONFIG_DIR", str(tmp_path / "settings"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    theme.apply(qapp, "light")
    made = app.open_window(qapp)
    made.session.preferences.set("runs/folder", str(tmp_path / "runs"))
    yield made
    made._may_close = True
    made.close()
    made.deleteLater()
