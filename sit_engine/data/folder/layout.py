"""How folders are laid out: which level names the class, and which says train, validation or test.

A layout is a pure rule on paths, so that a run that froze one finds the same images again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from sit_engine.config.facts import Layout
from sit_engine.records.events import Warned, warning

LayoutChoice: TypeAlias = Literal["auto"] | Layout
Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = get_args(Part)

# Spelt without case, digits at the end and separators: "Train", "train_set", "images-train", "val2017".
_SPELT: dict[Part, str] = {
    "train": "train|training|trn|unlabell?ed",
    "val": "val|vali|valid|validate|validation|dev|development",
    "test": "test|testing|tst|eval|evaluation|holdout",
}
_KIND = "(?:images?|imgs?|data|dataset|set|split|files|photos)"
_PART_OF = {
    part: re.compile(rf"{_KIND}?(?:{words}){_KIND}*\d{{0,4}}", re.ASCII)
    for part, words in _SPELT.items()
}
_SHORT: dict[str, Part] = {"imagestr": "train", "imagests": "test", "imagesva": "val"}
_SEPARATORS = re.compile(r"[\s_.\-]+")


@dataclass(frozen=True)
class _Rule:
    """Which folder of a path says what, counted from the root, or from the root's name on."""

    label: int
    part: int | None = None
    from_root_name: bool = False


_RULES: Mapping[Layout, _Rule] = {
    "classes": _Rule(label=0),
    "split": _Rule(label=1, part=0),
    "folder-split": _Rule(label=2, part=1),
    "class-split": _Rule(label=0, part=1),
    "roots": _Rule(label=0, from_root_name=True),
    "split-roots": _Rule(label=1, part=0, from_root_name=True),
}
SHAPES: Mapping[Layout, str] = {
    "classes": "CLASS/",
    "split": "train/CLASS/",
    "folder-split": "FOLDER/train/CLASS/",
    "class-split": "CLASS/train/",
    "roots": "each folder a class",
    "split-roots": "each folder a part",
}


def part_named(name: str) -> Part | None:
    """The part that a folder's name means; None for any other name."""
    plain = _SEPARATORS.sub("", name.casefold())
    if plain in _SHORT:
        return _SHORT[plain]
    return next((part for part in PARTS if _PART_OF[part].fullmatch(plain)), None)


def looks_like(name: str) -> Part | None:
    """The part that any word of a folder's name means: "my_train", "1-test"."""
    words = filter(None, _SEPARATORS.split(name))
    return part_named(name) or next(filter(None, map(part_named, words)), None)


def layout_named(name: str) -> LayoutChoice:
    """The layout of this name; "auto" for any other name."""
    return next((layout for layout in _RULES if layout == name), "auto")


def has_parts(layout: Layout) -> bool:
    """Whether it tells what trains from what tests."""
    return _RULES[layout].part is not None


def folders_of(path: str) -> tuple[str, ...]:
    """The folders that a path relative to its root goes through."""
    return tuple(path.split("/")[:-1])


class Placing:
    """What one layout says of files: the class of each, and its part. Asks each folder once."""

    def __init__(self, layout: Layout, roots: Sequence[str]) -> None:
        self.layout, self.roots = layout, roots
        self._known: dict[tuple[int, str], tuple[str | None, Part | None]] = {}

    def class_of(self, root: int, path: str) -> str | None:
        """The class of an image; None for one that lies in no class."""
        return self._of(root, path)[0]

    def part_of(self, root: int, path: str) -> Part | None:
        """The part of an image; None outside of all parts, "train" where the layout has none."""
        return self._of(root, path)[1]

    def _of(self, root: int, path: str) -> tuple[str | None, Part | None]:
        key = (root, path.rpartition("/")[0])
        if key not in self._known:
            self._known[key] = self._ask(root, path)
        return self._known[key]

    def _ask(self, root: int, path: str) -> tuple[str | None, Part | None]:
        rule = _RULES[self.layout]
        names = folders_of(path)
        if rule.from_root_name:
            names = (root_name(self.roots[root]), *names)
        label = names[rule.label] if rule.label < len(names) else None
        if rule.part is None:
            return label, "train"
        return label, part_named(names[rule.part]) if rule.part < len(names) else None


