"""`sit-studio`: reads the command line, checks what Qt needs, opens the window."""

from __future__ import annotations

import argparse
import ctypes
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtCore import QMessageLogContext, QtMsgType
    from PySide6.QtWidgets import QApplication

    from sit_studio.frame.main_window import MainWindow

# Library: the Debian and Ubuntu package that holds it. Qt aborts the process without these.
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
}
SCREEN_LIBRARIES = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
log = logging.getLogger(__name__)


def missing_packages(platform: str = "") -> list[str]:
    """Packages of system libraries that Qt needs here and that are not installed; Linux only."""
    if not sys.platform.startswith("linux"):
        return []
    wanted = dict(LIBRARIES)
    if platform in ("", "xcb") and not os.environ.get("WAYLAND_DISPLAY"):
        wanted |= SCREEN_LIBRARIES
    return [package for library, package in wanted.items() if not _can_load(library)]


def _can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    made = argparse.ArgumentParser(
        prog="sit-studio",
        description="The window: pretrain a vision transformer on your own images without labels.",
    )
    made.add_argument(
        "paths", nargs="*", metavar="FOLDER", help="folders of images to open, or one run folder"
    )
    made.add_argument(
        "--demo", action="store_true", help="open the built-in sample of photographs at once"
    )
    made.add_argument("--version", action="store_true", help="print the version and exit")
    return made


def main(words: Sequence[str] | None = None) -> int:
    """Open the window; gives the exit code."""
    chosen = parser().parse_args(words)
    if chosen.version:
        print(f"sit-studio {version('sit-studio')}")
        return 0
    if problem := why_no_window():
        print(problem, file=sys.stderr)
        return 9
    from sit_studio.frame.preload import Preloader

    application = make_application()
    window = open_window(application)
    Preloader(window)
    _hear_signals(window)
    if chosen.demo:
        window.dataset.open_sample()
    elif chosen.paths:
        window.take_paths([str(Path(path).expanduser().absolute()) for path in chosen.paths])
    return application.exec()


def _hear_signals(window: MainWindow) -> None:
    """Ctrl+C in the terminal asks as the close button does; SIGTERM closes and keeps the run."""
    from PySide6.QtCore import QTimer

    signal.signal(signal.SIGINT, lambda *_: window.close())
    signal.signal(signal.SIGTERM, lambda *_: window.close_now())
    # Python hears a signal only between two of its own instructions: Qt must come by now and then.
    waking = QTimer(window)
    waking.timeout.connect(lambda: None)
    waking.start(500)


def why_no_window() -> str:
    """A sentence when Qt would abort: a library is missing, or there is no screen."""
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    has_screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or platform
    if sys.platform.startswith("linux") and not has_screen:
        return (
            "SiT Studio cannot open its window: there is no screen (DISPLAY is not set).\n"
            "Without a screen, `sit-engine` does the same jobs: sit-engine --help"
        )
    if missing := missing_packages(platform):
        return (
            "SiT Studio cannot open its window: system libraries are missing.\n"
            f"On Debian and Ubuntu: sudo apt-get install {' '.join(missing)}"
        )
    return ""


def make_application() -> QApplication:
    """The application with our look; numbers keep their point whatever the locale."""
    import locale

    from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator, qInstallMessageHandler
    from PySide6.QtGui import QIcon
    from PySide6.QtWidgets import QApplication

    from sit_studio.look import theme
    from sit_studio.look.assets import asset
    from sit_studio.preferences import Preferences

    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    qInstallMessageHandler(_log_qt)
    found = QApplication.instance()
    application = found if isinstance(found, QApplication) else QApplication(["sit-studio"])
    application.setApplicationName("SiT Studio")
    # Numbers are written with a point whatever the system's language.
    QLocale.setDefault(QLocale.c())
    application.setDesktopFileName("sit-studio")
    application.setWindowIcon(QIcon(str(asset("sit-studio.svg"))))
    # QApplication may have switched it; a comma would break the parsing of numbers.
    locale.setlocale(locale.LC_NUMERIC, "C")
    translator = QTranslator(application)
    name = QLocale.system().name()
    if translator.load(
        f"qtbase_{name}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    ):
        application.installTranslator(translator)
    own = QTranslator(application)
    if own.load(f"sit-studio_{name}", str(asset("translations"))):
        application.installTranslator(own)
    preferences = Preferences()
    theme.apply(application, preferences.text("look/theme", "system"))
    return application


def _load_numpy_quietly() -> None:
    """NumPy with one thread for its products: the window needs few, and training needs the cores."""
    name = "OPENBLAS_NUM_THREADS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    import numpy  # noqa: F401 - the variable is read here

    # The engine's processes inherit our environment.
    if before is None:
        del os.environ[name]
    else:
        os.environ[name] = before


def open_window(application: QApplication) -> MainWindow:
    """A window with a session of its own, shown."""
    _load_numpy_quietly()
    from sit_studio.frame.main_window import MainWindow
    from sit_studio.look import theme
    from sit_studio.preferences import Preferences
    from sit_studio.session import Session

    preferences = Preferences()
    preferences.use_cache_place()
    session = Session(preferences)
    with theme.undressed(application):
        window = MainWindow(session)
    session.setParent(window)
    sys.excepthook = _hook(window)
    window.show()
    return window


def _hook(
    window: MainWindow,
) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """A bug of ours shows a sentence instead of ending the window."""
    from sit_studio.engine.run_thread import internal

    def hook(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        log.error("".join(traceback.format_exception(kind, error, where)))
        if isinstance(error, Exception):
            window.session.failed.emit(internal(error))

    return hook


def _log_qt(kind: QtMsgType, _context: QMessageLogContext, text: str) -> None:
    """Qt's own messages go into our log."""
    del kind
    logging.getLogger("qt").warning("%s", text)


def entry() -> None:
    """What the installed `sit-studio` calls."""
    sys.exit(main())
