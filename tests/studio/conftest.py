"""The real window without a screen; nothing of it may be left when a test ends."""

from __future__ import annotations

import os

# Before Qt is loaded by anything.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QThread, QThreadPool
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from sit_engine.config.build import build
from sit_engine.machine.device import probe
from sit_engine.machine.remembered import FILE
from sit_studio.app import open_window
from sit_studio.engine import process as trainer
from sit_studio.engine import questions
from sit_studio.engine.standby_trainer import Standby
from sit_studio.frame.main_window import MainWindow
from sit_studio.look import theme
from sit_studio.pages.train.segments import LongChoice, Segments
from tests import preloaded
from tests.tiny import engine, tiny_flags

WAIT_MS = 90_000
OpenWindow = Callable[[], MainWindow]


def wait(qtbot: QtBot, condition: Callable[[], object], ms: int = WAIT_MS) -> None:
    """Turn the event loop until `condition` holds."""
    qtbot.waitUntil(lambda: bool(condition()), timeout=ms)


def ready(window: MainWindow, qtbot: QtBot, *folders: Path) -> None:
    """Drop folders and wait for the scan's end."""
    window.take_paths([str(folder) for folder in folders])
    wait(qtbot, lambda: window.session.dataset.state != "scanning")


def choose_recipe(recipe: Segments | LongChoice, method: str) -> None:
    """As a user does, whether the methods stand side by side or in a list."""
    if isinstance(recipe, LongChoice):
        recipe.select(method)
        recipe.activated.emit(recipe.currentIndex())
    else:
        recipe.buttons[method].click()


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    """What the application is called with."""
    return ["sit-studio"]


@pytest.fixture(scope="session", autouse=True)
def _look(qapp: QApplication) -> None:
    """As app.make_application does, which would take pytest-qt's message handler away."""
    theme.apply(qapp, "light")


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What a start of before remembered of this machine: to measure it takes a second."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("measured")
        patch.setenv("SIT_CACHE_DIR", str(place))
        probe(build({"compute": {"device": "cpu"}}).compute)
    return (place / FILE).read_bytes()


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: bytes) -> Path:
    """A home of the test's own: settings, data, runs, and a cache that knows the machine."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SIT_CONFIG_DIR", str(home / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(home / "tmp"))
    (home / "tmp").mkdir()
    if sys.platform == "linux":
        (home / "cache/sit-studio").mkdir(parents=True)
        (home / "cache/sit-studio" / FILE).write_bytes(measured)
    # `Preferences.use_cache_place` may change it.
    monkeypatch.setenv("SIT_CACHE_DIR", os.environ["SIT_CACHE_DIR"])
    return home


def _delete_later() -> None:
    """Let Qt delete what waits for the event loop."""
    for _ in range(3):
        QCoreApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def _children() -> set[psutil.Process]:
    return {child for child in preloaded.children() if _runs(child)}


def _threads() -> set[threading.Thread]:
    return {
        thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread)
    }


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _soon(is_clean: Callable[[], bool]) -> bool:
    until_s = time.monotonic() + 5
    while not is_clean():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(autouse=True)
def _nothing_left(
    qapp: QApplication, places: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A test that leaves a thread, a child process or a window behind fails."""
    started: list[QThread] = []
    start = QThread.start

    def starting(self: QThread, *words: QThread.Priority) -> None:
        started.append(self)
        start(self, *words)

    monkeypatch.setattr(QThread, "start", starting)
    children, threads = _children(), _threads()
    widgets = set(qapp.topLevelWidgets())
    yield
    _delete_later()
    QThreadPool.globalInstance().waitForDone(5000)
    _delete_later()
    trainer.reap()
    running = [thread for thread in started if isValid(thread) and thread.isRunning()]
    assert not running, "threads of Qt were left"
    assert _soon(lambda: not (_children() - children)), f"left: {_children() - children}"
    # One that makes batches ahead ends with the batch in hand.
    assert _soon(lambda: not _threads() - threads), f"threads left: {_threads() - threads}"
    assert not set(qapp.topLevelWidgets()) - widgets, "windows were left"
    assert not list((places / "tmp").glob("sit-studio-*")), "temporary files were left"


@pytest.fixture(autouse=True)
def _loaded_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainers and the children that answer questions are forks of a process that loaded torch.

    Of tests marked as cold, and of the journey, they start from nothing.
    """
    if sys.platform != "linux" or request.node.get_closest_marker("cold"):
        return
    monkeypatch.setattr(questions, "engine_python", preloaded.stand_in)
    take = Standby.take

    def fork(self: Standby, words: list[str], log: Path) -> object:
        if self._process is not None:
            return take(self, words, log)
        with log.open("ab") as file:
            return preloaded.Forked(words, file.fileno(), file.fileno())

    monkeypatch.setattr(Standby, "take", fork)


@pytest.fixture(autouse=True)
def _no_file_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a screen Qt warns of each folder that it should open."""
    services = SimpleNamespace(openUrl=lambda _: True)
    monkeypatch.setattr("sit_studio.file_manager.QDesktopServices", services)


@pytest.fixture
def open_new(qapp: QApplication) -> Iterator[OpenWindow]:
    """Opens windows as the program does; they are closed without a question."""
    opened: list[MainWindow] = []
    # The window's own hook would hide exceptions from the tests.
    hook = sys.excepthook

    def make() -> MainWindow:
        opened.append(open_window(qapp))
        sys.excepthook = hook
        return opened[-1]

    yield make
    for made in opened:
        end(made)


def end(window: MainWindow) -> None:
    """Close a window whatever its run does, and delete it."""
    if isValid(window):
        window.close_now()
        window.deleteLater()
    _delete_later()


@pytest.fixture
def window(open_new: OpenWindow, qtbot: QtBot) -> MainWindow:
    """The real window with a session of its own, shown."""
    made = open_new()
    qtbot.waitExposed(made)
    return made


@pytest.fixture(scope="session")
def finished_run(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run with previews, readings and k-NN, made by the command line; to be read only."""
    run = tmp_path_factory.mktemp("runs") / "finished"
    engine("pretrain", sample[0], "--out", run, *tiny_flags(), check=True)
    return run


@pytest.fixture
def leftover() -> Iterator[list[int]]:
    """Processes, by id, that a test lets go of on purpose: ended when it ends."""
    found: list[int] = []
    yield found
    for pid in found:
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).kill()