def root_name(root: str) -> str:
    """The last name of a root's path."""
    return re.split(r"[\\/]", root.rstrip("\\/"))[-1]


def understand(roots: Sequence[str], images: Iterable[tuple[int, str]]) -> Layout:
    """The layout that fits images, each given as number of its root and path below it.

    "classes" unless names of parts stand where they can hardly be classes. Of several roots each is
    a class unless they are parts, or hold the same folders.
    """
    inside: dict[int, set[tuple[str, ...]]] = {number: set() for number in range(len(roots))}
    last = (-1, "")
    for root, path in images:
        folder = (root, path.rpartition("/")[0])
        if folder != last:
            inside[root].add(folders_of(path))
            last = folder
    used = {root: found for root, found in inside.items() if found}
    if len(used) > 1 and (found := _of_several(roots, used)):
        return found
    return _of_tree(set().union(*used.values()))


def _of_several(roots: Sequence[str], inside: Mapping[int, set[tuple[str, ...]]]) -> Layout | None:
    names = [root_name(roots[root]) for root in inside]
    parts = {part_named(name) for name in names}
    if None not in parts and "train" in parts and len(parts) > 1:
        return "split-roots"
    if parts != {None} or len(set(names)) < len(names):
        return None
    if (found := _of_tree(set().union(*inside.values()))) != "classes":
        return found
    tops = {frozenset(_by_first(below)) for below in inside.values()}
    has_loose = any(() in below for below in inside.values())
    return None if len(tops) == 1 and not has_loose else "roots"


def _of_tree(folders: set[tuple[str, ...]]) -> Layout:
    has_loose = () in folders
    top = _by_first(folders)
    if _are_parts(top, has_loose=has_loose):
        return "split"
    below = {name: _by_first(inside) for name, inside in top.items() if () not in inside}
    split = [name for name, inside in below.items() if _are_parts(inside, has_loose=False)]
    if split and len(top) == 1 and not has_loose:
        return "folder-split"
    both = [name for name in split if _holds_out(below[name])]
    if len(both) > 1:
        return "class-split"
    if not both:
        return "classes"
    # What folders beside it hold; "" is for images of their own.
    others = {
        part_named(inner)
        for name, inside in top.items()
        for inner in (names[0] if names else "" for names in inside)
        if name != both[0]
    }
    if others <= {None}:
        return "folder-split" if _are_safe(below[both[0]]) else "classes"
    return "classes" if None in others else "class-split"


def _holds_out(names: Iterable[str]) -> bool:
    return not {part_named(name) for name in names} <= {None, "train"}


def _by_first(folders: Iterable[tuple[str, ...]]) -> dict[str, set[tuple[str, ...]]]:
    found: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for names in folders:
        if names:
            found[names[0]].add(names[1:])
    return dict(found)


def _are_parts(below: Mapping[str, set[tuple[str, ...]]], *, has_loose: bool) -> bool:
    """Whether folders of these names, with what is below them, are parts and no classes."""
    parts = {part_named(name) for name in below}
    if "train" not in parts or (len(parts) == 1 and has_loose):
        return False
    return None not in parts or _are_safe(below)


def _are_safe(below: Mapping[str, set[tuple[str, ...]]]) -> bool:
    """Whether there are parts to train and to hold out that can hardly be classes beside others.

    One of them is flat, or they share a sub-folder: "train" may be a vehicle.
    """
    inside: dict[bool, set[str]] = {True: set(), False: set()}
    for name, folders in below.items():
        if (part := part_named(name)) is not None:
            inside[part == "train"] |= {names[0] if names else "" for names in folders}
    train, held_out = inside[True], inside[False]
    has_both = bool(train and held_out)
    return has_both and bool(train & held_out or train == {""} or held_out == {""})


def told(layout: Layout, parts: Mapping[str, int]) -> Warned:
    """What was understood, as a sentence, with the number of images in each part."""
    return warning(
        "data.layout",
        "The folder was understood as {shape}: {train} images to train on, {val} to validate on, "
        "{test} to test on, which no training sees, and {other} outside of these, which are left out. "
        "--layout overrules this.",
        shape=SHAPES[layout],
        train=parts.get("train", 0),
        val=parts.get("val", 0),
        test=parts.get("test", 0),
        other=parts.get("other", 0),
    )
