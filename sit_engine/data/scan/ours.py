"""Single files that this program writes, left beside somebody's images: they are counted as ours.

Whole folders of ours are told in data.folder.wanted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from sit_engine import own_files
from sit_engine.errors import FileError

# Of networks, whoever wrote them.
_WEIGHTS = (".safetensors", ".pt", ".pt2", ".pth", ".onnx", ".ckpt")
_SHEETS = ("reconstructions", "attention")
_ANSWERS = ".predictions.csv"
_HEAD_BYTES = 4096
_HEADS = {
    ".csv": re.compile(
        r"path,class,probability(,class_\d,probability_\d)*,problem\r?\n"
        r"|path,class,split,prediction\r?\n|path_a,path_b,cosine\r?\n|path,label,predicted,probability\r?\n"
    ),
    # All were called vision transformers at first.
    ".md": re.compile(
        r"# [^\n]+, step \d+\n\nA (network|vision transformer) (pretrained|finetuned) with"
    ),
    ".toml": re.compile(r'(#[^\n]*\n)*preset = "[\w-]+"'),
}


def ours_among(names: Collection[str]) -> set[str]:
    """The names, among those in one folder, of files that we wrote and of weights; none is opened."""
    return set(_ours_among(set(names)))


def _ours_among(names: set[str]) -> Iterator[str]:
    for name in names:
        lower = name.lower()
        if lower.endswith(_WEIGHTS):
            yield name
        if lower.endswith(_WEIGHTS) and f"{name}.md" in names:
            yield f"{name}.md"
        if lower.endswith(_ANSWERS):
            stem = name[: -len(_ANSWERS)]
            yield from names & {name, f"{stem}.json", f"{stem}.html"}
    for sheet in _SHEETS:
        # The picture is a file of ours only beside the numbers that it was drawn from.
        if f"{sheet}.npz" in names:
            yield from names & {f"{sheet}.npz", f"{sheet}.png"}


def is_our_text(path: str) -> bool:
    """Whether a file that is no image is a table, card or settings file of ours, by how it begins."""
    head = _HEADS.get(Path(path).suffix.lower())
    if head is None:
        return False
    try:
        with own_files.open_regular(Path(path)) as file:
            text = file.read(_HEAD_BYTES).decode("utf-8-sig", "replace")
    except (FileError, OSError):
        return False
    return head.match(text) is not None
