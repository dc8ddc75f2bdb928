"""Run by test_scale.py in an interpreter of its own: the window on a small screen, at one scale.

Arguments: a folder of images, a run. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QPushButton, QWidget

from sit_studio.app import make_application, open_window
from sit_studio.widgets.status import StatusBar
from tests import preloaded
from tests.studio.rooms import cut_in

APPLICATION = make_application()
preloaded.warm_if_told()


def until(condition: Callable[[], object]) -> None:
    """Turn the event loop."""
    until_s = time.monotonic() + 90
    while not condition():
        APPLICATION.processEvents()
        time.sleep(0.005)
        assert time.monotonic() < until_s, "it took too long"


def is_whole(widget: QWidget, window: QWidget) -> bool:
    """Whether all of a widget is within the window and has the room that it needs."""
    place = widget.mapTo(window, QPoint())
    end = place + widget.rect().bottomRight()
    has_room = widget.width() >= widget.minimumSizeHint().width()
    return window.rect().contains(place) and window.rect().contains(end) and has_room


def main() -> None:
    """Every page with images and a run open, and Watch with the buttons of a run that trains."""
    window = open_window(APPLICATION)
    until(window.isVisible)
    screen = window.screen()
    told: dict[str, object] = {"scale": screen.devicePixelRatio()}
    told["fits"] = screen.availableGeometry().size().expandedTo(window.frameSize()) == (
        screen.availableGeometry().size()
    )
    window.take_paths([sys.argv[1]])
    until(lambda: window.session.dataset.state == "ready")
    window.session.open_run(Path(sys.argv[2]))
    until(lambda: window.session.history.state == "completed")
    (foot,) = window.findChildren(StatusBar)
    cut: list[str] = []
    for key, page in window.pages.items():
        window.show_page(key)
        if key == "watch":
            until(lambda: window.watch.is_built)
            for part in (window.watch.checkpoint, window.watch.preview, window.watch.pause,
                         window.watch.stop, window.watch.finish):  # fmt: skip
                part.show()
            for part in (window.watch.finetune, window.watch.export, window.watch.evaluate):
                part.hide()
        for _ in range(5):
            APPLICATION.processEvents()
        cut += [f"{key}: {words}" for words in cut_in(page)]
        shown = [one for one in page.findChildren(QPushButton) if one.isVisible()]
        actions = [one for one in shown if page.action_row.indexOf(one) >= 0]
        cut += [f"{key}: {one.text()}" for one in actions if not is_whole(one, window)]
        if not is_whole(foot, window):
            cut.append(f"{key}: foot")
    told["cut"] = cut
    told["size"] = [window.width(), window.height()]
    window.close_now()
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
