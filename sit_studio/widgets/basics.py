"""The small pieces all pages are made of: card, notice, empty state, figures, buttons."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from sit_studio.look import theme
from sit_studio.look.sentences import say
from sit_studio.models.failure import Failure


def label(
    text: str = "", role: str = "", *, wrap: bool = False, selectable: bool = False
) -> QLabel:
    """A label; `role` picks its look in style.qss: muted, caption, cardTitle, figure, error."""
    made = QLabel(text)
    # File names and engine sentences may hold "<": never markup.
    made.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        made.setProperty("role", role)
    made.setWordWrap(wrap)
    if selectable:
        made.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
    return made


def set_role(made: QWidget, role: str) -> None:
    """Change the look of a widget."""
    if made.property("role") != role:
        made.setProperty("role", role)
        made.style().unpolish(made)
        made.style().polish(made)


def set_primary(made: QPushButton, *, is_primary: bool) -> None:
    """Make a button without an icon the primary one, or no longer."""
    if made.property("primary") != is_primary:
        made.setProperty("primary", is_primary)
        made.style().unpolish(made)
        made.style().polish(made)


def button(
    text: str,
    on_click: Callable[[], object],
    *,
    icon: str = "",
    primary: bool = False,
    flat: bool = False,
    tip: str = "",
) -> QPushButton:
    """A push button with one of our icons; it takes new colours when the theme changes."""
    made = QPushButton(f" {text}" if icon and text else text)
    made.setProperty("primary", primary)
    made.setProperty("flat", flat)
    made.setCursor(Qt.CursorShape.PointingHandCursor)
    made.setAccessibleName(text or tip)
    if tip:
        made.setToolTip(tip)
    made.clicked.connect(lambda _=False: on_click())
    if icon:

        def paint() -> None:
            colours = theme.tokens()
            colour = colours.on_accent if primary else colours.accent if flat else colours.text
            made.setIcon(theme.icon(icon, colour))

        paint()
        follow_theme(made, paint)
    return made


def follow_theme(owner: QWidget, paint: Callable[[], None]) -> None:
    """Call `paint` at every change of colours for as long as `owner` lives."""
    _Painter(owner, paint)


class _Painter(QObject):
    """A child of its owner: when that is deleted, Qt drops the connection with it."""

    def __init__(self, owner: QWidget, paint: Callable[[], None]) -> None:
        super().__init__(owner)
        self.paint = paint
        theme.notifier().changed.connect(self._on_changed)

    @Slot()
    def _on_changed(self) -> None:
        self.paint()


class Card(QFrame):
    """A surface with one thought on it."""

    def __init__(self, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(16, 16, 16, 16)
        self.body.setSpacing(8)
        self.head = QHBoxLayout()
        self.head.setSpacing(8)
        self.title = label(title, "cardTitle")
        # Never shown here: without a parent it would be a window, and take the keyboard from ours.
        if not title:
            self.title.hide()
        self.head.addWidget(self.title)
        self.head.addStretch(1)
        self.body.addLayout(self.head)


class FigureCard(Card):
    """A caption, one large figure, and a line below it."""

    def __init__(self, caption: str, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.caption = label(caption, "caption")
        self.figure = label("–", "figure")
        self.below = label("", "caption", wrap=True)
        for part in (self.caption, self.figure, self.below):
            self.body.addWidget(part)
        self.body.setSpacing(4)
        self.body.addStretch(1)

    def show_figure(self, figure: str, below: str = "") -> None:
        """The figure and what stands below it."""
        self.figure.setText(figure)
        self.below.setText(below)
        self.setAccessibleName(f"{self.caption.text()}: {figure}. {below}")


Offer = tuple[str, Callable[[], object]]
"""The word on a button, and what it does."""


class Notice(QFrame):
    """A sentence about something that happened: what, what to do, details behind a fold."""

    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(16, 12, 12, 12)
        outer.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.message = label("", wrap=True, selectable=True)
        self.message.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row.addWidget(self.message, 1)
        self.fold = button(self.tr("Details"), self._toggle, flat=True)
        self.fold.setCheckable(True)
        copy = button("", self._copy, icon="copy", flat=True, tip=self.tr("Copy"))
        close = button("", self.clear, icon="close", flat=True, tip=self.tr("Close"))
        for part in (self.fold, copy, close):
            row.addWidget(part, 0, Qt.AlignmentFlag.AlignTop)
        outer.addLayout(row)
        self.hint = label("", "muted", wrap=True, selectable=True)
        outer.addWidget(self.hint)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setMaximumHeight(160)
        self.details.setAccessibleName(self.tr("Details"))
        outer.addWidget(self.details)
        self.offer = button(self.tr("Go on"), lambda: self._offered[0]())
        self.other = button(self.tr("Go on otherwise"), lambda: self._offered[1]())
        offers = QHBoxLayout()
        offers.setSpacing(8)
        for part in (self.offer, self.other):
            part.hide()
            offers.addWidget(part)
        offers.addStretch()
        outer.addLayout(offers)
        self._offered: tuple[Callable[[], object], ...] = ()
        self.hide()

    def tell(
        self,
        failure: Failure,
        *,
        kind: str = "bad",
        offers: Sequence[Offer] = (),
    ) -> None:
        """Show a failure; `kind` is bad, warn, good or plain; at most two buttons to go on with."""
        self._offered = tuple(act for _, act in offers)
        for number, part in enumerate((self.offer, self.other)):
            part.setVisible(number < len(offers))
            if number < len(offers):
                part.setText(offers[number][0])
                part.setAccessibleName(offers[number][0])
        message, hint = say(failure)
        self.message.setText(message)
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        self.details.setPlainText(failure.details)
        self.fold.setVisible(bool(failure.details))
        self.fold.setChecked(False)
        self.details.hide()
        self.setProperty("kind", kind)
        self.style().unpolish(self)
        self.style().polish(self)
        self.setAccessibleName(f"{message} {hint}")
        self.show()

    @property
    def text(self) -> str:
        """What it says now; empty when it is not shown."""
        return "" if self.isHidden() else f"{self.message.text()} {self.hint.text()}".strip()

    @Slot()
    def clear(self) -> None:
        """Take it away."""
        if not self.isHidden():
            self.hide()
            self.closed.emit()

    def _toggle(self) -> None:
        self.details.setVisible(self.fold.isChecked())

    def _copy(self) -> None:
        parts = [self.message.text(), self.hint.text(), self.details.toPlainText()]
        QGuiApplication.clipboard().setText("\n".join(part for part in parts if part))


class EmptyState(QWidget):
    """What will be here, and the button that brings it."""

    def __init__(self, icon: str, title: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setSpacing(8)
        layout.addStretch(2)
        self.picture = label()
        self.picture.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(self.picture)
        self.title = label(title, "cardTitle")
        self.text = label(text, "muted", wrap=True)
        self.text.setMaximumWidth(480)
        for part in (self.title, self.text):
            part.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.text.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        layout.addWidget(self.title, 0, Qt.AlignmentFlag.AlignHCenter)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.text, 10)
        row.addStretch(1)
        layout.addLayout(row)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(8)
        around = QHBoxLayout()
        around.addStretch(1)
        around.addLayout(self.buttons)
        around.addStretch(1)
        layout.addSpacing(8)
        layout.addLayout(around)
        layout.addStretch(3)

        def paint() -> None:
            self.picture.setPixmap(theme.pixmap(icon, theme.tokens().muted, 40))

        paint()
        follow_theme(self, paint)


def scrolled(content: QWidget) -> QScrollArea:
    """`content` in an area that scrolls up and down only."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFrameShape(QFrame.Shape.NoFrame)
    content.setObjectName("scrolled")
    area.setWidget(content)
    return area


def clear_layout(layout: QLayout) -> None:
    """Remove and delete all that is in a layout."""
    while (item := layout.takeAt(0)) is not None:
        if (inside := item.widget()) is not None:
            inside.deleteLater()
        elif (inner := item.layout()) is not None:
            clear_layout(inner)
