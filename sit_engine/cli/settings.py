"""Every setting of a run as a flag, made from the one declaration in config."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from sit_engine.config.build import build, from_dotted, merge
from sit_engine.config.files import read_values
from sit_engine.config.methods import METHODS
from sit_engine.config.schema import Setting, settings
from sit_engine.config.tree import RunConfig

SKIPPED = ("preset", "data.folders")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """--preset, --config, --method and one flag for each setting of the method."""
    parser.add_argument(
        "--preset",
        choices=["quick", "standard", "paper-2022"],
        help="where settings that you leave alone come from: quick (a look in minutes), standard "
        "(scaled to your images and device; the default) or paper-2022 (the published recipe)",
    )
    parser.add_argument(
        "--config", metavar="FILE", type=Path, help="a TOML file of settings; flags win over it"
    )
    parser.add_argument("--method", choices=list(METHODS), help="the self-supervised method")
    groups: dict[str, Any] = {}
    leaves = Counter(item.path.rpartition(".")[2] for item in settings())
    for item in settings():
        if item.path in SKIPPED:
            continue
        section = item.path.rpartition(".")[0]
        if section not in groups:
            groups[section] = parser.add_argument_group(f"settings: {section}")
        leaf = item.path.rpartition(".")[2]
        names = [f"--{item.path.replace('_', '-')}"]
        if leaves[leaf] == 1:
            names.insert(0, f"--{leaf.replace('_', '-')}")
        groups[section].add_argument(*names, dest=item.path, metavar="X", help=_help(item))


def _help(item: Setting) -> str:
    default = ",".join(item.default) if isinstance(item.default, tuple) else item.default
    unit = f" [{item.unit}]" if item.unit else ""
    text = f"{item.help}{unit} ({item.allowed}; default {default})"
    return text.replace("%", "%%")


def config_from(chosen: argparse.Namespace, folders: list[str]) -> RunConfig:
    """The config that file and flags ask for; flags win."""
    values: dict[str, Any] = read_values(chosen.config) if chosen.config else {}
    flags: dict[str, Any] = {}
    for item in settings(chosen.method or "sit"):
        text = getattr(chosen, item.path, None)
        if text is not None:
            is_none = text == "none" and item.takes_none
            flags[item.path] = None if is_none else text.split(",") if item.is_list else text
    tree = from_dotted(flags)
    if chosen.preset:
        tree["preset"] = chosen.preset
    if chosen.method:
        tree.setdefault("method", {})["name"] = chosen.method
    if folders:
        tree.setdefault("data", {})["folders"] = folders
    return build(merge(values, tree))
