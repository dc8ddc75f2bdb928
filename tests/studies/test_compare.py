"""Settings side by side: real tiny runs, measured, kept, gone on with, refused where they differ."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest

from sit_engine import api
from sit_engine.config.build import merge
from sit_engine.config.tree import RunConfig
from sit_engine.errors import SitError
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.jobs.labelled import load_held_out
from sit_engine.records.event_log import read_events
from sit_engine.records.events import Event, StepReported, Warned
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.comparison import MEASURES, Budget, Comparison, Gap, Line, Pace
from sit_engine.records.studies.comparison_text import AS_TOLD, to_text
from sit_engine.studies import paces
from sit_engine.studies.cells import Cell
from sit_engine.studies.plan import Plan, held, plan, read_paces
from tests.tiny import paths_of, tiny_config

SEEDS = (0, 1)
BUDGET = Budget("images", 64)


def settings(**more: Any) -> RunConfig:
    """Tiny settings that name no folder."""
    small: dict[str, Any] = {
        "watch": {"readings": 0, "previews": 0},
        "data": {"folders": [], "watch_share": 0.25},
        "optim": {"batch_size": 8, "learning_rate": 0.1},
    }
    return tiny_config(Path("unused"), **merge(small, more))


# Twice the same, but for the images that they name, which are told of and not used.
CONFIGS = {"all": settings(), "same": settings(data={"folders": ["elsewhere"]})}


@dataclass(frozen=True)
class Done:
    """A whole comparison: where it is and what was asked, found and told."""

    folder: Path
    test: Path
    out: Path
    found: Comparison
    names: list[str]
    events: list[Event]

    def again(self, **change: Any) -> tuple[Comparison, list[str], list[Event]]:
        """The same call, or one with a change."""
        asked: dict[str, Any] = {"test": [str(self.test)], "shots": 2} | change
        return compare(self.folder, self.out, **asked)


def compare(
    folder: Path,
    out: Path,
    configs: Mapping[str, RunConfig] = CONFIGS,
    *,
    budget: Budget = BUDGET,
    **more: Any,
) -> tuple[Comparison, list[str], list[Event]]:
    """The table, the names of the runs that trained, and the events."""
    names: list[str] = []
    events: list[Event] = []
    more["test"] = tuple(more.get("test", ()))
    found = api.compare(
        CompareRequest(str(folder), configs, budget=budget, **more),
        out,
        emit=events.append,
        on_run=lambda name, number, total: names.append(name),
    )
    return found, names, events


@pytest.fixture(scope="module")
def done(few: Path, sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Two classes (more make probes slow), every image of one of them twice, and a leak."""
    base = tmp_path_factory.mktemp("compared")
    folder, test, out = base / "train", base / "test", base / "out"
    for name in ("cat", "moon"):
        shutil.copytree(few / name, folder / name)
        shutil.copytree(sample[1] / name, test / name)
    for path in sorted((folder / "moon").iterdir()):
        shutil.copy(path, path.with_name(f"copy-{path.name}"))
    shutil.copy(folder / "cat" / "000.png", test / "cat" / "leak.png")
    return Done(folder, test, out, *compare(folder, out, test=[str(test)], shots=2))


def line(found: Comparison, name: str) -> Line:
    """The row of that name."""
    return next(line for line in found.lines if line.name == name)


def cell(out: Path, kind: str, name: str, seed: int) -> Cell:
    """What was measured of a network."""
    return Cell.read(out / "cells" / kind / f"{name}-seed{seed}.npz")


def times(out: Path) -> dict[str, int]:
    """When each file of the runs and cells was last written."""
    files = [*(out / "runs").rglob("*"), *(out / "cells").rglob("*")]
    return {str(path): path.stat().st_mtime_ns for path in files}


def test_every_settings_has_a_run_of_each_seed_in_turn(done: Done) -> None:
    assert done.names == [f"{name}-seed{seed}" for seed in SEEDS for name in CONFIGS]
    for name in done.names:
        config = open_run(done.out / "runs" / name).config()
        assert config.data.folders == (str(done.folder),)
        assert name.endswith(f"seed{config.compute.seed}")
    assert done.found.is_complete
    assert [(run.run, run.is_whole) for run in done.found.runs] == [
        (f"runs/{name}", True) for name in done.names
    ]
    assert all(run.images == 64 and run.minutes > 0 for run in done.found.runs)
    warned = [event for event in done.events if isinstance(event, Warned)]
    assert [(event.code, event.values["name"]) for event in warned] == [("compare.data", "same")]


def test_the_table_is_whole_and_reads_back(done: Done) -> None:
    assert [(line.name, line.kind) for line in done.found.lines] == [
        ("all", "config"), ("same", "config"),
        ("untrained all", "untrained"), ("untrained same", "untrained"),
        ("raw pixels", "raw pixels"),
    ]  # fmt: skip
    for row in done.found.lines:
        assert tuple(row.figures) == MEASURES
        assert all(figure.seeds == 2 for figure in row.figures.values())
        assert all((f.gap is None) == (row.name == "all") for f in row.figures.values())
    record = json.loads((done.out / "comparison.json").read_text("utf-8"))
    assert Comparison.from_json(record) == done.found
    text = to_text(done.found)
    assert all(row.name in text for row in done.found.lines)
    assert "incomplete" not in text


