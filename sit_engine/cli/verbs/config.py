"""`sit-engine config`: a config file with every setting, to keep, edit and give to --config."""

from __future__ import annotations

import argparse
import json

from sit_engine.cli.setting_flags import add_settings, config_from
from sit_engine.config.methods import METHODS
from sit_engine.config.schema import settings
from sit_engine.config.toml_file import to_toml


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """--method, and every setting of every method."""
    parser.usage = "%(prog)s [--method M] [--preset P] [--SETTING X ...]"
    parser.add_argument("--method", choices=list(METHODS), help="whose settings")
    add_settings(parser, *METHODS)


def run(chosen: argparse.Namespace) -> int:
    """Print TOML; what each setting means stands behind it."""
    config = config_from(chosen, [], chosen.method)
    helps = {item.path: item.help for item in settings(config.method.name, config.model.family)}
    if chosen.json:
        print(json.dumps(config.model_dump()))
    else:
        print(to_toml(config, helps), end="")
    return 0
