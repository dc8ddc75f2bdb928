"""From what a user wrote (file, flags, form) over a preset to a validated config, or a sentence."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from sit_engine.config.backbones import DEFAULT_FAMILY, FAMILIES
from sit_engine.config.fields import Options
from sit_engine.config.methods import DEFAULT_METHOD, METHODS, load
from sit_engine.config.presets import presets
from sit_engine.config.schema import settings
from sit_engine.config.tree import RunConfig
from sit_engine.errors import ConfigError


def build(user: Mapping[str, Any]) -> RunConfig:
    """The preset's values, the user's over them, checked; nothing is resolved yet."""
    preset = user.get("preset", RunConfig.model_fields["preset"].default)
    known = presets()
    if not isinstance(preset, str) or preset not in known:
        raise ConfigError(
            "config.preset",
            "There is no preset {value}.",
            "Choose from {allowed}.",
            value=preset,
            allowed=", ".join(known),
        )
    base = _of_family(_of_method(known[preset].values, user), user)
    values = merge(_without_other_length(base, user), user)
    method = values.pop("method", {})
    options = _method(method if isinstance(method, dict) else {"name": method})
    model = values.pop("model", {})
    backbone = _backbone(model) if isinstance(model, Mapping) else model
    whole = values | {"method": options, "model": backbone}
    config = _checked(RunConfig, whole, "", options.name)
    assert isinstance(config, RunConfig)
    check_together(config)
    return config


def _of_method(preset: Mapping[str, Any], user: Mapping[str, Any]) -> dict[str, Any]:
    """The preset, without what it sets of another method than the user's."""
    method = user.get("method")
    name = method.get("name") if isinstance(method, Mapping) else method
    if name is None or name == preset.get("method", {}).get("name"):
        return dict(preset)
    return {key: value for key, value in preset.items() if key != "method"}


def _of_family(preset: dict[str, Any], user: Mapping[str, Any]) -> dict[str, Any]:
    """The preset, without what it sets of another family of backbones than the user's."""
    model = user.get("model")
    family = family_of(model) if isinstance(model, Mapping) else DEFAULT_FAMILY
    if family == preset.get("model", {}).get("family", DEFAULT_FAMILY):
        return preset
    return {key: value for key, value in preset.items() if key != "model"}


def family_of(model: Mapping[str, Any]) -> Any:
    """The family of backbones that is named, or whose size `backbone` is."""
    size = model.get("backbone")
    by_size = next(
        (name for name, entry in FAMILIES.items() if size in load(entry.options).sizes),
        DEFAULT_FAMILY,
    )
    return model.get("family", by_size)


