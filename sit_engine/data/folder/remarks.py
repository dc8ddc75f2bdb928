"""What somebody should know of folders whose files can all be used: a sentence for each kind.

Said by scan and on the Dataset page; nothing is removed for it.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from sit_engine.config.facts import Layout
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.layout import SHAPES, folders_of, looks_like, part_named
from sit_engine.paths import display_name
from sit_engine.records.events import Warned, warning

LARGE_PIXELS = 100_000_000
_LEVELS = 3
"""How deep names of parts are looked for; the layouts reach one level less."""


def remarks(index: ImageIndex) -> list[Warned]:
    """All that apply, with their number and an example; copies are known after the decode."""
    return [
        *of_parts(index),
        *_of_classes(index),
        *_of_copies(index),
        *_of_links(index),
        *_of_sizes(index),
    ]


def of_parts(index: ImageIndex) -> Iterator[Warned]:
    """Folders that look like parts and are none: a training would see the images of all."""
    if index.layout != "classes":
        return
    folders = {folders_of(path) for path in index.paths}
    for level in range(_LEVELS):
        names = sorted({found[level] for found in folders if len(found) > level})
        train = [name for name in names if looks_like(name) == "train"]
        held_out = [name for name in names if looks_like(name) in ("val", "test")]
        if not (train and held_out):
            continue
        told = {"train": display_name(train[0]), "other": display_name(held_out[0])}
        above = {found[:level] for found in folders if len(found) > level}
        if part_named(train[0]) is None or part_named(held_out[0]) is None:
            yield warning(
                "data.parts_by_other_names",
                "The folders {train} and {other} look like parts, but a training sees the images of "
                "both; call them train and test if they are parts.",
                **told,
            )
        elif level == _LEVELS - 1:
            yield warning(
                "data.parts_deeper",
                "The folders {train} and {other} look like parts, but a training sees the images of "
                "both; open {folder} alone if they are parts.",
                **told,
                folder=display_name("/".join(min(above))),
            )
        else:
            layout: Layout = "class-split" if len(above) > 1 else "folder-split"
            layout = layout if level else "split"
            yield warning(
                "data.parts_as_classes",
                "The folders {train} and {other} look like parts, but a training sees the images of "
                "both; --layout {layout} ({shape}) takes them as parts.",
                **told,
                layout=layout,
                shape=SHAPES[layout],
            )
        return


def _of_classes(index: ImageIndex) -> Iterator[Warned]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in index.classes:
        groups[_plain(name)].append(name)
    if alike := [names for names in groups.values() if len(names) > 1]:
        yield warning(
            "data.classes_alike",
            "Classes whose names differ only in case, blanks or Unicode form: {count}, such as "
            "“{one}” and “{other}”; they are learnt and counted as different ones.",
            count=sum(map(len, alike)),
            one=display_name(alike[0][0]),
            other=display_name(alike[0][1]),
        )
    counts = np.bincount(index.labels[index.labels >= 0], minlength=len(index.classes))
    if len(single := np.flatnonzero(counts == 1)):
        yield warning(
            "data.classes_single",
            "Classes of a single image: {count}, such as {name}; none can be held out of them to "
            "measure on.",
            count=len(single),
            name=display_name(index.classes[single[0]]),
        )


def _plain(name: str) -> str:
    """A name without what a person hardly sees of it."""
    return unicodedata.normalize("NFC", "".join(name.split())).casefold()


def _of_copies(index: ImageIndex) -> Iterator[Warned]:
    wanted = {name for group in index.duplicates for name in group}
    names = ((row, index.name(row)) for row in range(len(index))) if wanted else ()
    label_of = {name: int(index.labels[row]) for row, name in names if name in wanted}
    torn = []
    for group in index.duplicates:
        # The first image of each label; those without one contradict nobody.
        first = {label_of[name]: name for name in reversed(group) if label_of[name] >= 0}
        if len(first) > 1:
            torn.append(sorted(first.values(), key=group.index))
    if torn:
        yield warning(
            "data.two_labels",
            "The same picture under two labels: {count}, such as {one} and {other}; whatever is "
            "answered for it is wrong once.",
            count=len(torn),
            one=display_name(torn[0][0]),
            other=display_name(torn[0][1]),
        )


def _of_links(index: ImageIndex) -> Iterator[Warned]:
    if index.linked_again:
        yield warning(
            "data.linked_again",
            "Links to a folder that is there already: {count}, such as {path}; its images count once.",
            count=len(index.linked_again),
            path=display_name(index.linked_again[0]),
        )


def _of_sizes(index: ImageIndex) -> Iterator[Warned]:
    pixels = index.sizes.astype(np.int64).prod(axis=1)
    if len(dots := np.flatnonzero(pixels == 1)):
        yield warning(
            "data.one_pixel",
            "Images of a single pixel: {count}, such as {path}; there is nothing to learn from them.",
            count=len(dots),
            path=display_name(index.name(int(dots[0]))),
        )
    if len(large := np.flatnonzero(pixels >= LARGE_PIXELS)):
        yield warning(
            "data.large",
            "Images of 100 megapixels or more: {count}, such as {path}; views show them much reduced, "
            "so cut them into tiles if their details matter.",
            count=len(large),
            path=display_name(index.name(int(large[0]))),
        )
