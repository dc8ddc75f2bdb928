"""The whole look at folders of images: headers, full decode, and test images found among them.

Called by api.scan. The decode fills the cache of a run that would follow, at its size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from sit_engine.config.facts import CueFacts, DeviceFacts
from sit_engine.config.resolve import FEWEST_IMAGES, resolve
from sit_engine.config.tree import GifRule, RunConfig
from sit_engine.counted import packed
from sit_engine.data.decode.decode_pool import Cancel, shared_decoders
from sit_engine.data.folder.folder_facts import facts_of
from sit_engine.data.folder.frames import file_of
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.label_file import LabelColumns
from sit_engine.data.folder.labels import LabelRule
from sit_engine.data.folder.layout import LayoutChoice
from sit_engine.data.folder.remarks import remarks
from sit_engine.data.folder.saved_index import NOT_DECODED, Leak
from sit_engine.data.folder.wanted import EVERYTHING, Patterns
from sit_engine.data.pixel_cache.cache import PixelCache, cache_side
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.data.scan.quick_scan import scan
from sit_engine.errors import SitError
from sit_engine.paths import escape_name
from sit_engine.records.on_progress import OnProgress


@dataclass(frozen=True)
class ScanResult:
    """The usable images and all problems; `leaks` are test images that are training images too."""

    index: ImageIndex
    leaks: tuple[Leak, ...] = ()
    store: PixelStore | None = None
    """Pixels of the index; None where not all have room."""
    cues: CueFacts | None = None

    def to_json(self) -> dict[str, Any]:
        """What `scan --json` prints."""
        leaks = [[escape_name(name) for name in leak] for leak in self.leaks]
        cues = None if self.cues is None else asdict(self.cues)
        told = [packed(asdict(remark)) for remark in remarks(self.index)]
        return self.index.to_json() | {"leaks": leaks, "cues": cues, "remarks": told}


@shared_decoders()
def full_scan(
    folders: Sequence[str],
    *,
    labels: LabelRule = "folders",
    labels_file: str | None = None,
    columns: LabelColumns = LabelColumns(),  # noqa: B008 - frozen
    layout: LayoutChoice = "auto",
    patterns: Patterns = EVERYTHING,
    test: Sequence[str] = (),
    on_progress: OnProgress | None = None,
    cancel: Cancel | None = None,
    on_listed: Callable[[ImageIndex], None] | None = None,
    cache_gb: float | None = None,
    config: RunConfig | None = None,
    frame_rate: float = 1.0,
    gifs: GifRule = "image",
) -> ScanResult:
    """Decode every file; `on_listed` gets what the headers alone say, long before the end.

    Of folders beyond the cache budget the headers are all: a run will stream them, and decoding
    them here would take hours and leave nothing. A note says so. Where the layout has parts, the
    index is what may train and validate; its test images are searched for training images unless
    `test` names others. `config` is that of the run that would follow, whose cache is filled.
    """
    read = partial(
        scan,
        patterns=patterns,
        on_progress=on_progress,
        cancel=cancel,
        frame_rate=frame_rate,
        gifs=gifs,
    )
    whole = read(folders, labels=labels, labels_file=labels_file, columns=columns, layout=layout)
    listed = whole.of_parts("train", "val")
    if on_listed is not None:
        on_listed(listed)
    if not listed.paths:
        return ScanResult(listed)
    fill = _filling(listed, config or RunConfig(), cache_gb, on_progress, cancel)
    index, store = fill(listed)
    to_ask = read(test, labels="none") if test else whole.subset(whole.part_rows("test"))
    if not (test or len(to_ask)):
        return ScanResult(index, store=store)
    tests, test_store = fill(to_ask)
    if store is None or test_store is None:
        return ScanResult(_noted(index, len(index if store is None else tests)), store=store)
    return ScanResult(index, _leaks(index, store, tests, test_store), store)


def _filling(
    listed: ImageIndex,
    config: RunConfig,
    cache_gb: float | None,
    on_progress: OnProgress | None,
    cancel: Cancel | None,
) -> Callable[[ImageIndex], tuple[ImageIndex, PixelStore | None]]:
    """What decodes images into the cache, or notes that they have no room there."""
    cache = PixelCache()
    budget_bytes = int((cache_gb or RunConfig().data.cache_gb) * 1e9)
    side, is_sharp = _squares(listed, config)
    if len(listed) > cache.most_rows(side, budget_bytes, sharp=is_sharp):
        # That run would stream; damage and copies are found at the usual size all the same.
        side, is_sharp = _squares(listed, RunConfig())

    def fill(index: ImageIndex) -> tuple[ImageIndex, PixelStore | None]:
        if len(index) > cache.most_rows(side, budget_bytes, sharp=is_sharp):
            return _noted(index, len(index)), None
        return cache.fill(
            index,
            side=side,
            sharp=is_sharp,
            on_progress=on_progress,
            cancel=cancel,
            budget_bytes=budget_bytes,
        )

    return fill


def _noted(index: ImageIndex, count: int) -> ImageIndex:
    """The index with the note that so many images were not decoded."""
    notes = dict(index.notes) | {NOT_DECODED: count}
    return replace(index, notes=tuple(sorted(notes.items())))


def _squares(listed: ImageIndex, config: RunConfig) -> tuple[int, bool]:
    """Side of the squares that a run on a CPU would choose, and whether they are sharp."""
    facts = facts_of(listed)
    facts = replace(facts, images=max(facts.images, FEWEST_IMAGES), validation=0)
    try:
        found = resolve(config, facts, DeviceFacts()).config
    except SitError:
        # Of settings that fit no such images it is told when they are to train.
        found = resolve(RunConfig(), facts, DeviceFacts()).config
    factor = found.data.cache_factor
    return cache_side(found.model.image_size, listed, factor), found.data.is_sharp


def _leaks(
    train: ImageIndex, train_store: PixelStore, test: ImageIndex, test_store: PixelStore
) -> tuple[Leak, ...]:
    names: dict[bytes, str] = {}
    for i, digest in enumerate(train_store.sha256):
        names.setdefault(digest, train.name(i))
    leaks = (
        (file_of(test.name(i)), file_of(names[digest]))
        for i, digest in enumerate(test_store.sha256)
        if digest in names
    )
    return tuple(dict.fromkeys(leaks))
