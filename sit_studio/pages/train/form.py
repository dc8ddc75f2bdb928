"""The form of settings, made from the one declaration in the engine's config."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QSlider, QVBoxLayout, QWidget

from sit_engine.config.facts import MEASURED_LATER
from sit_engine.config.schema import FAMILY, Setting, titled_families
from sit_studio.look.sentences import say, say_text
from sit_studio.look.words import figure
from sit_studio.models.settings_model import CheckedSettings, SettingsModel
from sit_studio.widgets.basics import button, label, set_role
from sit_studio.widgets.choice import Choice
from sit_studio.widgets.guards import guard

SLIDER_STEPS = 100


def said(text: str) -> str:
    """A title or help text of the schema in the user's language."""
    return QCoreApplication.translate("settings", text)


def choice_word(path: str, choice: str) -> str:
    """What one of a setting's choices is called, where its own word says too little."""
    words = {
        "all": QCoreApplication.translate("choices", "the whole network"),
        "blocks": QCoreApplication.translate("choices", "its last blocks"),
        "head": QCoreApplication.translate("choices", "the classifier alone"),
    }
    if path == FAMILY:
        return said(titled_families().get(choice, choice))
    return words.get(choice, choice) if path == "method.trained" else choice


class SettingField(QWidget):
    """One setting: title, editor, and below it the value that "auto" has and why, or the error."""

    edited = Signal(str, str)

    def __init__(
        self,
        item: Setting,
        *,
        slider: bool = False,
        title: str = "",
        beside: QWidget | None = None,
        parent: QWidget | None = None,
    ) -> None:
        """`beside` makes it one row, with `title`: shorter, where the place says what it is of."""
        super().__init__(parent)
        self.item = item
        self._default = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        unit = f" ({said(item.unit)})" if item.unit else ""
        full = said(item.title) + unit
        self.title = label(title or full, wrap=beside is None)
        tip = f"{said(item.help)}\n{item.path}: {say_text(item.allowed)}"
        self.setToolTip(tip)
        row = QHBoxLayout()
        row.setSpacing(8)
        (column if beside is None else row).addWidget(self.title)
        self.slider = self._make_slider() if slider else None
        if self.slider is not None:
            row.addWidget(self.slider, 1)
        self.editor = self._make_editor()
        if slider or beside:
            self.editor.setFixedWidth(72)
        self.editor.setAccessibleName(full)
        self.editor.setAccessibleDescription(tip)
        self.title.setBuddy(self.editor)
        row.addWidget(self.editor, 0 if slider or beside else 1)
        self.reset = button(
            "", self._clear, icon="reset", flat=True, tip=self.tr("Leave it to auto")
        )
        self.reset.setAccessibleName(self.tr("Reset {title}").format(title=full))
        policy = self.reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(policy)
        if beside is not None:
            row.addWidget(beside)
        row.addWidget(self.reset)
        if beside is not None:
            row.addStretch(1)
        column.addLayout(row)
        self.below = label("", "caption", wrap=True)
        self.below.hide()
        column.addWidget(self.below)

    def _make_editor(self) -> QComboBox | QLineEdit:
        item = self.item
        if item.choices and not item.is_number and not item.is_list:
            box = Choice(elide=Qt.TextElideMode.ElideRight)
            # As wide as there is room, not as its longest word.
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(6)
            box.activated.connect(lambda _: self._say(str(box.currentData())))
            return box
        line = QLineEdit()
        line.textEdited.connect(self._say)
        return line

    def _make_slider(self) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, SLIDER_STEPS)
        slider.setAccessibleName(said(self.item.title))
        slider.valueChanged.connect(self._on_slid)
        return slider

    def _on_slid(self, place: int) -> None:
        low, high = self.item.low or 0.0, self.item.high or 1.0
        value = low + (high - low) * place / SLIDER_STEPS
        self._say(f"{max(value, 0.01) if self.item.low is None else value:.2f}")

    def _say(self, text: str) -> None:
        self.edited.emit(self.item.path, text)

    def _clear(self) -> None:
        self._say("")

    def _fill(self, box: QComboBox, default: str) -> None:
        self._default = default
        box.clear()
        word = choice_word(self.item.path, default)
        # "auto" says by itself that it is nobody's choice.
        head = word if word == "auto" else self.tr("{word} (default)").format(word=word)
        box.addItem(head, "")
        for choice in self.item.choices:
            if choice != default:
                box.addItem(choice_word(self.item.path, choice), choice)

    def show_text(self, text: str, shown: Any, default: str) -> None:
        """The user's word, the value that stands without one, and what preset and method say."""
        if isinstance(self.editor, QComboBox):
            if not self.editor.count() or default != self._default:
                self._fill(self.editor, default)
            self.editor.setCurrentIndex(max(0, self.editor.findData(text)))
        elif self.editor.text() != text:
            self.editor.setText(text)
        if isinstance(self.editor, QLineEdit):
            self.editor.setPlaceholderText(_shown(shown))
        self.reset.setVisible(bool(text))
        if self.slider is not None and not self.slider.isSliderDown():
            value = _number(text, _number(_shown(shown), 0.0))
            low, high = self.item.low or 0.0, self.item.high or 1.0
            self.slider.blockSignals(True)
            self.slider.setValue(round(SLIDER_STEPS * (value - low) / (high - low)))
            self.slider.blockSignals(False)

    def show_below(self, text: str, *, is_error: bool = False) -> None:
        """The reason of an "auto" value, or what is wrong."""
        self.below.setText(text)
        self.below.setVisible(bool(text))
        set_role(self.below, "error" if is_error else "caption")
        if self.editor.property("bad") != is_error:
            self.editor.setProperty("bad", is_error)
            self.editor.style().unpolish(self.editor)
            self.editor.style().polish(self.editor)