def test_the_best_is_the_one_with_most_right_and_ahead_of_the_others_by_its_gap(done: Done) -> None:
    best = done.found.best
    assert best is not None
    right = {name: line(done.found, name).figures["knn"] for name in CONFIGS}
    assert best.accuracy == max(figure.accuracy for figure in right.values())
    # Alike in every answer: the first stands.
    assert best.name == "all"
    assert best.gaps["same"] == Gap(0, 0, 0)
    assert set(best.gaps) == {row.name for row in done.found.lines} - {"all"}
    raw = line(done.found, "raw pixels").figures["knn"].gap
    assert raw is not None
    assert best.gaps["raw pixels"].mean == pytest.approx(-raw.mean)
    assert "None is ahead beyond chance" in to_text(done.found)


def test_speed_is_as_the_runs_told_where_none_was_measured_first(done: Done) -> None:
    told = [
        event.images_per_s
        for event, _ in read_events(Run(done.out / "runs" / "all-seed0"))
        if isinstance(event, StepReported)
    ]
    run = next(run for run in done.found.runs if (run.config, run.seed) == ("all", 0))
    # On a CPU the process holds what other runs left too.
    assert (run.images_per_s, run.memory_bytes) == (median(told), 0)
    speed = done.found.speed(line(done.found, "all"))
    assert speed is not None
    of_seeds = [run.images_per_s for run in done.found.runs if run.config == "all"]
    assert speed.images_per_s == pytest.approx(sum(of_seeds) / len(of_seeds))
    assert done.found.speed(line(done.found, "raw pixels")) is None
    assert f"{speed.images_per_s:,.0f}" in to_text(done.found)
    assert AS_TOLD in to_text(done.found)


def test_figures_are_means_over_seeds_of_the_cells(done: Done) -> None:
    first = [cell(done.out, "trained", "all", seed) for seed in SEEDS]
    for row, kind, name in (
        ("untrained all", "untrained", "all"), ("raw pixels", "raw-pixels", "16px"),
    ):  # fmt: skip
        cells = [cell(done.out, kind, name, seed) for seed in SEEDS]
        for measure in MEASURES:
            figure = line(done.found, row).figures[measure]
            means = [float(getattr(each, measure).mean()) for each in cells]
            theirs = [float(getattr(each, measure).mean()) for each in first]
            assert figure.accuracy == pytest.approx(np.mean(means))
            assert figure.gap is not None
            assert figure.gap.mean == pytest.approx(np.mean(means) - np.mean(theirs))
            assert figure.gap.low <= figure.gap.mean <= figure.gap.high


def test_the_same_settings_twice_differ_by_nothing(done: Done) -> None:
    for figure in line(done.found, "same").figures.values():
        assert figure.gap is not None
        assert (figure.gap.mean, figure.gap.low, figure.gap.high) == (0, 0, 0)


def test_figures_are_those_of_evaluate(done: Done) -> None:
    report, _ = api.evaluate(
        done.out / "runs" / "all-seed1",
        EvaluateRequest(train=[str(done.folder)], test=[str(done.test)]),
    )
    assert (done.found.train_images, done.found.test_images) == (report.train_images, 8)
    assert done.found.left_out == str(report.left_out) != ""
    rows = {row.kind if row.shots in (None, 2) else "": row for row in report.rows}
    trained, untrained = (
        line(done.found, name).figures["few_shot"].accuracy for name in ("all", "untrained all")
    )
    assert trained != untrained
    for measure, kind in zip(MEASURES, ("knn", "linear", "few-shot"), strict=True):
        for place, name, column in (
            ("trained", "all", "pretrained"), ("untrained", "all", "untrained"),
            ("raw-pixels", "16px", "raw pixels"),
        ):  # fmt: skip
            ours = getattr(cell(done.out, place, name, 1), measure).mean()
            assert ours == pytest.approx(rows[kind].scores[column].accuracy)


def test_a_seed_splits_alike_for_all_settings_and_another_seed_otherwise(done: Done) -> None:
    splits = {name: Run(done.out / "runs" / name).split()["watch"] for name in done.names}
    assert splits["all-seed0"] == splits["same-seed0"] != splits["all-seed1"]
    assert splits["all-seed1"] == splits["same-seed1"]
    assert len(splits["all-seed0"]) == 9


def test_a_held_out_copy_of_a_training_image_is_not_asked(done: Done) -> None:
    """Without a test folder those that a run held out are asked."""
    run = open_run(done.out / "runs" / "all-seed0")
    given = load_held_out(run, None)
    folders, split = run.config().data.folders, run.split()
    read = {part: paths_of(folders, split[part]) for part in ("train", "watch")}
    known = {Path(path).read_bytes() for path in read["train"]}
    asked = [path for path in read["watch"] if Path(path).read_bytes() not in known]
    assert list(given.train.paths) == read["train"]
    assert list(given.test.paths) == asked
    assert given.left_out.in_train == len(read["watch"]) - len(asked) > 0
    for part in (given.train, given.test):
        names = [given.classes[label] for label in part.labels]
        assert names == [Path(path).parent.name for path in part.paths]


