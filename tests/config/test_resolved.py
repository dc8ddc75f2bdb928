"""A config is resolved when no "auto" is left in it, and its type says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.resolved import as_frozen, as_resolved, open_settings
from sit_engine.config.schema import settings
from sit_engine.config.tree import ResolvedConfig, RunConfig
from sit_engine.errors import FileError
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run, write_settings
from tests.tiny import vit_of

FACTS = DataFacts(images=400, classes=4, median_side_px=40, labelled=400)
METHODS = ("sit", "sit2021", "mocov3", "finetune")
# Settings that came after the first runs, and what those did.
LATER = {
    "data.layout": "classes",
    "model.stem": "patch",
    "model.tokens": 1,
    "model.positions": "learned",
    "model.first_weights": "normal",
    "optim.schedule": "cosine",
    "optim.optimiser": "adamw",
    "compute.compile": "off",
    "compute.recompute": "off",
    "compute.parts": 1,
    "method.views.colours": "published",
    "method.corruption.views": "both",
}


def reads_as_numbers(config: ResolvedConfig) -> float:
    """What the type checker must let through, and what not: an ignore without need is an error."""
    return config.optim.epochs * config.model.image_size + vit_of(config).width


def is_no_number(config: RunConfig) -> float:
    """The same of settings that may be open."""
    return config.optim.epochs + 1  # type: ignore[operator]


def is_not_resolved(config: RunConfig) -> float:
    """Nor are they taken for resolved ones."""
    return reads_as_numbers(config)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_all_that_may_be_auto_is_known_and_resolved(method: str) -> None:
    config = build({"method": {"name": method}})
    still = list(open_settings(config))
    assert still == [item.path for item in settings(method) if item.default == "auto"]
    with pytest.raises(AssertionError, match=r"optim\.epochs"):
        as_resolved(config)
    found = resolve(config, FACTS, DeviceFacts()).config
    assert list(open_settings(found)) == []
    assert reads_as_numbers(found) > 0


def test_a_text_that_is_called_auto_is_none() -> None:
    config = build({"data": {"path_column": "auto", "include": ["auto"]}})
    assert not [path for path in open_settings(config) if path.startswith("data.p")]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Settings as they are frozen."""
    config = build({"data": {"folders": ["/images"], "label_column": "auto"}})
    made = create_run(tmp_path / "run", config)
    resolved = resolve(config, FACTS, DeviceFacts())
    write_settings(made, resolved.config, resolved.reasons, {})
    return made


def drop(run: Run, *paths: str) -> None:
    """As if there had been no such settings."""
    group, kept = "", []
    for line in run.config_file.read_text("utf-8").splitlines():
        group = line.strip("[]") + "." if line.startswith("[") else group
        if group + line.split(" = ")[0] not in paths:
            kept.append(line)
    run.config_file.write_text("\n".join(kept) + "\n", "utf-8")


def test_settings_from_before_there_was_a_choice_mean_what_was_done(run: Run) -> None:
    whole = run.config()
    drop(run, *LATER)
    assert set(open_settings(run.wanted())) == set(LATER)
    assert run.wanted().model.has_unsaid_tokens
    config = run.config()
    for path, meant in LATER.items():
        found: object = config
        for name in path.split("."):
            found = getattr(found, name)
        assert found == meant, path
    assert config.optim.learning_rate == whole.optim.learning_rate
    assert as_frozen(config) is config


@pytest.mark.parametrize("path", ["model.depth", "compute.threads", "method.momentum"])
def test_others_that_are_missing_are_damage(run: Run, path: str) -> None:
    drop(run, path)
    with pytest.raises(FileError, match="settings are missing in it"):
        run.config()
