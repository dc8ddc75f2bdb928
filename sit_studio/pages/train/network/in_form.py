"""The network that the Train page's form says block by block, as a picture."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from sit_studio.models.settings_model import CheckedSettings
from sit_studio.pages.train.network.strip import BlockStrip
from sit_studio.widgets.basics import label


class NetworkInForm(QWidget):
    """Below the settings of the family `searched`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        self.strip = BlockStrip()
        self.strip.setFixedHeight(140)
        column.addWidget(self.strip)
        about = self.tr(
            "A number for each block, first to last. “Find a network for my budget” fills them in; left "
            "to auto, all blocks are alike, as in a plain network."
        )
        column.addWidget(label(about, "caption", wrap=True))

    def show_checked(self, checked: CheckedSettings) -> None:
        """The network of the settings, once it is known."""
        resolved = checked.resolved
        shape = resolved.config.model.shape if resolved is not None else None
        self.strip.show_shape(shape)
        self.strip.setVisible(shape is not None)
