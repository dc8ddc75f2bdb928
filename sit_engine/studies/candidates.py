"""What `tune` tries: the table of named differences to the default settings. Called by studies.tune."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sit_engine.config.build import build, merge
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.tree import ResolvedConfig, RunConfig
from sit_engine.errors import ConfigError
from sit_engine.records.studies.tuning import Candidate
from sit_engine.training.prepare import with_start

Change = Mapping[str, Any]


def _views(**values: object) -> Change:
    return {"method": {"views": values}}


def _blocks(kind: str, weight: float, **values: object) -> Change:
    return {"method": {"corruption": {"kind": kind, **values}, "reconstruction_weight": weight}}


def _contrast(loss: str, temperature: float) -> Change:
    return {"method": {"contrast_loss": loss, "temperature": temperature}}


def _variant(name: str) -> Callable[[ResolvedConfig], Change]:
    """Another network of the same family, where it has one of that name."""
    return lambda default: {"model": default.model.variants().get(name, {})}


TABLE: tuple[tuple[str, str, Change | Callable[[ResolvedConfig], Change]], ...] = (
    # Factor, name for people, and values or a function of the default's. What tends to matter most
    # comes first, one of each factor (of the colours one is the default) before others of it: where
    # time is short the last are left out.
    ("colours", "Keep the colours", _views(colours="weak")),
    ("colours", "Change the colours", _views(colours="published")),
    ("crop", "Larger crops", _views(crop_scale_min=0.6)),
    ("blocks", "Hide nothing", _blocks("none", 0.0)),
    ("loss", "Compare softer", _contrast("nt_xent", 0.2)),
    ("patch", "Smaller patches", _variant("finer")),
    ("network", "Wider network", _variant("wider")),
    ("loss", "Compare with a teacher", _contrast("info_nce", 0.2)),
    ("blocks", "Hide more of both views", _blocks(
        "gmml", 1.0, views="both", drop_share=0.5, replace_share=0.3)),
    ("crop", "Smaller crops", _views(crop_scale_min=0.08)),
    ("network", "Deeper network", _variant("deeper")),
    ("network", "Plain patches", _variant("published stem")),
)  # fmt: skip


def candidates(base: RunConfig, facts: DataFacts, device: DeviceFacts) -> tuple[Candidate, ...]:
    """The candidates of the table that differ from `base` and from each other once resolved.

    What cannot be had with `base` is left out: other sizes than those of weights that it starts from.
    """
    base, start = with_start(base)
    default = resolve(base, facts, device, start).config
    seen, found = [_learnt(default)], []
    for factor, name, change in TABLE:
        try:
            values = change(default) if callable(change) else change
            config = build(merge(base.model_dump(), values))
            learnt = _learnt(resolve(config, facts, device, start).config)
        except ConfigError:
            continue
        if learnt not in seen:
            seen.append(learnt)
            found.append(Candidate(name, factor, values))
    return tuple(found)


def _learnt(config: ResolvedConfig) -> dict[str, Any]:
    """What decides how a network learns, of resolved settings.

    Sizes of blocks count for nothing where none are hidden.
    """
    found = config.model_dump(include={"model", "method", "optim"})
    if found["method"].get("corruption", {}).get("kind") == "none":
        found["method"]["corruption"] = None
    return found
