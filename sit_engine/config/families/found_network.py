"""A network that a search found, as a file of settings in the search's folder; loads no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sit_engine.config.backbones import FAMILIES
from sit_engine.config.families.network_shape import NetworkShape
from sit_engine.config.families.searched import FAMILY, as_settings
from sit_engine.config.methods import load
from sit_engine.config.toml_file import read_values, text_of
from sit_engine.errors import ConfigError
from sit_engine.paths import display_name

NETWORK = "network.toml"


def is_place(word: str) -> bool:
    """Whether a word for a backbone is a place on disk, and no size."""
    is_size = word in ("auto", "custom") or any(
        word in load(entry.options).sizes for entry in FAMILIES.values()
    )
    return not is_size and (
        "/" in word or "\\" in word or word.endswith(".toml") or Path(word).exists()
    )


def network_text(shape: NetworkShape, image_size: int) -> str:
    """The file's text: settings as `--config` takes them too."""
    return text_of({"model": as_settings(shape, image_size)})


def read_network(path: Path) -> dict[str, Any]:
    """The settings `model` of a search's folder or of its file; what is none is a sentence."""
    file = path / NETWORK if path.is_dir() else path
    if path.is_dir() and not file.exists():
        raise ConfigError(
            "config.no_network",
            "The folder {path} holds no network that a search found.",
            "Give the folder of `sit-engine search`, once it has found one, or its {name}.",
            path=display_name(str(path)),
            name=NETWORK,
        )
    found = read_values(file).get("model")
    if not isinstance(found, dict) or found.get("family") != FAMILY:
        raise ConfigError(
            "config.other_network",
            "The file {path} says no network of the family {family}.",
            "Give the folder of `sit-engine search`, or its {name}.",
            path=display_name(str(file)),
            family=FAMILY,
            name=NETWORK,
        )
    return found
