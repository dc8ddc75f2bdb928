"""The program `sit-studio`: its words, and what it says where it cannot open a window."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from sit_studio import app
from sit_studio.engine.run_thread import internal
from sit_studio.models.failure import Failure
from tests.studio.conftest import OpenWindow


def studio(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own, without a screen."""
    return subprocess.run(
        [sys.executable, "-m", "sit_studio", *words],
        capture_output=True, text=True, check=False, timeout=60, env=os.environ | environment,
    )  # fmt: skip


def test_version_and_help_need_no_screen() -> None:
    done = studio("--version", QT_QPA_PLATFORM="", DISPLAY="", WAYLAND_DISPLAY="")
    assert (done.returncode, done.stdout) == (0, f"sit-studio {version('sit-studio')}\n")
    done = studio("--help")
    assert done.returncode == 0
    assert "--demo" in done.stdout
    assert studio("--no-such-flag").returncode == 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have a screen or no DISPLAY")
def test_without_a_screen_it_says_so_instead_of_aborting() -> None:
    done = studio(QT_QPA_PLATFORM="", DISPLAY="", WAYLAND_DISPLAY="x")
    if "libraries" not in done.stderr:
        done = studio(QT_QPA_PLATFORM="", DISPLAY="", WAYLAND_DISPLAY="")
    assert done.returncode == 9
    assert "cannot open its window" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="asks for system libraries")
def test_a_missing_library_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.LIBRARIES, "libmade-up.so.7", "libmade-up7")
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    said = app.why_no_window()
    assert "sudo apt-get install libmade-up7" in said
    monkeypatch.delitem(app.LIBRARIES, "libmade-up.so.7")
    assert app.why_no_window() == ""


def test_a_decimal_comma_of_the_system_changes_no_number(tmp_path: Path) -> None:
    if not shutil.which("localedef"):
        pytest.skip("localedef is not there to make a German locale")
    made = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", str(tmp_path / "de_DE.UTF-8")],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("the sources of the German locale are not there")
    program = (
        "import locale, sys\n"
        "locale.setlocale(locale.LC_ALL, 'de_DE.UTF-8')\n"
        "before = locale.localeconv()['decimal_point']\n"
        "from sit_studio.app import make_application\n"
        "make_application()\n"
        "sys.stdout.write(before + locale.localeconv()['decimal_point'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=True, timeout=60,
        env=os.environ | {"LOCPATH": str(tmp_path), "LC_ALL": "de_DE.UTF-8"},
    )  # fmt: skip
    assert done.stdout == ",."


def test_a_bug_of_ours_is_a_sentence_and_the_window_stays(
    open_new: OpenWindow, qtbot: QtBot
) -> None:
    del qtbot
    window = open_new()
    try:
        raise ZeroDivisionError("made by the test")
    except ZeroDivisionError as error:
        app._hook(window)(ZeroDivisionError, error, error.__traceback__)
    assert "our fault" in window.dataset.notice.text
    assert "made by the test" in window.dataset.notice.details.toPlainText()
    assert isinstance(internal(ValueError("x")), Failure)
