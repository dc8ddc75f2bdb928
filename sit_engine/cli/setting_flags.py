"""Every setting of a run as a flag, made from the one declaration in config."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from sit_engine.config.backbones import DEFAULT_FAMILY
from sit_engine.config.build import build, family_of, from_dotted, merge
from sit_engine.config.families.found_network import is_place, read_network
from sit_engine.config.methods import needs_labels
from sit_engine.config.presets import presets
from sit_engine.config.schema import FAMILY, Setting, settings, titled_families
from sit_engine.config.toml_file import read_values
from sit_engine.config.tree import RunConfig
from sit_engine.errors import ConfigError

SKIPPED = ("preset", "data.folders", "method.classes")
BACKBONE = "model.backbone"
FILES = ("data.labels_file", "model.weights")
"""A file's name on the command line is what the file system has, and no text of a TOML file."""


def add_settings(parser: argparse.ArgumentParser, *methods: str) -> None:
    """--preset, --config and one flag for each setting of these methods, the first one's first."""
    known = presets(needs_labels=needs_labels(methods[0]))
    told = ", ".join(f"{name} ({preset.about})" for name, preset in known.items())
    parser.add_argument(
        "--preset",
        choices=list(known),
        help=f"where settings that you leave alone come from: {told}",
    )
    parser.add_argument(
        "--config", metavar="FILE", type=Path, help="a TOML file of settings; flags win over it"
    )
    added: set[str] = set()
    short: set[str] = set()
    for method in methods:
        # Settings of the run alone have no method's name in their heading.
        of_method = f" of {method}" if added else ""
        new = [item for item in settings(method) if item.path not in {*SKIPPED, *added}]
        leaves = Counter(_leaf(item) for item in settings(method))
        unique = {leaf for leaf, count in leaves.items() if count == 1} - short
        groups: dict[str, Any] = {}
        for item in new:
            section = item.path.rpartition(".")[0]
            if section not in groups:
                groups[section] = parser.add_argument_group(f"settings: {section}{of_method}")
            names = [f"--{item.path.replace('_', '-')}"]
            if _leaf(item) in unique:
                names.insert(0, f"--{_leaf(item).replace('_', '-')}")
            groups[section].add_argument(*names, dest=item.path, metavar="X", help=_help(item))
        added |= {item.path for item in new}
        short |= set(leaves)
    _add_families(parser, methods[0], short)


def _add_families(parser: argparse.ArgumentParser, method: str, short: set[str]) -> None:
    """The family of backbones, and what each but the usual one has besides."""
    titles = titled_families()
    named = "; ".join(f"{name}: {title}" for name, title in titles.items())
    group = parser.add_argument_group("settings: family of the backbone")
    group.add_argument(
        "--model.family", "--family", dest=FAMILY, choices=list(titles),
        help=f"its kind ({named}; default {DEFAULT_FAMILY}, or whose size --backbone names)",
    )  # fmt: skip
    known = {item.path: item for item in settings(method)}
    for family in titles:
        group = parser.add_argument_group(f"settings: model of {family}")
        for item in settings(method, family):
            same = known.get(item.path)
            if same is None:
                names = [f"--{item.path.replace('_', '-')}"]
                if _leaf(item) not in short:
                    names.insert(0, f"--{_leaf(item).replace('_', '-')}")
                group.add_argument(*names, dest=item.path, metavar="X", help=_help(item))
                known[item.path] = item
                short.add(_leaf(item))
            elif same.allowed != item.allowed:
                flag = next(a for a in parser._actions if a.dest == item.path)
                flag.help = f"{flag.help}; of {family}: {_help(item)}"


def _leaf(item: Setting) -> str:
    return item.path.rpartition(".")[2]


def _help(item: Setting) -> str:
    is_list = isinstance(item.default, tuple)
    default = (",".join(item.default) or "none") if is_list else item.default
    unit = f" [{item.unit}]" if item.unit else ""
    text = f"{item.help}{unit} ({item.allowed}; default {default})"
    return text.replace("%", "%%")


def _value(item: Setting, text: str) -> Any:
    """What a flag says, as a config file would."""
    if text == "none" and item.takes_none:
        return None
    if item.path in FILES:
        return Path(text)
    return text.split(",") if item.is_list else text


def config_from(chosen: argparse.Namespace, folders: list[Path], method: str | None) -> RunConfig:
    """The config that file and flags ask for; flags win. Without `method` that of file or preset."""
    values: dict[str, Any] = read_values(chosen.config) if chosen.config else {}
    values = _with_found(chosen, values)
    flags: dict[str, Any] = {}
    if method is None:
        plain = {"preset": chosen.preset} if chosen.preset else {}
        method = build(merge(values, plain)).method.name
    family = _family(chosen, values)
    known = {item.path: item for item in settings(method, family)}
    given = {path: text for path, text in vars(chosen).items() if "." in path and text is not None}
    others = given.keys() - known.keys() - {FAMILY}
    if others and (wrong := [path for path in sorted(others) if path.startswith("model.")]):
        raise ConfigError(
            "config.not_of_family",
            "The setting {field} is none of the family {family} of backbones.",
            "Leave it out, or choose another --model.family.",
            field=wrong[0],
            family=family,
        )
    if others:
        raise ConfigError(
            "config.not_of_method",
            "The setting {field} is none of the method {method}.",
            "Leave it out; `sit-engine config --method {method}` lists all settings.",
            field=sorted(others)[0],
            method=method,
        )
    for item in known.values():
        text = getattr(chosen, item.path, None)
        if text is not None:
            flags[item.path] = _value(item, text)
    if getattr(chosen, FAMILY, None) is not None:
        flags[FAMILY] = family
    tree = from_dotted(flags)
    if chosen.preset:
        tree["preset"] = chosen.preset
    tree.setdefault("method", {})["name"] = method
    if folders:
        tree.setdefault("data", {})["folders"] = folders
    return build(merge(values, tree))


def _with_found(chosen: argparse.Namespace, values: dict[str, Any]) -> dict[str, Any]:
    """The settings of the file with the network of a search, where --backbone names a folder or file."""
    word = getattr(chosen, BACKBONE, None)
    if word is None or not is_place(word):
        return values
    setattr(chosen, BACKBONE, None)
    return values | {"model": read_network(Path(word))}


def _family(chosen: argparse.Namespace, values: dict[str, Any]) -> str:
    """The family that flags name, or the file; a wrong word in a file is told when it is built."""
    model = values.get("model")
    own = {
        "family": getattr(chosen, FAMILY, None),
        "backbone": getattr(chosen, BACKBONE, None),
    }
    said = {name: word for name, word in own.items() if word is not None}
    if "family" in said:
        return str(said["family"])
    in_file = model if isinstance(model, dict) else {}
    family = family_of({**in_file, **said})
    return family if family in titled_families() else DEFAULT_FAMILY
