"""Which curves stand in which plot, and what they are called; used by Watch and Compare.

Those that a method has of its own are declared by it (config.traits).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from PySide6.QtCore import QCoreApplication

from sit_engine.config.methods import METHODS, MethodOptions, traits
from sit_engine.config.traits import LOSSES, CurveInfo, Watch
from sit_studio.look.marks import QT_TRANSLATE_NOOP
from sit_studio.look.sentences import say_text
from sit_studio.models.history import History


@dataclass(frozen=True)
class Group:
    """A plot: its tab, unit and curves that any method may have, before its own and behind them.

    Readings are few and each is measured with care: smoothing would only hide them.
    """

    title: str
    unit: str
    names: tuple[str, ...] = ()
    is_smoothed: bool = True
    only: tuple[Watch, ...] = ()
    """How runs are watched that have these curves; all have when empty."""
    is_optional: bool = False
    """Only some runs have a curve of it: there is no plot before its first point."""
    last: tuple[str, ...] = ()


UNLABELLED: tuple[Watch, ...] = ("pretraining", "retrieval")
KNOWN = (
    Group(QT_TRANSLATE_NOOP("curves", "Losses"), ""),
    Group(QT_TRANSLATE_NOOP("curves", "Accuracy"), "%", is_optional=True,
          last=("validation_accuracy",)),
    Group(QT_TRANSLATE_NOOP("curves", "k-NN"), "%", ("knn",), False, ("pretraining",)),
    Group(QT_TRANSLATE_NOOP("curves", "Retrieval"), "%", ("retrieval",), False, ("retrieval",)),
    Group(QT_TRANSLATE_NOOP("curves", "Learning rate"), "", ("learning_rate",)),
)  # fmt: skip
# Behind those of methods.
LAST = (
    Group(QT_TRANSLATE_NOOP("curves", "Gradient"), "", ("gradient_norm",)),
    Group(QT_TRANSLATE_NOOP("curves", "Health"), "", ("deviation",), False, UNLABELLED),
    Group(QT_TRANSLATE_NOOP("curves", "Rank"), "", ("rank",), False, UNLABELLED),
    Group(QT_TRANSLATE_NOOP("curves", "Speed"), "images/s", ("images_per_s",)),
    Group(QT_TRANSLATE_NOOP("curves", "Memory"), "GB", ("memory_gb",)),
)  # fmt: skip
# Drawn as they were measured in plots that are smoothed.
READINGS = frozenset({"validation_accuracy", "validation_loss"})
WORDS = {
    "loss": QT_TRANSLATE_NOOP("curves", "total"),
    "validation_accuracy": QT_TRANSLATE_NOOP("curves", "validation accuracy"),
    "validation_loss": QT_TRANSLATE_NOOP("curves", "validation loss"),
    "knn": QT_TRANSLATE_NOOP("curves", "k-NN accuracy"),
    "retrieval": QT_TRANSLATE_NOOP("curves", "copies that find their originals"),
    "learning_rate": QT_TRANSLATE_NOOP("curves", "learning rate"),
    "gradient_norm": QT_TRANSLATE_NOOP("curves", "gradient norm"),
    "deviation": QT_TRANSLATE_NOOP("curves", "spread of the features"),
    "rank": QT_TRANSLATE_NOOP("curves", "effective rank"),
    "images_per_s": QT_TRANSLATE_NOOP("curves", "images a second"),
    "memory_gb": QT_TRANSLATE_NOOP("curves", "memory"),
}


def groups() -> tuple[Group, ...]:
    """The plots that runs of any method have, and those that a method has of its own."""
    known, last = ({group.title: group for group in part} for part in (KNOWN, LAST))
    own = {
        curve.group: Group(curve.group, curve.unit, is_optional=True)
        for curve in _declared()
        if curve.group not in known | last
    }
    return *known.values(), *own.values(), *last.values()


def names_of(group: Group, history: History) -> tuple[str, ...]:
    """The curves of a plot that a run of that method may have."""
    if group.title == LOSSES:
        return _loss_names(history)
    own = (curve.name for curve in history.traits.curves if curve.group == group.title)
    return (*group.names, *own, *group.last)


def _loss_names(history: History) -> tuple[str, ...]:
    terms = tuple(history.terms)
    if history.traits.watch == "validation":
        return (*terms, "validation_loss")
    return terms if len(terms) == 1 else (*terms, "loss")


def compared_names() -> list[str]:
    """The curves by which runs of all methods can be put side by side."""
    names = ["loss"]
    for needs in (False, True):
        curves = [
            curve
            for method, entry in METHODS.items()
            if entry.needs_labels == needs
            for curve in traits(method).curves
        ]
        names += [] if needs else [curve.name for curve in curves if curve.group == LOSSES]
        names += ["validation_accuracy", "validation_loss"] if needs else ["knn"]
        names += [curve.name for curve in curves if curve.is_share]
    return [*dict.fromkeys(names), "learning_rate"]


def _declared() -> Iterator[CurveInfo]:
    for method in METHODS:
        yield from traits(method).curves


def curve_word(name: str, said: type[MethodOptions] | None = None) -> str:
    """A curve's name for people, as the method says it whose run is shown, before any other."""
    if name in WORDS:
        return QCoreApplication.translate("curves", WORDS[name])
    curves = chain(said.curves if said is not None else (), _declared())
    return say_text(next((curve.title for curve in curves if curve.name == name), name))
