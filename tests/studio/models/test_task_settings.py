"""Recipes and tasks are settings like others: what a switch says is what file and command say."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from sit_engine.cli.main import parser
from sit_engine.cli.setting_flags import config_from
from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.toml_file import to_toml
from sit_engine.config.traits import Size
from sit_engine.config.tree import RunConfig
from sit_engine.methods.sit.options import SitOptions
from sit_studio.models.settings_model import SettingsModel
from sit_studio.models.task_settings import (
    LEARNED,
    TASKS,
    Task,
    is_learned,
    is_on,
    learned_text,
    weight_path,
    weight_text,
)

FACTS = DataFacts(images=500, classes=4, median_side_px=64)
DEVICE = DeviceFacts(kind="cpu", name="CPU", cores=2, memory_bytes=2**33, why_precision="?")


def of_recipe(recipe: str, size: Size = "standard") -> SettingsModel:
    model = SettingsModel()
    model.choose(size=size, recipe=recipe)
    return model


def switch(model: SettingsModel, task: Task, *, on: bool) -> None:
    model.set(weight_path(task), weight_text(model, task, on=on))


def learn(model: SettingsModel, task: Task, *, learned: bool) -> None:
    model.set(LEARNED, learned_text(model, task, learned=learned))


def options(model: SettingsModel) -> SitOptions:
    method = build(model.values()).method
    assert isinstance(method, SitOptions)
    return method


def command(model: SettingsModel) -> RunConfig:
    """What the copied command would train with."""
    words = shlex.split(model.command_line(("x",), "folders", None))
    chosen = parser("pretrain").parse_args(words[1:])
    return config_from(chosen, [], chosen.method)


@pytest.mark.parametrize(
    ("size", "recipe", "preset"),
    [
        ("quick", "sit", "quick"), ("standard", "sit", "standard"), ("paper", "sit", "paper-2022"),
        ("quick", "sit2021", "quick"), ("standard", "sit2021", "small-2021"),
        ("paper", "sit2021", "paper-2021"),
    ],
)  # fmt: skip
def test_a_size_and_a_recipe_are_a_preset_and_a_method(
    size: Size, recipe: str, preset: str
) -> None:
    model = of_recipe(recipe, size)
    config = build(model.values())
    assert (config.preset, config.method.name, model.size) == (preset, recipe, size)
    assert command(model) == config


def test_switches_start_as_the_recipe_has_them() -> None:
    old, new = of_recipe("sit2021"), of_recipe("sit")
    assert [is_on(new, task) for task in TASKS] == [True, False, True]
    assert not any(is_learned(new, task) for task in TASKS)
    assert all(is_on(old, task) and is_learned(old, task) for task in TASKS)


@pytest.mark.parametrize("recipe", ["sit", "sit2021"])
@pytest.mark.parametrize("task", TASKS)
def test_a_switch_and_back_leaves_no_word(recipe: str, task: Task) -> None:
    model = of_recipe(recipe)
    on, learned = is_on(model, task), is_learned(model, task)
    switch(model, task, on=not on)
    learn(model, task, learned=not learned)
    assert is_on(model, task) != on
    assert is_learned(model, task) != learned
    method = options(model)
    assert (task in method.learned_weights) != learned
    assert (getattr(method, f"{task}_weight") != 0) != on
    switch(model, task, on=on)
    learn(model, task, learned=learned)
    assert model.texts == {}


def test_the_list_of_learned_weights_can_be_emptied() -> None:
    model = of_recipe("sit2021")
    for task in TASKS:
        learn(model, task, learned=False)
    assert model.texts == {LEARNED: "none"}
    assert options(model).learned_weights == ()
    assert command(model) == build(model.values())


def test_another_recipe_brings_its_own_tasks_and_leaves_the_rest() -> None:
    model = of_recipe("sit2021")
    switch(model, "rotation", on=False)
    model.set("optim.epochs", "7")
    model.choose(size="paper")
    assert not is_on(model, "rotation")
    model.choose(recipe="sit")
    assert model.texts == {"optim.epochs": "7"}
    model.choose(recipe="sit2021")
    assert is_on(model, "rotation")


def test_one_task_off_is_the_same_from_form_file_run_and_command(tmp_path: Path) -> None:
    model = of_recipe("sit2021")
    switch(model, "reconstruction", on=False)
    learn(model, "contrast", learned=False)
    model.set("method.contrast_weight", "0.5")
    model.set("method.corruption.kind", "none")
    config = build(model.values())
    assert command(model) == config

    saved, frozen = tmp_path / "saved.toml", tmp_path / "config.toml"
    saved.write_text(model.to_toml(config))
    resolved = model.check(FACTS, DEVICE).resolved
    assert resolved is not None
    frozen.write_text(to_toml(resolved.config, resolved.reasons))
    for file, of_run in ((saved, False), (frozen, True)):
        again = SettingsModel()
        again.load(file, of_run=of_run)
        assert (again.preset, again.method) == ("small-2021", "sit2021")
        assert again.texts == model.texts
        assert command(again) == config


def test_a_recipe_over_another_preset_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('preset = "standard"\n[method]\nname = "sit2021"\nrotation_weight = 0\n')
    model = SettingsModel()
    model.load(file)
    assert (model.preset, model.method, model.size) == ("standard", "sit2021", "standard")
    assert model.texts == {"method.rotation_weight": "0"}
    assert command(model) == build(model.values())


def test_what_does_not_go_together_is_a_sentence() -> None:
    model = of_recipe("sit")
    for task in TASKS:
        switch(model, task, on=False)
    failure = model.check(FACTS, DEVICE).failure
    assert failure is not None
    assert failure.code == "config.no_loss"
    switch(model, "reconstruction", on=True)
    model.set("method.corruption.kind", "none")
    failure = model.check(FACTS, DEVICE).failure
    assert failure is not None
    assert failure.code == "config.nothing_corrupted"
