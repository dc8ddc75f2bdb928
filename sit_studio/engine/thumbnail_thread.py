"""A thread that makes thumbnails of the images in sight, in sacrificial children, newest asked first."""

from __future__ import annotations

import threading
from collections import deque

from PySide6.QtCore import QObject, QThread
from PySide6.QtGui import QImage

from sit_engine.data.decode.thumbnails import Thumbnail, Thumbnailer
from sit_engine.errors import CancelledError, SitError


class ThumbnailThread(QThread):
    """`want` replaces the requests before it; results wait until `take`n by the window's timer."""

    def __init__(self, side: int, parent: QObject | None = None, *, workers: int = 2) -> None:
        super().__init__(parent)
        self.setObjectName("thumbnails")
        self.side, self.workers = side, workers
        self._wanted: list[str] = []
        self._made: deque[tuple[str, QImage | str]] = deque()
        self._has_news = threading.Event()
        self._is_leaving = False

    def want(self, paths: list[str]) -> None:
        """Ask for the images in sight that have no thumbnail yet."""
        self._wanted = paths
        self._has_news.set()

    def take(self) -> list[tuple[str, QImage | str]]:
        """Thumbnails, or plain reasons, since the last call."""
        taken: list[tuple[str, QImage | str]] = []
        while self._made and len(taken) < 64:
            taken.append(self._made.popleft())
        return taken

    def leave(self) -> None:
        """End the thread."""
        self._is_leaving = True
        self._has_news.set()

    def run(self) -> None:
        """Make what is wanted, until `leave`."""
        with Thumbnailer(self.workers) as thumbnailer:
            while True:
                self._has_news.wait()
                self._has_news.clear()
                if self._is_leaving:
                    return
                paths, self._wanted = self._wanted, []
                self._make(thumbnailer, paths)

    def _make(self, thumbnailer: Thumbnailer, paths: list[str]) -> None:
        try:
            for path, found in thumbnailer.read(
                paths, side=self.side, cancel=self._has_news.is_set
            ):
                self._made.append((path, _image(found)))
        except CancelledError:
            return
        except SitError as error:
            self._made.extend((path, error.message) for path in paths)


class ThumbnailSource(QObject):
    """A thread that begins with the first request and ends while nobody looks."""

    def __init__(self, side: int, parent: QObject, *, workers: int = 2) -> None:
        super().__init__(parent)
        self.side, self.workers = side, workers
        self._thread: ThumbnailThread | None = None
        self._leaving: list[ThumbnailThread] = []

    def want(self, paths: list[str]) -> None:
        """Ask for these images, in place of all that were asked for before."""
        if self._thread is None:
            self._thread = ThumbnailThread(self.side, self, workers=self.workers)
            self._thread.start()
        self._thread.want(paths)

    def take(self) -> list[tuple[str, QImage | str]]:
        """What was made since the last call."""
        return self._thread.take() if self._thread is not None else []

    def rest(self) -> None:
        """Give thread and children back; a later request begins anew."""
        thread, self._thread = self._thread, None
        self._leaving = [one for one in self._leaving if not one.isFinished()]
        if thread is not None:
            thread.leave()
            self._leaving.append(thread)

    def shut_down(self) -> None:
        """End what still runs: the window closes."""
        self.rest()
        for thread in self._leaving:
            thread.wait(10_000)


def _image(found: Thumbnail | str) -> QImage | str:
    if isinstance(found, str):
        return found
    image = QImage(
        found.rgb, found.width, found.height, 3 * found.width, QImage.Format.Format_RGB888
    )
    # The copy owns its pixels; the bytes are not ours to keep.
    return image.convertToFormat(QImage.Format.Format_RGB32)
