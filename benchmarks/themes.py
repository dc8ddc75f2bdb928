"""How long another theme takes: `python -m benchmarks.themes`, from the repository root, offscreen.

The whole window switches between light and dark, as the program does it and by changing the one style
sheet for the other at once. CPU time, since nothing waits; prints the medians and their ratio.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from sit_studio import app
from sit_studio.look import theme

SWITCHES = 6


def at_once(application: QApplication, name: str) -> None:
    """As it was: the new style sheet in place of the old one."""
    theme._State.name = theme._State.choice = name
    application.setPalette(theme._palette(theme.tokens()))
    application.setStyleSheet(theme._style_sheet(theme.tokens()))
    theme.notifier().changed.emit()


def measure(application: QApplication, switch: Callable[[QApplication, str], None]) -> float:
    """Median of some switches and of what follows from each, in milliseconds."""
    times = []
    for number in range(SWITCHES):
        began = time.process_time()
        switch(application, ("dark", "light")[number % 2])
        application.processEvents()
        times.append(1000 * (time.process_time() - began))
    return statistics.median(times)


def main() -> None:
    """Open the window, switch, print."""
    with tempfile.TemporaryDirectory(prefix="sit-themes-") as place:
        os.environ["SIT_CONFIG_DIR"] = place
        application = app.make_application()
        theme.apply(application, "light")
        window = app.open_window(application)
        window.resize(1280, 800)
        for page in window.pages:
            window.show_page(page)
            application.processEvents()
        before, now = measure(application, at_once), measure(application, theme.apply)
        widgets = len(application.allWidgets())
        window.close_now()
    print(f"{widgets} widgets: {before:.0f} ms at once, {now:.0f} ms now, ratio {now / before:.2f}")


if __name__ == "__main__":
    main()
