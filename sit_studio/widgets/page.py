"""What all pages are: title, actions, a notice, and a body that scrolls as one where it has no room."""

from __future__ import annotations

from typing import ClassVar

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from sit_studio.widgets.basics import Notice, label

BAR_PX = 12
"""Of a bar beside a page's body, as style.qss has it."""


class _Body(QWidget):
    """A page scrolls when it is lower than its content must be, not than it would like to be.

    That is not known of plots and lists in it, which only tell the height that they would like; a form
    is as high as its words are at its width.
    """

    def __init__(self, *, is_form: bool) -> None:
        super().__init__()
        self._is_form = is_form

    def heightForWidth(self, width: int) -> int:
        layout, viewport = self.layout(), self.parentWidget()
        if layout is None:
            return -1
        least = layout.totalMinimumSize().height()
        fits = viewport is not None and least <= viewport.height()
        return least if fits and not self._is_form else layout.totalMinimumHeightForWidth(width)


class PageArea(QScrollArea):
    """Scrolls up and down where `content` is too high; its edges are the same with a bar and without.

    The bar stands in the margin of what is around it, BAR_PX wide.
    """

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        content.setObjectName("scrolled")
        # As wide as there is room, and never wider: nothing is cut off at the right.
        policy = content.sizePolicy()
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
        content.setSizePolicy(policy)
        self.setWidget(content)
        self.verticalScrollBar().installEventFilter(self)
        self.setViewportMargins(0, 0, BAR_PX, 0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kinds = (QEvent.Type.Show, QEvent.Type.Hide)
        if watched is self.verticalScrollBar() and event.type() in kinds:
            taken = event.type() == QEvent.Type.Show
            self.setViewportMargins(0, 0, 0 if taken else BAR_PX, 0)
        return super().eventFilter(watched, event)

    def minimumSizeHint(self) -> QSize:
        """The size that its content needs: a page never scrolls sideways."""
        inside = self.widget()
        wide = inside.minimumSizeHint().width() + BAR_PX if inside is not None else 0
        return QSize(wide, super().minimumSizeHint().height())


class Page(QWidget):
    """Title, one sentence of what it is for, actions at the right, a notice, and the body.

    In a window that is too low for it, the body scrolls as one.
    """

    is_form: ClassVar[bool] = False

    def __init__(self, title: str, lead: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = QVBoxLayout(self)
        # Of the margin at the right a bar may take a part, where the body scrolls as a whole.
        outer.setContentsMargins(24, 16, 24 - BAR_PX, 16)
        outer.setSpacing(16)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, BAR_PX, 0)
        head.setSpacing(8)
        words = QVBoxLayout()
        words.setSpacing(4)
        self.title = label(title)
        self.title.setObjectName("pageTitle")
        self.lead = label(lead, wrap=True)
        self.lead.setObjectName("pageLead")
        words.addWidget(self.title)
        words.addWidget(self.lead)
        head.addLayout(words, 1)
        self.action_row = QHBoxLayout()
        self.action_row.setSpacing(8)
        head.addLayout(self.action_row)
        head.setAlignment(self.action_row, Qt.AlignmentFlag.AlignTop)
        outer.addLayout(head)
        self.notice = Notice()
        told = QVBoxLayout()
        told.setContentsMargins(0, 0, BAR_PX, 0)
        told.addWidget(self.notice)
        outer.addLayout(told)
        content = _Body(is_form=self.is_form)
        self.body = QVBoxLayout(content)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(16)
        self.area = PageArea(content)
        outer.addWidget(self.area, 1)
        self.setAccessibleName(title)

    def shut_down(self) -> None:
        """The window closes: end what this page began."""
