"""The tasks of a pretraining run as settings of the form: on or off, fixed or learned; Qt-free."""

from __future__ import annotations

from typing import Literal

from sit_studio.models.settings_model import SettingsModel

Task = Literal["reconstruction", "rotation", "contrast"]
TASKS: tuple[Task, ...] = ("reconstruction", "rotation", "contrast")
LEARNED = "method.learned_weights"
RECONSTRUCT = "method.reconstruct"
CONTRAST_LOSS = "method.contrast_loss"
CORRUPTION = "method.corruption.kind"
# Sentences of the engine about tasks that do not go together.
FAILURES = (
    "config.no_loss", "config.nothing_corrupted", "config.tokens", "config.no_teacher",
)  # fmt: skip


def weight_path(task: Task) -> str:
    """The setting that holds the weight of a task."""
    return f"method.{task}_weight"


def is_on(model: SettingsModel, task: Task) -> bool:
    """Whether the model is trained on it; a word that is no number yet leaves it on."""
    return not _is_zero(model.text(weight_path(task)))


def is_learned(model: SettingsModel, task: Task) -> bool:
    """Whether the run learns its weight."""
    return task in model.text(LEARNED).replace(" ", "").split(",")


def weight_text(model: SettingsModel, task: Task, *, on: bool, before: str = "") -> str:
    """What the weight's setting has to say; `before` is what it said when it was on."""
    is_on_by_itself = not _is_zero(model.defaults().get(weight_path(task), "0"))
    if on:
        return before or ("" if is_on_by_itself else "1")
    return "0" if is_on_by_itself else ""


def learned_text(model: SettingsModel, task: Task, *, learned: bool) -> str:
    """What the list of learned weights has to say."""
    chosen = [name for name in TASKS if (learned if name == task else is_learned(model, name))]
    default = model.defaults().get(LEARNED, "none")
    if set(chosen) == set(default.split(",")) - {"none"}:
        return ""
    return ",".join(chosen) or "none"


def choice_text(model: SettingsModel, path: str, word: str) -> str:
    """What a setting with that word has to say: nothing where it is so by itself."""
    return "" if model.defaults().get(path) == word else word


def _is_zero(text: str) -> bool:
    try:
        return float(text) == 0
    except ValueError:
        return False
