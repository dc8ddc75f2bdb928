"""The Train page's two searches on the open images: for settings, and for a network under a budget."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from sit_engine.errors import SitError
from sit_studio.models.failure import failure_of
from sit_studio.pages.train.network.network_dialog import NetworkDialog
from sit_studio.pages.train.obstacles import why_no_network, why_no_tune
from sit_studio.pages.train.search_card import SearchCard
from sit_studio.pages.train.tune.tune_dialog import USUAL_MINUTES, TuneDialog
from sit_studio.session import Session
from sit_studio.widgets.long_study_dialog import LongStudyDialog


class Searches(QObject):
    """Two cards and their dialogs; what was found is told by signals.

    `values` gives the settings that stand in the form.
    """

    settings_wanted = Signal(object)
    """The file of settings that were found."""
    network_wanted = Signal(object)
    """The settings `model` of a network that was found."""
    failed = Signal(object)

    def __init__(
        self, session: Session, values: Callable[[], dict[str, Any]], page: QWidget
    ) -> None:
        super().__init__(page)
        self.session, self.values, self.page = session, values, page
        self.tune = SearchCard(
            session,
            TuneDialog.last,
            self.tr("Settings for this folder"),
            self.tr("Find settings for this folder…"),
            self.tr(
                "Which colours, crops, losses and networks suit these images? About {n} minutes of "
                "short runs, measured on labelled images that are held out."
            ).format(n=USUAL_MINUTES),
        )
        self.tune.wanted.connect(self.show_tune)
        self.network = SearchCard(
            session,
            NetworkDialog.last,
            self.tr("A network for your budget"),
            self.tr("Find a network for my budget…"),
            self.tr(
                "How large should the network be, and of what shape, if an image may cost so much? "
                "One network that contains very many is trained on these images, then they are asked."
            ),
        )
        self.network.wanted.connect(self.show_network_search)
        self.cards = (self.tune, self.network)

    def show_why(self, why_not: str) -> None:
        """Why no run can begin now, in which case no search can either; empty when one can."""
        self.tune.show_why(why_not or why_no_tune(self.session.dataset))
        self.network.show_why(why_not or why_no_network(self.session))

    @Slot(object)
    def show_tune(self, path: Path | None) -> None:
        """The dialog of the search in `path`, or of a new one from what stands in the form."""
        dialog = TuneDialog(self.session, self.values(), path, self.page)
        dialog.settings_wanted.connect(self.settings_wanted)
        dialog.open()

    @Slot(object)
    def show_network_search(self, path: Path | None) -> None:
        """The dialog of the search in `path`, or of a new one that pretrains as the form says."""
        try:
            dialog = NetworkDialog(self.session, self.values(), path, self.page)
        except SitError as error:
            self.failed.emit(failure_of(error))
            return
        dialog.network_wanted.connect(self.network_wanted)
        dialog.open()

    def shut_down(self) -> None:
        """Close the dialogs; the searches go on."""
        for dialog in self.page.findChildren(LongStudyDialog):
            dialog.reject()
