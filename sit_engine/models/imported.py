"""What an import took from a file and what it left: the listing, and `import.json`; no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from sit_engine.config.facts import StartFacts

# The networks that files of others may hold, by the words of `--network`.
NETWORKS = ("student", "teacher", "model", "model_ema", "base", "momentum")
PIXELS = (
    "Pixels are taken to be normalised by ImageNet's mean and deviation; such files do not say."
)
BLOCK = re.compile(r"(blocks\.\d+)\..*")


@dataclass(frozen=True)
class Mapped:
    """A tensor that was taken: its name in the file, and in the folder."""

    theirs: str
    ours: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Resized:
    """A position table for other views: patches along a side before and after."""

    name: str
    before: int
    after: int


@dataclass(frozen=True)
class Dropped:
    """What was left in the file; the shape is None where it is no single tensor."""

    name: str
    shape: tuple[int, ...] | None
    why: str


@dataclass(frozen=True)
class Imported:
    """A folder of weights that a run may start from, and how it came about."""

    path: Path
    source: str
    """Name of the file that was read."""
    sha256: str
    layout: str
    network: str | None
    """Which network of the file; None: it holds one alone."""
    facts: StartFacts
    heads_from: str
    mapped: tuple[Mapped, ...]
    resized: tuple[Resized, ...]
    dropped: tuple[Dropped, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values; what `import.json` holds, which is the same without the path."""
        return asdict(self) | {"path": str(self.path)}

    def to_text(self) -> str:
        """For people: equal parts of all blocks, and dropped parts of one kind, take a line each."""
        facts = self.facts
        network = f"its network {self.network}" if self.network else "its only network"
        lines = [
            f"Read {self.source} ({self.layout}), {network}.",
            f"sha256 {self.sha256}",
            f"Width {facts.width}, {facts.depth} blocks, {facts.heads} heads ({self.heads_from}).",
            f"Views of {facts.image_size} px, patches of {facts.patch_size} px, tokens: {facts.tokens}.",
            PIXELS,
            "",
            f"Mapped ({len(self.mapped)} tensors):",
            *_mapped_lines(self.mapped),
        ]
        if self.resized:
            lines.append("Resized:")
        lines += [
            f"  {table.name}: {table.before} × {table.before} patches to {table.after} × {table.after}"
            for table in self.resized
        ]
        if self.dropped:
            lines += [f"Dropped ({len(self.dropped)}):", *_dropped_lines(self.dropped)]
        return "\n".join([*lines, "", f"Wrote {self.path}; the whole listing is in import.json."])


def _mapped_lines(mapped: Iterable[Mapped]) -> Iterable[str]:
    for is_block, group in groupby(mapped, key=lambda item: item.ours.startswith("blocks.")):
        items = list(group)
        if is_block:
            theirs, ours = (
                _span(BLOCK.sub(r"\1", first), BLOCK.sub(r"\1", last))
                for first, last in (
                    (items[0].theirs, items[-1].theirs),
                    (items[0].ours, items[-1].ours),
                )
            )
            yield f"  {theirs} -> {ours} ({len(items)} tensors)"
        else:
            yield from (f"  {item.theirs} -> {item.ours} {_shape(item.shape)}" for item in items)


def _dropped_lines(dropped: Iterable[Dropped]) -> Iterable[str]:
    for why, group in groupby(sorted(dropped, key=_why), key=_why):
        items = list(group)
        size = f"({len(items)} parts)" if len(items) > 1 else _shape(items[0].shape)
        yield f"  {_span(items[0].name, items[-1].name)} {size}".rstrip() + f": {why}"


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} … {last}"


def _why(item: Dropped) -> str:
    return item.why


def _shape(shape: tuple[int, ...] | None) -> str:
    return "×".join(str(side) for side in shape) if shape else ""
