"""What a folder holds, in five figures."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QWidget

from sit_engine.counted import filled
from sit_studio.look.words import count, duration, size
from sit_studio.widgets.basics import FigureCard


class SummaryCards(QWidget):
    """Images or videos, classes, sizes, colours, bytes: from a scan's summary, whole or not."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        self.images = FigureCard(self.tr("Images"))
        self.classes = FigureCard(self.tr("Classes"))
        self.sizes = FigureCard(self.tr("Median size"))
        self.colours = FigureCard(self.tr("Colours"))
        self.disk = FigureCard(self.tr("On disk"))
        self.cards = (self.images, self.classes, self.sizes, self.colours, self.disk)
        for card in self.cards:
            row.addWidget(card, 1)

    def show_counting(self, files: int) -> None:
        """Show that so many files were found so far."""
        self.images.show_figure(count(files), self.tr("files so far"))

    def show_summary(self, found: dict[str, Any]) -> None:
        """The figures; empty: none yet."""
        if not found:
            for card in self.cards:
                card.show_figure("–")
            return
        problems, unlabelled = found["problems"], found["unlabelled"]
        below = filled(self.tr("{n} files cannot be used"), n=count(problems)) if problems else ""
        self._show_images(found["usable"], found.get("videos"), below)
        without = self.tr("{n} without a label")
        if found.get("videos"):
            without = self.tr("{n} frames without a label")
        below = filled(without, n=count(unlabelled)) if unlabelled else ""
        self.classes.show_figure(count(len(found["classes"])), below)
        self._show_sizes(found["sizes"]["width"], found["sizes"]["height"])
        self._show_colours(found["channels"], found["deep"])
        self.disk.show_figure(size(found["bytes"]))

    def _show_images(self, usable: int, videos: dict[str, Any] | None, below: str) -> None:
        """Show how many images there are, or videos with their length and how many frames are taken."""
        self.images.caption.setText(self.tr("Videos") if videos else self.tr("Images"))
        if not videos:
            self.images.show_figure(count(usable), below)
            return
        words = filled(
            self.tr("{n} frames are used of {time}"),
            n=count(videos["frames"]),
            time=duration(videos["seconds"]),
        )
        if images := usable - videos["frames"]:
            words = filled(self.tr("{rest}; and {n} images"), n=count(images), rest=words)
        self.images.show_figure(count(videos["count"]), "; ".join(filter(None, [words, below])))

    def _show_sizes(self, width: dict[str, int] | None, height: dict[str, int] | None) -> None:
        if not width or not height:
            self.sizes.show_figure("–")
            return
        below = self.tr("from {a} × {b} to {c} × {d} px").format(
            a=width["min"], b=height["min"], c=width["max"], d=height["max"]
        )
        if width["min"] == width["max"] and height["min"] == height["max"]:
            below = self.tr("px, all of one size")
        self.sizes.show_figure(f"{width['median']} × {height['median']}", below)

    def _show_colours(self, channels: dict[str, int], deep: int) -> None:
        if not channels:
            self.colours.show_figure("–")
            return
        words = {
            "1": self.tr("Grey"),
            "2": self.tr("Grey + alpha"),
            "3": self.tr("RGB"),
            "4": self.tr("Four channels"),
        }
        main = max(channels, key=lambda key: channels[key])
        below = self.tr("8 bits a channel")
        if deep:
            below = self.tr("{n} of more than 8 bits").format(n=count(deep))
        others = sum(n for key, n in channels.items() if key != main)
        if others:
            below = filled(self.tr("{n} others; {rest}"), n=count(others), rest=below)
        self.colours.show_figure(words.get(main, main), below)
