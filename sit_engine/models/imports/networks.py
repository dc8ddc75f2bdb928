"""Finds the networks of a file, however deep they are wrapped, and takes one from what is beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError
from sit_engine.models.imports.foreign import unusable
from sit_engine.models.imports.layouts import (
    BESIDE,
    MULTIPLE,
    NAMINGS,
    OUTSIDE,
    REST,
    STATISTICS,
    WEAK,
    WORDS,
    Layout,
    Naming,
    layout_of,
    network_like,
)
from sit_engine.paths import display_name
from sit_engine.records.imported import ANOTHER, Dropped, Imported

MOST_DEEP = 4
"""Dictionaries in dictionaries; Lightning's have two."""


class NetworkPlace(NamedTuple):
    """A network of a file: the keys to its dictionary, how its names begin, and what they are."""

    keys: tuple[str, ...]
    prefix: str
    naming: Naming

    @property
    def word(self) -> str | None:
        """What `--network` calls it; None where the file has no word for it."""
        parts = [*self.keys, *self.prefix.split(".")]
        strong = [WORDS[part] for part in parts if part in WORDS and part not in WEAK]
        weak = [WORDS[part] for part in self.keys if part in WEAK]
        return next(iter([*strong, *weak]), None)


class Part(NamedTuple):
    """A tensor, and what it is called in the file."""

    theirs: str
    tensor: Tensor


@dataclass(frozen=True)
class Contents:
    """A network found in a file: its backbone under timm's names, and all else that is there."""

    layout: Layout
    network: str | None
    parts: dict[str, Part]
    dropped: tuple[Dropped, ...]
    beside: dict[str, Part]
    """What stands beside the backbone, of which a method may know its heads."""


class ReadNetwork(NamedTuple):
    """What was read, not yet written: its tensors by timm's names, and the `config.json` for them."""

    done: Imported
    tensors: dict[str, Tensor]
    config: dict[str, Any]


def find_network(found: Mapping[Any, Any], file: Path, network: str | None = None) -> Contents:
    """Recognise the layout and take one network; whether it is a whole backbone is not looked at."""
    dictionaries = dict(_dictionaries(found))
    names = [name for part in dictionaries.values() for name in part]
    places = [place for keys, part in dictionaries.items() for place in _places(keys, part)]
    if not places:
        raise unusable(file, _why_none(names))
    layout = layout_of(names, found.get("arch"))
    present = _by_word(places, file)
    if network is not None and network not in present:
        known = " and ".join(word for word in present if word)
        raise ConfigError(
            "import.network",
            "The file {file} has no network {network}; it has {present}.",
            "Choose one of those with --network, or leave it out.",
            file=display_name(str(file)),
            network=network,
            present=known or "one without a name",
        )
    order = [word for word in layout.order if word in present]
    chosen = network or next(iter(order), None) or next(iter(present))
    place = present[chosen]
    others = {word: other for word, other in present.items() if word != chosen}
    parts, dropped, beside = _split(dictionaries[place.keys], layout, place, others, file)
    dropped += [
        Dropped(word, None, ANOTHER.format(name=word))
        if word
        else Dropped(".".join([*other.keys, other.prefix]), None, "another network, without a name")
        for word, other in others.items()
    ]
    dropped += _unread(found, place, others)
    return Contents(layout, chosen, parts, tuple(dropped), beside)


def _dictionaries(
    found: Mapping[Any, Any], keys: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], dict[str, tuple[str, Tensor]]]]:
    """Each dictionary with tensors: by plain names, their names and values."""
    tensors = [(str(name), value) for name, value in found.items() if isinstance(value, Tensor)]
    if tensors:
        plain: dict[str, Any] = {}
        for name, value in tensors:
            short = MULTIPLE.sub("", name)
            # A name that is there with and without its wrapper is told when it is taken.
            plain[f"module.{short}" if short in plain else short] = (name, value)
        yield keys, plain
    for key, value in found.items():
        is_way = isinstance(value, Mapping) and isinstance(key, str) and key not in REST
        if is_way and len(keys) < MOST_DEEP:
            yield from _dictionaries(value, (*keys, key))


