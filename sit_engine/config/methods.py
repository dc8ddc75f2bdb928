"""The table of methods: a name to its options (no torch) and its networks, both loaded when needed.

A new method is a folder under `sit_engine/methods` and one line here. The entries are strings, so
that this floor imports nothing from the floors above (docs/adr/0002-method-table-in-config.md).
"""

from __future__ import annotations

import importlib
from typing import Any, ClassVar, Literal, NamedTuple, Never

from pydantic import SerializerFunctionWrapHandler, model_serializer

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.fields import AutoT, OpenOptions


class MethodEntry(NamedTuple):
    """Two "package:attribute" strings, and whether the method learns from labels."""

    options: str
    method: str
    needs_labels: bool = False


METHODS: dict[str, MethodEntry] = {
    "sit": MethodEntry(
        "sit_engine.methods.sit.options:SitOptions", "sit_engine.methods.sit.method:Sit"
    ),
    "sit2021": MethodEntry(
        "sit_engine.methods.sit.options2021:Sit2021Options", "sit_engine.methods.sit.method:Sit"
    ),
    "finetune": MethodEntry(
        "sit_engine.methods.finetune.options:FinetuneOptions",
        "sit_engine.methods.finetune.method:Finetune",
        needs_labels=True,
    ),
}


class Scale(NamedTuple):
    """What a method's own "auto" values depend on."""

    image_size: int
    patch_size: int
    width: int
    total_steps: int
    preset: str
    tokens: int = 1
    """Before the patches."""
    has_start: bool = False
    """Whether it starts from weights."""


class MethodOptions(OpenOptions[AutoT]):
    """Base of every method's options; `name` picks the method in a config."""

    name: ClassVar[str]
    features: Literal["teacher", "student"] = "student"

    @property
    def tokens(self) -> int | None:
        """How many tokens before the patches its tasks read; None: it takes any network."""
        return None

    @property
    def has_teacher(self) -> bool:
        """Whether a slow average of the student takes part."""
        return True

    @property
    def reads_cues(self) -> bool:
        """Whether one of its "auto" settings depends on what the labels live on."""
        return False

    def autos(self, facts: DataFacts) -> dict[str, tuple[object, str]]:
        """The method's own values for "auto" settings outside it, and why, by the settings' paths."""
        del facts
        return {}

    def resolve(
        self, scale: Scale, facts: DataFacts, device: DeviceFacts
    ) -> tuple[MethodOptions[Never], dict[str, str]]:
        """The options with every "auto" filled, and the reason for each by field path."""
        raise NotImplementedError

    @model_serializer(mode="wrap")
    def _with_name(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"name": self.name, **dump(self)}


def pretraining_methods() -> list[str]:
    """The methods that need no labels."""
    return [name for name, entry in METHODS.items() if not entry.needs_labels]


def load(target: str) -> Any:
    """The attribute that a "package:attribute" string names."""
    package, attribute = target.split(":")
    return getattr(importlib.import_module(package), attribute)