def test_the_same_call_again_trains_and_measures_nothing(done: Done) -> None:
    before = times(done.out)
    found, names, events = done.again()
    assert (found, names) == (done.found, [])
    assert [type(event) for event in events] == [Warned]
    assert times(done.out) == before


def test_seeds_can_be_added_while_the_images_are_the_same(done: Done, tmp_path: Path) -> None:
    out = shutil.copytree(done.out, tmp_path / "out")
    asked: dict[str, Any] = {"test": [str(done.test)], "shots": 2, "seeds": 3}
    for folder in (done.folder, done.test):
        new = Path(shutil.copy(folder / "moon" / "000.png", folder / "moon" / "new.png"))
        with pytest.raises(SitError, match="came or went") as caught:
            compare(done.folder, out, **asked)
        assert caught.value.code == "compare.images"
        new.unlink()
    found, names, _ = compare(done.folder, out, **asked)
    assert names == [f"{name}-seed2" for name in CONFIGS]
    assert (found.seeds, found.is_complete) == (3, True)


def test_a_lost_cell_is_measured_again(done: Done) -> None:
    (done.out / "cells" / "trained" / "same-seed1.npz").unlink()
    assert done.again()[:2] == (done.found, [])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"budget": Budget("epochs", 2)}, "budget"),
        ({"seeds": 1}, "seeds"),
        ({"shots": 5}, "shots"),
        ({"test": []}, "test"),
        ({"configs": {**CONFIGS, "same": settings(optim={"learning_rate": 0.1})}}, "settings"),
        ({"configs": dict(reversed(CONFIGS.items()))}, "settings"),
    ],
)
def test_another_question_to_the_same_folder_is_refused(
    done: Done, change: dict[str, Any], what: str
) -> None:
    before = times(done.out)
    with pytest.raises(SitError, match=f"asked for with other {what}") as found:
        done.again(**change)
    assert found.value.exit_code == 2
    assert times(done.out) == before


def test_a_budget_is_the_same_for_every_batch_size(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paces, "ROUND_S", 0.0)
    configs = {"a": settings(), "b": settings(optim={"batch_size": 10})}
    lengths = {}
    for budget in (BUDGET, Budget("minutes", 3), Budget("epochs", 7)):
        asked = CompareRequest(str(done.folder), configs, budget)
        where = tmp_path / "out"
        made = plan(asked, where, lambda _: None, lambda *_: None, is_new=True)
        lengths[budget.unit] = [(c.optim.epochs, c.optim.minutes) for c in made.configs.values()]
        if budget.unit == "minutes":
            in_minutes = made
    # 27 images train: 24 in whole batches of 8, 20 in whole batches of 10.
    assert lengths["images"] == [(64 / 24, None), (64 / 20, None)]
    assert lengths["epochs"] == [(7, None), (7, None)]
    measured = read_paces(in_minutes.frozen)
    assert list(measured) == ["a", "b"]
    for (epochs, minutes), whole, pace in zip(
        lengths["minutes"], (24, 20), measured.values(), strict=True
    ):
        assert epochs == pytest.approx(180 * pace.images_per_s / whole)
        assert minutes is None
    assert {pace.image_size for pace in measured.values()} == {16}


def test_minutes_are_those_of_the_speeds_that_were_measured_first(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever goes on, under whatever load, trains as long as was planned."""
    asked = CompareRequest(str(done.folder), CONFIGS, Budget("minutes", 3))
    out = tmp_path / "out"
    rates = dict(zip(CONFIGS, (200.0, 100.0), strict=True))
    measured = {name: Pace(rate, 1, 16) for name, rate in rates.items()}
    monkeypatch.setattr("sit_engine.studies.plan.measure_paces", lambda *_: measured)

    def planned() -> Plan:
        return plan(asked, out, lambda _: None, lambda *_: None, is_new=True)

    first = planned()
    with held(asked, out, first.frozen):
        monkeypatch.setattr("sit_engine.studies.plan.measure_paces", None)
        again = planned()
    assert again.configs == first.configs
    assert [config.optim.epochs for config in again.configs.values()] == [1500, 750]
    assert [config.model.image_size for config in again.configs.values()] == [16, 16]


def test_a_moved_comparison_ends_with_a_sentence_and_goes_on_where_it_is(
    done: Done, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"

    def move(event: Event) -> None:
        if isinstance(event, StepReported) and old.exists():
            old.rename(new)

    asked: dict[str, Any] = {"test": (str(done.test),), "shots": 2, "budget": BUDGET}
    with pytest.raises(SitError, match="was moved to") as caught:
        api.compare(CompareRequest(str(done.folder), CONFIGS, **asked), old, emit=move)
    assert caught.value.code == "compare.moved"
    assert not old.exists()
    assert len(list((new / "runs").iterdir())) == 1
    found, names, _ = compare(done.folder, new, **asked)
    assert found.is_complete
    assert len(names) == 3
