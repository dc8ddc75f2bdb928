"""What a page offers when a run's own images are not where they were: find them, or go on without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from sit_engine.paths import display_name
from sit_studio.look.sentences import say
from sit_studio.models.failure import Failure
from sit_studio.widgets.basics import Offer

MOVED = (
    "run.folder_missing",
    "run.folder_gone",
    "data.not_there",
    "data.gone",
    "compare.gone",
    "compare.folder_missing",
)
GONE = "data.gone"
TOLD = "studio.moved"


def worded(failure: Failure) -> Failure:
    """The failure with buttons in place of what is to be typed in a terminal."""
    find_it = QCoreApplication.translate(
        "moved",
        "If it moved, find it: its images are known by their content. Otherwise check that the "
        "disk it is on is connected. The run and its checkpoints are kept.",
    )
    hints = {
        "run.folder_missing": find_it,
        "run.folder_gone": find_it,
        "compare.folder_missing": find_it,
        "compare.gone": QCoreApplication.translate(
            "moved",
            "If they moved, find the folder that holds them all now. Otherwise put them back. What "
            "was trained so far is kept.",
        ),
        GONE: QCoreApplication.translate(
            "moved",
            "If they moved, find their folder. Otherwise put them back, or go on without them. The "
            "run and its checkpoints are kept.",
        ),
    }
    if failure.code not in hints:
        return failure
    message, _ = say(failure)
    return replace(failure, code=TOLD, message=message, hint=hints[failure.code])


def folder_gone(folder: str) -> Failure:
    """The failure of a comparison or a search whose folder of images is gone."""
    message = QCoreApplication.translate(
        "moved", "The folder of its images is not there: {folder}."
    )
    told = Failure("run.folder_missing", message.format(folder=display_name(folder)))
    return worded(told)


def offers(
    parent: QWidget,
    failure: Failure,
    find: Callable[[str], object],
    go_on: Callable[[], object],
) -> list[Offer]:
    """Buttons for a failure that says so: `find` gets the folder that is chosen."""

    def choose() -> None:
        folder = QFileDialog.getExistingDirectory(
            parent, QCoreApplication.translate("moved", "The folder that holds the images now")
        )
        if folder:
            find(folder)

    found: list[Offer] = []
    if failure.code == GONE:
        word = QCoreApplication.translate("moved", "Go on without these images")
        found.append((word, go_on))
    if failure.code in MOVED or failure.code == TOLD:
        found.append((QCoreApplication.translate("moved", "Find the folder…"), choose))
    return found
