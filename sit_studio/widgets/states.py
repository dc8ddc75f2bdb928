"""How a run stands, in a word and a colour; used by the header, Watch and Runs."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from sit_studio.models.history import History

# State of a run (or a command under way): the role of its colour in style.qss.
ROLES = {
    "training": "good", "completed": "good", "running": "good",
    "lost": "bad", "failed": "bad", "gone": "bad", "damaged": "bad",
    "interrupted": "warn", "paused": "warn", "stopped": "warn",
}  # fmt: skip


def word(state: str) -> str:
    """A state in the user's language."""
    words = {
        "opening": QCoreApplication.translate("state", "Opening…"),
        "preparing": QCoreApplication.translate("state", "Preparing"),
        "training": QCoreApplication.translate("state", "Training"),
        "running": QCoreApplication.translate("state", "Running"),
        "lost": QCoreApplication.translate("state", "Folder gone"),
        "completed": QCoreApplication.translate("state", "Complete"),
        "paused": QCoreApplication.translate("state", "Paused"),
        "stopped": QCoreApplication.translate("state", "Stopped"),
        "failed": QCoreApplication.translate("state", "Failed"),
        "interrupted": QCoreApplication.translate("state", "Interrupted"),
        "gone": QCoreApplication.translate("state", "Gone"),
        "new": QCoreApplication.translate("state", "New"),
        "damaged": QCoreApplication.translate("state", "Damaged"),
        "unreadable": QCoreApplication.translate("state", "Cannot be read"),
    }
    return words.get(state, state)


def state_word(history: History) -> str:
    """The open run's state, or what it was asked and has not done yet."""
    asked = {
        "pause": QCoreApplication.translate("state", "Pausing…"),
        "stop": QCoreApplication.translate("state", "Stopping…"),
        "finish": QCoreApplication.translate("state", "Finishing…"),
        "checkpoint": QCoreApplication.translate("state", "Writing a checkpoint…"),
        "preview": QCoreApplication.translate("state", "Making a preview…"),
        "extend": QCoreApplication.translate("state", "Extending…"),
    }
    if history.is_ending:
        return QCoreApplication.translate("state", "Ending…")
    return asked.get(history.asked, "") or word(history.state)
