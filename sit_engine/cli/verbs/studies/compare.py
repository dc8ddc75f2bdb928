"""`sit-engine compare`: several settings on one folder, under one budget, with the same seeds."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from sit_engine.cli.study_screen import StudyScreen, add_study_flags, with_flags
from sit_engine.cli.verbs.evaluate import absolute
from sit_engine.config.build import build
from sit_engine.config.methods import entrants
from sit_engine.config.presets import presets
from sit_engine.config.toml_file import read
from sit_engine.config.tree import RunConfig
from sit_engine.errors import ConfigError
from sit_engine.paths import display_name
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.comparison import Budget
from sit_engine.records.studies.comparison_text import to_text


def add_flags(parser: argparse.ArgumentParser, _: str) -> None:
    """Folder, settings, methods, where it is kept, the budget, seeds, test images."""
    parser.add_argument("folder", metavar="FOLDER", help="images, one sub-folder a class")
    parser.add_argument(
        "configs",
        nargs="*",
        metavar="CONFIG",
        help="TOML files of settings as `pretrain --config` takes them, or names of presets; the "
        "first is what the others are compared with",
    )
    parser.add_argument(
        "--methods",
        type=_listed,
        default=[],
        metavar="A,B,…",
        help="methods beside them, or alone, each with the settings that suit the images: "
        + ", ".join(entrants()),
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="the comparison's folder: runs and table; the same command again goes on",
    )
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--epochs", type=float, metavar="E", help="train every run so long")
    budget.add_argument("--images", type=float, metavar="N", help="or until it has seen so many")
    budget.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="or as many images as it sees in so long, by speeds that are measured turn about",
    )
    parser.add_argument(
        "--seeds", type=int, default=2, metavar="K", help="runs of each settings (default 2)"
    )
    parser.add_argument(
        "--shots", type=int, default=5, metavar="N", help="labels a class of few-shot (default 5)"
    )
    add_study_flags(parser)


def run(chosen: argparse.Namespace) -> int:
    """Train, measure and print the table; a signal checkpoints the run and leaves."""
    from sit_engine import api

    study = StudyScreen(chosen)
    out = chosen.out.expanduser().absolute()
    found = study.working(
        lambda: api.compare(
            CompareRequest(
                absolute(chosen.folder),
                _all(chosen),
                budget=_budget(chosen),
                seeds=chosen.seeds,
                test=tuple(absolute(folder) for folder in chosen.test),
                shots=chosen.shots,
                labels_file=chosen.labels_file and absolute(chosen.labels_file),
            ),
            out,
            emit=study.signals.on_event,
            make_control=study.signals.make_control,
            on_run=study.on_run,
            on_progress=study.on_progress,
        )
    )
    if found is None:
        return study.signals.exit_code
    print(json.dumps(found.to_json()) if chosen.json else to_text(found))
    return study.ended(is_complete=found.is_complete, last=f"The comparison is in {out}")


def _all(chosen: argparse.Namespace) -> dict[str, RunConfig]:
    """Files and presets, then methods."""
    found = named([Path(word).expanduser() for word in chosen.configs])
    for name, config in racing(chosen.methods).items():
        found[_free(name, found)] = config
    return {name: with_flags(config, chosen) for name, config in found.items()}


def _budget(chosen: argparse.Namespace) -> Budget:
    for unit in ("epochs", "images", "minutes"):
        amount = getattr(chosen, unit)
        if amount is not None:
            return Budget(unit, amount)
    raise AssertionError("argparse asks for one of them")


def named(files: list[Path]) -> dict[str, RunConfig]:
    """The settings by the stem of their file; of equal stems with the folder in front, or a number."""
    stems = Counter(file.stem for file in files)
    found: dict[str, RunConfig] = {}
    for file in files:
        is_preset = str(file) in presets() and not file.exists()
        if not is_preset and not file.exists():
            raise ConfigError(
                "compare.settings",
                "There is no file and no preset {name}.",
                "Presets are {presets}.",
                name=display_name(str(file)),
                presets=", ".join(presets()),
            )
        config = build({"preset": str(file)}) if is_preset else read(file)
        stem = file.stem
        if stems[stem] > 1 and not is_preset:
            stem = f"{file.absolute().parent.name}-{stem}"
        found[_free(stem, found)] = config
    return found


def _free(stem: str, found: Mapping[str, RunConfig]) -> str:
    name, number = stem, 2
    while name in found:
        name, number = f"{stem}-{number}", number + 1
    return name


def racing(names: list[str]) -> dict[str, RunConfig]:
    """Methods and their variants by name, with what "auto" finds for the images."""
    known = entrants()
    for name in names:
        if name not in known:
            raise ConfigError(
                "compare.unknown_method",
                "There is no method {name} to compare.",
                "Methods are {methods}.",
                name=display_name(name),
                methods=", ".join(known),
            )
    return {name: build({"method": known[name].values}) for name in names}


def _listed(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