def _without_other_length(preset: dict[str, Any], user: Mapping[str, Any]) -> dict[str, Any]:
    """The user's epochs take the preset's minutes away, and the user's minutes its epochs."""
    optim = user.get("optim", {})
    given = set(optim) if isinstance(optim, Mapping) else set()
    dropped = {"minutes"} if "epochs" in given else {"epochs"} if "minutes" in given else set()
    kept = {name: value for name, value in preset.get("optim", {}).items() if name not in dropped}
    return preset | {"optim": kept}


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` wins; tables are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def from_dotted(pairs: Mapping[str, Any]) -> dict[str, Any]:
    """{"optim.epochs": 5} becomes {"optim": {"epochs": 5}}."""
    tree: dict[str, Any] = {}
    for path, value in pairs.items():
        *groups, leaf = path.split(".")
        here = tree
        for group in groups:
            here = here.setdefault(group, {})
        here[leaf] = value
    return tree


def _method(values: dict[str, Any]) -> Any:
    fields = dict(values)
    name = fields.pop("name", DEFAULT_METHOD)
    if not isinstance(name, str) or name not in METHODS:
        raise ConfigError(
            "config.method",
            "There is no method {value}.",
            "Choose from {allowed}.",
            value=name,
            allowed=", ".join(METHODS),
        )
    return _checked(load(METHODS[name].options), fields, "method.", name)


def _backbone(values: Mapping[str, Any]) -> Any:
    fields, family = dict(values), family_of(values)
    fields.pop("family", None)
    if not isinstance(family, str) or family not in FAMILIES:
        raise ConfigError(
            "config.family",
            "There is no family of backbones {value}.",
            "Choose from {allowed}.",
            value=family,
            allowed=", ".join(FAMILIES),
        )
    return _checked(load(FAMILIES[family].options), fields, "model.", DEFAULT_METHOD, family)


def _checked(
    model: type[Options],
    values: dict[str, Any],
    prefix: str,
    method: str,
    family: str = DEFAULT_FAMILY,
) -> Options:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
    path = prefix + ".".join(str(part) for part in first["loc"])
    known = {item.path: item for item in settings(method, family)}
    item = next((known[key] for key in known if path == key or path.startswith(f"{key}.")), None)
    group = next((key for key in known if key.startswith(f"{path}.")), None)
    if item is None and group is not None:
        raise ConfigError(
            "config.group",
            "The setting {field} cannot be {value}; it is a group of settings.",
            "Write for example {example} = {default}.",
            field=path, value=_shown(values, path.removeprefix(prefix)),
            example=group, default=known[group].default,
        )  # fmt: skip
    if item is None:
        near = difflib.get_close_matches(path, list(known), n=1, cutoff=0.4)
        raise ConfigError(
            "config.unknown",
            "There is no setting {field}.",
            "Did you mean {near}?" if near else "`sit-engine config` lists all settings.",
            field=path,
            near=near[0] if near else "",
        )
    raise ConfigError(
        "config.value", "The setting {field} cannot be {value}; allowed: {allowed}.",  "{title}: {help}",
        field=item.path, value=_shown(values, path.removeprefix(prefix)), allowed=item.allowed,
        title=item.title, help=item.help,
    )  # fmt: skip


def _shown(values: Mapping[str, Any], path: str) -> str:
    here: Any = values
    for part in path.split("."):
        if not isinstance(here, Mapping) or part not in here:
            break
        here = here[part]
    return repr(here)


def check_labels(labels: str, labels_file: object) -> None:
    """Labels from a CSV need the file's name; asked by scan too, which knows no config."""
    if labels == "csv" and not labels_file:
        raise ConfigError(
            "config.labels_file",
            "Labels are to come from a CSV file, but no file is named.",
            "Set data.labels_file to a CSV file with the columns path and label.",
        )


def check_together(config: RunConfig, *, is_resolved: bool = False) -> None:
    """Rules that need two settings at once; "auto" values are chosen to satisfy them."""
    model, optim = config.model, config.optim
    check_labels(config.data.labels, config.data.labels_file)
    if optim.minutes is not None and isinstance(optim.epochs, float) and not is_resolved:
        raise ConfigError(
            "config.length",
            "Both optim.epochs and optim.minutes are set.",
            "Leave one of them out.",
        )
    weights = [value for name, value in config.method if name.endswith("_weight")]
    if weights and all(value == 0 for value in weights):
        raise ConfigError(
            "config.no_loss",
            "Every loss of the method {method} is switched off: there is nothing to learn from.",
            "Give one of its weights a value above 0.",
            method=config.method.name,
        )
    pairs = [
        *(
            (f"model.{part}", getattr(model, part), f"model.{whole}", getattr(model, whole))
            for part, whole in model.divisions
        ),
        ("compute.parts", config.compute.parts, "optim.batch_size", optim.batch_size),
    ]
    for field, value, whole_field, whole in pairs:
        if isinstance(value, int) and isinstance(whole, int) and whole % value:
            raise ConfigError(
                "config.divide",
                "The setting {field} = {value} does not divide {whole_field} = {whole}.",
                "Choose one of {choices}.",
                field=field,
                value=value,
                whole_field=whole_field,
                whole=whole,
                choices=", ".join(str(n) for n in range(1, whole + 1) if whole % n == 0),
            )
    views = getattr(config.method, "views", None)
    for low, high in (("crop_scale_min", "crop_scale_max"), ("blur_radius_min", "blur_radius_max")):
        if views is None or "auto" in (getattr(views, low), getattr(views, high)):
            continue
        if getattr(views, low) > getattr(views, high):
            raise ConfigError(
                "config.order",
                "The setting method.views.{low} is above method.views.{high}.",
                "Swap the two or raise the second.",
                low=low,
                high=high,
            )