def _places(keys: tuple[str, ...], part: Mapping[str, Any]) -> list[NetworkPlace]:
    """The networks of a dictionary: wherever a patch projection stands."""
    found = []
    for naming in NAMINGS:
        pattern = re.compile(rf"(.*?)(?:^|(?<=\.)){re.escape(naming.anchor)}")
        prefixes = dict.fromkeys(match[1] for match in map(pattern.match, part) if match)
        found += [
            NetworkPlace(keys, prefix, naming)
            for prefix in prefixes
            if f"{prefix}{naming.with_part}" in part or not naming.with_part
        ]
    return found


def _by_word(places: list[NetworkPlace], file: Path) -> dict[str | None, NetworkPlace]:
    present: dict[str | None, NetworkPlace] = {}
    for place in places:
        if place.word in present:
            two = (present[place.word], place)
            names = " and ".join(".".join([*each.keys, each.prefix]).strip(".") for each in two)
            raise unusable(file, Sentence("it has one network twice, as {names}", names=names))
        present[place.word] = place
    return present


def _why_none(names: list[str]) -> str:
    if not names:
        return "it has no names of a vision transformer"
    words = network_like(names)
    name = display_name(names[0])
    if words is None:
        return Sentence("its names, such as {name}, are of no vision transformer", name=name)
    return Sentence("its network has {words}, and no patches as a vision transformer", words=words)


def _split(
    part: Mapping[str, tuple[str, Tensor]],
    layout: Layout,
    place: NetworkPlace,
    others: Mapping[str | None, NetworkPlace],
    file: Path,
) -> tuple[dict[str, Part], list[Dropped], dict[str, Part]]:
    """The backbone, by timm's names, and what stands beside it."""
    ours: dict[str, Part] = {}
    beside: dict[str, Part] = {}
    dropped: list[Dropped] = []
    # What another network stands in is its own, unless this one stands in it too.
    prefixes = tuple(
        other.prefix
        for other in others.values()
        if other.keys == place.keys and not place.prefix.startswith(other.prefix)
    )
    for plain, (name, value) in part.items():
        if plain.startswith(prefixes):
            continue
        is_inside = plain.startswith(place.prefix)
        inner = MULTIPLE.sub("", plain).removeprefix(place.prefix)
        inner = _renamed(inner, place.naming) if is_inside else inner
        why = _beside(inner, layout)
        if why is None and is_inside:
            if inner in ours:
                raise unusable(file, Sentence("it has {part} twice", part=display_name(plain)))
            ours[inner] = Part(name, value)
        else:
            why = "batch-norm statistics" if plain.endswith(STATISTICS) else why
            dropped.append(Dropped(name, tuple(value.shape), why or OUTSIDE))
            beside[inner] = Part(name, value)
    return ours, dropped, beside


def _renamed(name: str, naming: Naming) -> str:
    for pattern, ours in naming.parts:
        name = re.sub(pattern, ours, name)
    return name


def _beside(name: str, layout: Layout) -> str | None:
    for table in (BESIDE.get(layout.name, {}), BESIDE[""]):
        for start, why in table.items():
            if name.startswith(start):
                return why
    return None


def _unread(
    found: Mapping[Any, Any], place: NetworkPlace, others: Mapping[str | None, NetworkPlace]
) -> Iterator[Dropped]:
    """What stands in the dictionaries on the way that leads to no network."""
    on_way = [each.keys for each in (place, *others.values())]
    here: Any = found
    for depth, key in enumerate(place.keys):
        for name in here:
            if not any(keys[: depth + 1] == (*place.keys[:depth], str(name)) for keys in on_way):
                yield Dropped(str(name), None, REST.get(str(name), "no part of a network"))
        here = here[key]
    for name, value in here.items():
        if not isinstance(value, Tensor):
            yield Dropped(str(name), None, REST.get(str(name), "no part of a network"))
