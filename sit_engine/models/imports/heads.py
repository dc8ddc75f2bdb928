"""Heads of pretraining beside the backbone of a file, kept for runs of the same method."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from sit_engine.config.methods import METHODS, traits
from sit_engine.config.traits import ForeignHeads
from sit_engine.models.imports.networks import Contents, Part
from sit_engine.models.imports.plain_network import plain_tensor
from sit_engine.records.imported import Mapped


class Heads(NamedTuple):
    """The heads of one network of a file, by the names that their method has for them."""

    method: str
    tensors: dict[str, Tensor]
    sizes: dict[str, int]
    """By the method's settings."""
    mapped: tuple[Mapped, ...]
    names: frozenset[str]
    """What the file calls all of them, also what a method has no weights for."""


def find_heads(contents: Contents, file: Path) -> Heads | None:
    """The heads of the method whose authors' layout it is; None where they are not all there."""
    for method in METHODS:
        said = traits(method)
        if said.foreign_heads is None or said.foreign_heads.layout != contents.layout.name:
            continue
        parts = _renamed(contents, said.foreign_heads)
        tensors = {ours: plain_tensor(part.tensor, ours, file) for ours, part in parts.items()}
        ones = tensors.pop(said.foreign_heads.ones, torch.ones(1))
        if bool((ones != 1).any()) or not set(said.head_settings.values()) <= tensors.keys():
            return None
        return Heads(
            method,
            tensors,
            {name: tensors[part].shape[0] for name, part in said.head_settings.items()},
            tuple(Mapped(parts[ours].theirs, ours, tuple(t.shape)) for ours, t in tensors.items()),
            frozenset(part.theirs for part in parts.values()),
        )
    return None


def _renamed(contents: Contents, heads: ForeignHeads) -> dict[str, Part]:
    found = {}
    for name, part in contents.beside.items():
        for pattern, ours in heads.parts:
            match = re.fullmatch(pattern, name)
            if match:
                found[match.expand(ours)] = part
    return found
