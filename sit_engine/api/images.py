"""What is done with folders of images and with pictures, before any run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sit_engine.config.facts import DataFacts
from sit_engine.config.tree import GifRule, RunConfig
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.label_file import LabelColumns
from sit_engine.data.folder.layout import LayoutChoice
from sit_engine.data.folder.wanted import Patterns
from sit_engine.files import disk_error
from sit_engine.records.on_progress import OnProgress

if TYPE_CHECKING:
    from sit_engine.data.scan.full_scan import ScanResult
    from sit_engine.inspection.shown_views import Shown


def scan(
    folders: Sequence[str],
    *,
    labels: Literal["folders", "csv", "none"] = "folders",
    labels_file: str | None = None,
    columns: LabelColumns | None = None,
    layout: LayoutChoice = "auto",
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    test: Sequence[str] = (),
    on_progress: OnProgress | None = None,
    cancel: Callable[[], bool] | None = None,
    on_listed: Callable[[ImageIndex], None] | None = None,
    cache_gb: float | None = None,
    config: RunConfig | None = None,
    frame_rate: float = 1.0,
    gifs: GifRule = "image",
) -> ScanResult:
    """List, read and fully decode every file; gives what is usable, every problem, and the cues.

    `on_listed` gets what the headers alone say; `test` folders are searched for training images, or
    without them the folders' own test images, if their `layout` has some. Decoded as a run with
    `config` would have it. Of videos `frame_rate` frames a second are read.
    """
    from sit_engine.data.folder.folder_facts import facts_of
    from sit_engine.data.scan.full_scan import full_scan
    from sit_engine.evaluation.cues import PHASE, find_cues

    found = full_scan(
        folders,
        labels=labels,
        labels_file=labels_file,
        columns=columns or LabelColumns(),
        layout=layout,
        patterns=Patterns(tuple(include), tuple(exclude)),
        test=test,
        on_progress=on_progress,
        cancel=cancel,
        on_listed=on_listed,
        cache_gb=cache_gb,
        config=config,
        frame_rate=frame_rate,
        gifs=gifs,
    )
    if found.store is None or not facts_of(found.index).has_cues:
        return found
    if on_progress is not None:
        on_progress(PHASE, 0, 0)
    return replace(found, cues=find_cues(found.index, found.store))


def show_views(
    images: Sequence[str],
    settings: Mapping[str, Any],
    *,
    seed: int,
    facts: DataFacts | None = None,
    image_size: int | None = None,
) -> Shown:
    """What the model would see of `images` with a user's settings; no network is built."""
    from sit_engine.inspection.shown_views import show

    return show(images, settings, seed=seed, facts=facts, image_size=image_size)


def show_pairs(images: Sequence[str], out: Path) -> dict[str, str]:
    """Write the images, and each in other colours, mirrored, turned and halved, as arrays into `out`."""
    from sit_engine.inspection.pairs import show_pairs as show
    from sit_engine.inspection.shown_views import save_arrays

    arrays = show(images)
    try:
        return save_arrays(out, arrays)
    except OSError as error:
        raise disk_error(error, out) from None


def show_alike(
    weights: Path,
    images: Sequence[str],
    out: Path,
    *,
    on_progress: OnProgress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> dict[str, str]:
    """Write some of the images and those that `weights` find most like each, as arrays into `out`."""
    from sit_engine.inspection.alike import Alike
    from sit_engine.inspection.shown_views import save_arrays

    arrays = Alike(weights, images, on_progress=on_progress, cancel=cancel).pictures()
    try:
        return save_arrays(out, arrays)
    except OSError as error:
        raise disk_error(error, out) from None


def cache(*, clear: bool = False) -> dict[str, Any]:
    """Where decoded pixels are kept and what they take, after removing them where asked."""
    from sit_engine.data.pixel_cache.cache import PixelCache

    kept = PixelCache(wait_s=1.0)
    if clear:
        kept.clear()
    return {"path": str(kept.root), "bytes": kept.size_bytes(), "free_bytes": kept.free_bytes()}


def write_sample(folder: Path) -> tuple[Path, Path]:
    """The built-in sample's train and test folders, written unless they are there whole."""
    from sit_engine.data.sample import write_sample as write

    mark = folder / ".complete"
    if mark.is_file():
        return folder / "train", folder / "test"
    found = write(folder)
    try:
        mark.touch()
    except OSError as error:
        raise disk_error(error, mark) from None
    return found
