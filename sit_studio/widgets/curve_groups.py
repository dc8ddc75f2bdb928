"""Which curves stand in which plot, and what they are called; used by Watch and Compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QCoreApplication

from sit_studio.look.marks import QT_TRANSLATE_NOOP


@dataclass(frozen=True)
class Group:
    """A plot: its tab, unit and curves, those of them that a run has; no names: the loss terms.

    Readings are few and each is measured with care: smoothing would only hide them.
    """

    title: str
    unit: str
    names: tuple[str, ...] = ()
    is_smoothed: bool = True
    only: Literal["", "pretraining", "finetuning"] = ""
    """The kind of run that has these curves; all have when empty."""
    is_optional: bool = False
    """Only some runs have a curve of it: there is no plot before its first point."""


GROUPS = (
    Group(QT_TRANSLATE_NOOP("curves", "Losses"), ""),
    Group(QT_TRANSLATE_NOOP("curves", "Accuracy"), "%",
          ("train_accuracy", "validation_accuracy", "rotation_accuracy"), is_optional=True),
    Group(QT_TRANSLATE_NOOP("curves", "k-NN"), "%", ("knn",), False, "pretraining"),
    Group(QT_TRANSLATE_NOOP("curves", "Task weights"), "",
          ("weight_reconstruction", "weight_rotation", "weight_contrast"), is_optional=True),
    Group(QT_TRANSLATE_NOOP("curves", "Learning rate"), "", ("learning_rate",)),
    Group(QT_TRANSLATE_NOOP("curves", "Agreement"), "", ("agreement", "teacher_momentum"),
          is_optional=True),
    Group(QT_TRANSLATE_NOOP("curves", "Gradient"), "", ("gradient_norm",)),
    Group(QT_TRANSLATE_NOOP("curves", "Health"), "", ("deviation", "mask_share"), False,
          "pretraining"),
    Group(QT_TRANSLATE_NOOP("curves", "Rank"), "", ("rank",), False, "pretraining"),
    Group(QT_TRANSLATE_NOOP("curves", "Speed"), "images/s", ("images_per_s",)),
    Group(QT_TRANSLATE_NOOP("curves", "Memory"), "GB", ("memory_gb",)),
)  # fmt: skip
# Drawn as they were measured in plots that are smoothed.
READINGS = frozenset({"validation_accuracy", "validation_loss"})
WORDS = {
    "loss": QT_TRANSLATE_NOOP("curves", "total"),
    "contrast": QT_TRANSLATE_NOOP("curves", "contrast"),
    "reconstruction": QT_TRANSLATE_NOOP("curves", "reconstruction"),
    "rotation": QT_TRANSLATE_NOOP("curves", "rotation"),
    "rotation_accuracy": QT_TRANSLATE_NOOP("curves", "turns told right"),
    "weight_contrast": QT_TRANSLATE_NOOP("curves", "weight of contrast"),
    "weight_reconstruction": QT_TRANSLATE_NOOP("curves", "weight of reconstruction"),
    "weight_rotation": QT_TRANSLATE_NOOP("curves", "weight of rotation"),
    "classification": QT_TRANSLATE_NOOP("curves", "training loss"),
    "train_accuracy": QT_TRANSLATE_NOOP("curves", "training accuracy"),
    "validation_accuracy": QT_TRANSLATE_NOOP("curves", "validation accuracy"),
    "validation_loss": QT_TRANSLATE_NOOP("curves", "validation loss"),
    "knn": QT_TRANSLATE_NOOP("curves", "k-NN accuracy"),
    "learning_rate": QT_TRANSLATE_NOOP("curves", "learning rate"),
    "teacher_momentum": QT_TRANSLATE_NOOP("curves", "teacher momentum"),
    "agreement": QT_TRANSLATE_NOOP("curves", "agreement of two views"),
    "gradient_norm": QT_TRANSLATE_NOOP("curves", "gradient norm"),
    "deviation": QT_TRANSLATE_NOOP("curves", "spread of the features"),
    "mask_share": QT_TRANSLATE_NOOP("curves", "corrupted area"),
    "rank": QT_TRANSLATE_NOOP("curves", "effective rank"),
    "images_per_s": QT_TRANSLATE_NOOP("curves", "images a second"),
    "memory_gb": QT_TRANSLATE_NOOP("curves", "memory"),
}


def curve_word(name: str) -> str:
    """A curve's name for people."""
    return QCoreApplication.translate("curves", WORDS.get(name, name))
