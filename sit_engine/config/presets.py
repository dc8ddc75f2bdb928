"""The presets: what they set beyond the defaults of the tree. A method may bring its own."""

from __future__ import annotations

from sit_engine.config.methods import METHODS, traits
from sit_engine.config.traits import Preset

QUICK_MINUTES = 2.5
GENERAL = {
    "quick": Preset(
        "a look in minutes",
        {"optim": {"minutes": QUICK_MINUTES}, "watch": {"readings": 10, "previews": 5}},
    ),
    "standard": Preset("scaled to your images and device; the default"),
}


def presets(*, needs_labels: bool | None = None) -> dict[str, Preset]:
    """All by name, or those for methods that need labels or none."""
    found = dict(GENERAL)
    for name, entry in METHODS.items():
        if needs_labels in (None, entry.needs_labels):
            found.update(traits(name).presets)
    return found
