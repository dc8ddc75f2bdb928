"""`sit-engine config`: a config file with every setting, to keep, edit and give to --config."""

from __future__ import annotations

import argparse
import json

from sit_engine.cli.settings import add_settings, config_from
from sit_engine.config.files import to_toml
from sit_engine.config.schema import settings


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """Every setting."""
    parser.usage = "%(prog)s [--preset P] [--SETTING X ...]"
    add_settings(parser)


def run(chosen: argparse.Namespace) -> int:
    """Print TOML; what each setting means stands behind it."""
    config = config_from(chosen, [])
    if chosen.json:
        print(json.dumps(config.model_dump()))
    else:
        print(to_toml(config, {item.path: item.help for item in settings()}), end="")
    return 0
