"""What somebody should know of folders whose files can all be used: a sentence for each kind.

Said by scan and on the Dataset page; nothing is removed for it.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from sit_engine.data.folder.index import ImageIndex
from sit_engine.paths import display_name
from sit_engine.records.events import Warned, warning

LARGE_PIXELS = 100_000_000


def remarks(index: ImageIndex) -> list[Warned]:
    """All that apply, with their number and an example; copies are known after the decode."""
    return [*_of_classes(index), *_of_copies(index), *_of_links(index), *_of_sizes(index)]


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
