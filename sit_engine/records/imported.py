"""What an import took from a file and what it left: the listing, and `import.json`; no torch."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, TypeAlias

from sit_engine.config.facts import IMAGENET, Colours, StartFacts
from sit_engine.counted import Sentence, counted

# The networks that files of others may hold, by the words of `--network`.
NETWORKS = ("student", "teacher", "model", "model_ema", "base", "momentum", "target")
PixelsFrom: TypeAlias = Literal["settings", "usual", "assumed"]
PIXELS: dict[PixelsFrom, str] = {
    "settings": "Pixels are normalised by mean {mean} and deviation {std}, as its settings say.",
    "usual": "Pixels are normalised by mean {mean} and deviation {std}, as is usual for {layout}.",
    "assumed": "Pixels are taken to be normalised by ImageNet's mean and deviation; such files do not "
    "say.",
}
"""How the network expects its pixels; runs that start from it need not heed it (models.weights)."""
ANOTHER = "another network: --network {name} takes it"
"""Why another network of the file was left in it."""
AS_GIVEN = "as given"
AS_SAID = "as its settings say"
"""Where the number of heads is from, if somebody said it; else it is the usual one of the layout."""
BLOCK = re.compile(r"((?:blocks|stage\d)\.\d+)\..*")


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
class ImportRow:
    """A line of the listing: a tensor that was taken or left, or several of one kind."""

    theirs: str
    ours: str
    parts: int
    shape: tuple[int, ...] | None
    """Of a single one that has one."""
    why: str = ""

    @property
    def size(self) -> str:
        """Its shape; empty where it has none, or is several."""
        return "×".join(str(side) for side in self.shape) if self.shape else ""


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
    folded: tuple[str, ...] = ()
    """What was worked into other parts, so that the network is a plain one with the same answers."""
    mean: Colours = IMAGENET[0]
    std: Colours = IMAGENET[1]
    pixels_from: PixelsFrom = "assumed"

    @property
    def pixels(self) -> str:
        """How it expects its pixels."""
        mean, std = (
            ", ".join(f"{value:.3g}" for value in three) for three in (self.mean, self.std)
        )
        return Sentence(PIXELS[self.pixels_from], mean=mean, std=std, layout=self.layout)

    def to_json(self) -> dict[str, Any]:
        """Plain values; what `import.json` holds, which is the same without the path."""
        return asdict(self) | {"path": str(self.path)}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Imported:
        """The record that `to_json` gave."""
        return cls(**record | {
            "path": Path(record["path"]),
            "facts": StartFacts(**record["facts"]),
            "mapped": tuple(Mapped(**_shaped(part)) for part in record["mapped"]),
            "resized": tuple(Resized(**table) for table in record["resized"]),
            "dropped": tuple(Dropped(**_shaped(part)) for part in record["dropped"]),
            "folded": tuple(record.get("folded", ())),
            "mean": tuple(record.get("mean", IMAGENET[0])),
            "std": tuple(record.get("std", IMAGENET[1])),
        })  # fmt: skip

    def mapped_rows(self, *, folded: bool) -> list[ImportRow]:
        """What was taken; folded, equal parts of all blocks take one row."""
        rows = []
        for is_block, group in groupby(
            self.mapped, key=lambda part: BLOCK.match(part.ours) is not None
        ):
            parts = list(group)
            if is_block and folded:
                theirs, ours = (
                    _span(*(BLOCK.sub(r"\1", name) for name in ends))
                    for ends in (
                        (parts[0].theirs, parts[-1].theirs),
                        (parts[0].ours, parts[-1].ours),
                    )
                )
                rows.append(ImportRow(theirs, ours, len(parts), None))
            else:
                rows += [ImportRow(part.theirs, part.ours, 1, part.shape) for part in parts]
        return rows

    def dropped_rows(self, *, folded: bool) -> list[ImportRow]:
        """What was left, by reason; folded, the parts of one reason take one row."""
        rows = []
        for why, group in groupby(sorted(self.dropped, key=_why), key=_why):
            parts = list(group)
            if folded and len(parts) > 1:
                rows.append(
                    ImportRow(_span(parts[0].name, parts[-1].name), "", len(parts), None, why)
                )
            else:
                rows += [ImportRow(part.name, "", 1, part.shape, why) for part in parts]
        return rows

    def others(self) -> list[str]:
        """Words for `--network` that would take another network of the same file."""
        names = [part.name for part in self.dropped if part.why == ANOTHER.format(name=part.name)]
        return list(dict.fromkeys(names))

    def to_text(self) -> str:
        """The listing for people: equal parts of all blocks, or dropped for one reason, share a line."""
        facts = self.facts
        blocks = counted(facts.depth, "blocks")
        if facts.heads is None:
            sizes = f"Width {facts.width}, {blocks} or stages, as timm builds it."
        else:
            heads = counted(facts.heads, "heads")
            sizes = f"Width {facts.width}, {blocks}, {heads} ({self.heads_from})."
        network = f"its network {self.network}" if self.network else "its only network"
        lines = [
            f"Read {self.source} ({self.layout}), {network}.",
            f"sha256 {self.sha256}",
            sizes,
            f"Views of {facts.image_size} px, patches of {facts.patch_size} px, {self._tokens()}.",
            self.pixels,
            "",
            f"Mapped ({counted(len(self.mapped), 'tensors')}):",
            *(
                f"  {row.theirs} -> {row.ours} {row.size or '(' + counted(row.parts, 'tensors') + ')'}"
                for row in self.mapped_rows(folded=True)
            ),
        ]
        if self.folded:
            lines.append("Folded:")
        lines += [f"  {said}" for said in self.folded]
        if self.resized:
            lines.append("Resized:")
        lines += [
            f"  {table.name}: {table.before} × {table.before} patches to {table.after} × {table.after}"
            for table in self.resized
        ]
        if self.dropped:
            lines.append(f"Dropped ({len(self.dropped)}):")
        lines += [
            f"  {row.theirs} {row.size if row.parts == 1 else f'({row.parts} parts)'}".rstrip()
            + f": {row.why}"
            for row in self.dropped_rows(folded=True)
        ]
        return "\n".join([*lines, "", f"Wrote {self.path}; the whole listing is in import.json."])

    def _tokens(self) -> str:
        registers, variant = self.facts.registers, self.facts.variant
        more = f"tokens: {self.facts.tokens}"
        more += f", {counted(registers, 'registers')}" if registers else ""
        return more if variant == "plain" else f"{more}, variant {variant}"


def _span(first: str, last: str) -> str:
    return first if first == last else f"{first} … {last}"


def _why(item: Dropped) -> str:
    return item.why


def _shaped(part: dict[str, Any]) -> dict[str, Any]:
    """The entry with its shape as a tuple, which JSON has not."""
    shape = part["shape"]
    return part | {"shape": None if shape is None else tuple(shape)}
