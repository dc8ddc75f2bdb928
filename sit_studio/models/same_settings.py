"""What an answer to "Are these two the same thing to you?" says of the settings; Qt-free."""

from __future__ import annotations

from typing import Literal

from sit_studio.models.settings_model import SettingsModel
from sit_studio.models.task_settings import is_on, weight_path, weight_text

Change = Literal["colours", "mirrored", "turned", "half"]
CHANGES: tuple[Change, ...] = ("colours", "mirrored", "turned", "half")
COLOURS = "method.views.colours"
FLIP = "method.views.flip"
CROP = "method.views.crop_scale_min"
TURN = "method.views.turn"
TASK = weight_path("rotation")
PATHS = (COLOURS, FLIP, TURN, TASK, CROP)
# All four ways as likely.
TURNED = "0.75"
# Half of an image, which is no longer the same thing, must not be a view of it.
LARGER_CROPS = "0.6"
PUBLISHED_CROPS = "0.2"


def asked_changes(model: SettingsModel) -> tuple[Change, ...]:
    """The changes that a setting of the model's method decides."""
    known = {item.path for item in model.settings()}
    paths: dict[Change, str] = {"colours": COLOURS, "mirrored": FLIP, "turned": TURN, "half": CROP}
    return tuple(change for change in CHANGES if paths[change] in known)


def answered(model: SettingsModel, change: Change, *, same: bool) -> dict[str, str]:
    """The settings' new texts by path; an empty one leaves a setting to preset and method."""
    if change == "colours":
        return {COLOURS: "published" if same else "weak"}
    if change == "mirrored":
        return {FLIP: "0.5" if same else "0"}
    if change == "half":
        return {CROP: PUBLISHED_CROPS if same else LARGER_CROPS}
    # The task asks for the turn: where turned images are the same thing there is none to tell, and
    # where they are not it is the task that turns them.
    has_task = TASK in {item.path for item in model.settings()} and is_on(model, "rotation")
    if same:
        off = {TASK: weight_text(model, "rotation", on=False)} if has_task else {}
        return {TURN: TURNED} | off
    if model.texts.get(TASK) == "0":
        return {TURN: "", TASK: ""}
    return {TURN: "" if has_task else "0"}


def chosen(model: SettingsModel) -> list[str]:
    """The settings that the user decided; another weight of the task is no answer."""
    return [
        path for path in PATHS if path in model.texts and (path != TASK or model.texts[path] == "0")
    ]
