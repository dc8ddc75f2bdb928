"""Run by test_causes.py in a fresh interpreter: the window is used, what it loads and opens is told.

Arguments: a folder of images, a folder of runs. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from sit_studio.app import make_application, open_window
from tests import preloaded

preloaded.warm_if_told()


class Looked:
    """A window, and every file opened with whether its own thread opened it."""

    def __init__(self, run_folder: Path) -> None:
        self.run_folder = str(run_folder)
        self.opened: list[tuple[str, bool]] = []
        self.told: dict[str, object] = {}
        sys.addaudithook(self._hook)
        self.application = make_application()
        self.window = open_window(self.application)
        self.window.session.preferences.set("runs/folder", self.run_folder)
        self.until(self.window.isVisible)
        self.told["shown"] = loaded()

    def _hook(self, event: str, words: tuple[object, ...]) -> None:
        if event == "open" and isinstance(words[0], (str, bytes)):
            is_main = threading.current_thread() is threading.main_thread()
            self.opened.append((os.fsdecode(words[0]), is_main))

    def under(self, folder: str) -> list[str]:
        """What was opened there since the last look."""
        return [path for path, _ in self.opened if path.startswith(folder)]

    def until(self, condition: Callable[[], object]) -> None:
        """Turn the event loop."""
        until_s = time.monotonic() + 60
        while not condition():
            self.application.processEvents()
            time.sleep(0.005)
            assert time.monotonic() < until_s, "it took too long"

    def look_at_images(self, images: str) -> None:
        """Drop a folder and scroll through all thumbnails."""
        self.window.resize(1900, 1000)
        self.window.take_paths([images])
        self.until(lambda: self.window.session.dataset.state == "ready")
        grid = self.window.dataset.grid
        self.opened.clear()
        bar = grid.verticalScrollBar()
        while True:
            self.until(lambda: all(path in grid.kept for path in self._in_sight()))
            if bar.value() == bar.maximum():
                break
            bar.setValue(bar.value() + bar.pageStep())
        self.told["thumbnails"] = len(grid.kept)
        self.told["images_opened"] = self.under(images)

    def _in_sight(self) -> list[str]:
        grid = self.window.dataset.grid
        assert grid.images is not None
        return [grid.images.path(row) for row in grid._in_sight()]

    def look_at_runs(self) -> None:
        """The list of runs, twice."""
        self.opened.clear()
        self.window.show_page("runs")
        self.until(lambda: self.window.runs.table_model.rows)
        self.window.session.lister.look_now()
        time.sleep(0.3)
        self.told["for_runs"] = self.under(self.run_folder)
        self.told["before_watch"] = loaded()

    def watch(self) -> None:
        """A run, then every page."""
        self.opened.clear()
        self.window.session.open_run(self.window.runs.table_model.rows[0].path)
        self.window.show_page("watch")
        self.told["watch_painted"] = loaded()
        self.until(lambda: self.window.watch.is_built)
        self.until(lambda: self.window.session.history.state == "completed")
        self.until(lambda: self.window.session.device is not None)
        for page in self.window.pages:
            self.window.show_page(page)
            self.application.processEvents()
        self.told["at_last"] = loaded()
        self.told["for_watch"] = self.under(self.run_folder)
        ours = [
            (path, is_main) for path, is_main in self.opened if path in self.under(self.run_folder)
        ]
        self.told["by_window"] = [path for path, is_main in ours if is_main]


def loaded() -> list[str]:
    """Top packages."""
    return sorted({name.partition(".")[0] for name in sys.modules})


def main() -> None:
    """Open the window, look at the images, at the runs, then at a run."""
    looked = Looked(Path(sys.argv[2]))
    looked.look_at_images(sys.argv[1])
    looked.look_at_runs()
    looked.watch()
    looked.window.close_now()
    sys.stdout.write(json.dumps(looked.told))


if __name__ == "__main__":
    main()
