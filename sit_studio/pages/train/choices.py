"""What was chosen on the Train page, kept for the next start; Qt-free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sit_engine.config.methods import METHODS, needs_labels, traits
from sit_engine.config.schema import FAMILY
from sit_studio.models.settings_model import Kind, SettingsModel


def written(kind: Kind, models: Mapping[Kind, SettingsModel]) -> str:
    """The form in front and what each form holds, as one line of JSON."""
    forms = {
        name: {"preset": model.preset, "method": model.method, "texts": model.texts}
        for name, model in models.items()
    }
    return json.dumps({"kind": kind, "forms": forms})


def recall(text: str, models: Mapping[Kind, SettingsModel]) -> Kind | None:
    """Fill the forms, but for what makes no sense to this version; gives the one that was in front."""
    try:
        kept = json.loads(text)
        front = kept["kind"]
        for name, model in models.items():
            _fill(model, kept["forms"][name])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return front if front in models else None


def _fill(model: SettingsModel, kept: Mapping[str, Any]) -> None:
    preset, method = kept["preset"], kept["method"]
    is_known = method in METHODS and needs_labels(method) == needs_labels(model.method)
    if is_known and preset in traits(method).sizes.values():
        model.preset, model.method = preset, method
    texts = dict(kept["texts"])
    model.texts = {FAMILY: family} if type(family := texts.get(FAMILY)) is str else {}
    # Weights to start from are proposed anew: those of then may be gone.
    known = {item.path for item in model.settings()}
    model.aside = {}
    model.texts = {
        path: text for path, text in texts.items() if path in known and type(text) is str
    }