def _number(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:
        return otherwise


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, (list, tuple)):
        return ",".join(str(part) for part in value) or "none"
    if isinstance(value, float):
        return figure(value) if value and abs(value) < 1e-3 else f"{value:g}"
    return str(value)


class SettingFields(QObject):
    """The fields of a page by path, kept in step with the model; `edited` tells of any."""

    edited = Signal(str, str)

    def __init__(self, model: SettingsModel) -> None:
        super().__init__()
        self.model = model
        self.fields: dict[str, list[SettingField]] = {}

    def add(self, field: SettingField) -> SettingField:
        """Add one more field; a setting may stand in two places."""
        self.fields.setdefault(field.item.path, []).append(field)
        # Some are made long after the window was.
        guard(field)
        field.edited.connect(self.edited)
        return field

    def show(self, checked: CheckedSettings) -> None:
        """Texts, resolved values with their reasons, and the error beside its field."""
        best = checked.resolved.config if checked.resolved else checked.config
        tree = best.model_dump() if best is not None else {}
        reasons = dict(checked.resolved.reasons) if checked.resolved else {}
        if checked.config is not None and checked.config.optim.minutes is not None:
            # The trainer measures its speed first; until then nobody knows how many epochs fit.
            tree["optim"] |= {"minutes": checked.config.optim.minutes, "epochs": "auto"}
            reasons["optim.epochs"] = QCoreApplication.translate(
                "SettingField", "as many as fit into the minutes"
            )
        for path in (path for path, why in reasons.items() if why == MEASURED_LATER):
            _wait(tree, path)
        defaults = self.model.defaults()
        for path, fields in self.fields.items():
            text = self.model.texts.get(path, "")
            value = _at(tree, path, defaults.get(path))
            failure = checked.failure if checked.field == path else None
            why = say_text(reasons.get(path, ""))
            below = _auto_words(path, value, why) if not text else ""
            for field in fields:
                field.show_text(text, value, defaults.get(path, ""))
                if failure is not None:
                    field.show_below(" ".join(say(failure)).strip(), is_error=True)
                else:
                    field.show_below(below)


def _auto_words(path: str, value: Any, why: str) -> str:
    """What "auto" has come to and why, or that it waits."""
    if value == "auto":
        waits = QCoreApplication.translate(
            "SettingField", "worked out from your images and the device"
        )
        return QCoreApplication.translate("SettingField", "auto: {why}").format(why=why or waits)
    if not why:
        return ""
    text = QCoreApplication.translate("SettingField", "auto: {value}, {why}")
    return text.format(value=choice_word(path, _shown(value)), why=why)


def _wait(tree: dict[str, Any], path: str) -> None:
    """What only a run can measure is shown as "auto", not as what stands in for it."""
    *groups, name = path.split(".")
    for group in groups:
        tree = tree[group]
    tree[name] = "auto"


def _at(tree: dict[str, Any], path: str, otherwise: Any) -> Any:
    here: Any = tree
    for part in path.split("."):
        if not isinstance(here, dict) or part not in here:
            return otherwise
        here = here[part]
    return here
