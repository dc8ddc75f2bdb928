"""Why no run or search can be started as things stand."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from sit_engine.config.methods import needs_labels
from sit_engine.data.folder.index import FEWEST_ITEMS
from sit_studio.images import Dataset
from sit_studio.look.sentences import say
from sit_studio.models.settings_model import CheckedSettings
from sit_studio.pages.train.labels_card import has_labels, labels_wanted
from sit_studio.pages.train.stage_cards import learns_clips
from sit_studio.session import Session


def lacks_videos(dataset: Dataset) -> bool:
    """Whether there is too little to learn clips from."""
    return dataset.index is None or len(dataset.index.items) < FEWEST_ITEMS


def why_not(session: Session, checked: CheckedSettings, method: str) -> str:
    """Why no run of that method can be started; empty when it can."""
    translate = QCoreApplication.translate
    dataset = session.dataset
    if dataset.state == "none":
        return translate("TrainPage", "Choose a folder of images first.")
    if dataset.state == "scanning":
        return translate("TrainPage", "The images are still being read.")
    if dataset.state != "ready":
        return translate("TrainPage", "The images could not be read; see the Dataset page.")
    if not dataset.is_usable:
        return translate("TrainPage", "There is no image that can be used; see the Dataset page.")
    if needs_labels(method) and not has_labels(dataset):
        return labels_wanted()
    if learns_clips(method) and lacks_videos(dataset):
        return translate(
            "TrainPage",
            "Clips are learnt from videos, of which there must be three at the least. Open a folder of "
            "videos on the Dataset page, or choose another recipe.",
        )
    if session.history.is_live:
        return translate("TrainPage", "A run is training; see the Watch page.")
    if session.comparer.is_busy:
        return translate("TrainPage", "A comparison or a search is training.")
    if checked.failure is not None:
        return " ".join(say(checked.failure)).strip()
    return ""


def why_no_tune(dataset: Dataset) -> str:
    """Why settings cannot be searched for where a run could be started."""
    if why := _why_not_one(dataset):
        return why
    if not has_labels(dataset):
        return QCoreApplication.translate(
            "TrainPage",
            "Nothing can tell which settings suit images without labels. Put some images of each "
            "class into sub-folders, or name them in a CSV file, on the Dataset page.",
        )
    return ""


def why_no_network(session: Session) -> str:
    """Why no network can be searched for where a run could be started."""
    if session.device is None:
        return QCoreApplication.translate(
            "TrainPage", "What this machine computes on is still being looked at."
        )
    return _why_not_one(session.dataset)


def _why_not_one(dataset: Dataset) -> str:
    if len(dataset.folders) == 1:
        return ""
    return QCoreApplication.translate(
        "TrainPage", "A search looks at one folder; choose one on the Dataset page."
    )
