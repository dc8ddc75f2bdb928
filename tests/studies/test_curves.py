"""Accuracy over minutes, from the events of runs: written by hand, at a pace and as time passed."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.toml_file import to_toml
from sit_engine.records.events import (
    Event,
    KnnMeasured,
    PhaseChanged,
    RunFinished,
    RunResumed,
    to_line,
    warning,
)
from sit_engine.records.run import Run
from sit_engine.records.studies.comparison import AccuracyCurve, Budget, Comparison, Pace
from sit_engine.studies.curves import curve_of, told
from sit_engine.studies.figure import NAME, write_figure
from tests.tiny import tiny_config


def reading(step: int, accuracy: float) -> KnnMeasured:
    return KnnMeasured(step, accuracy, 0.25, 0.05, 0.3, "student")


def run_of(base: Path, name: str, events: list[tuple[Event, float]]) -> Run:
    """A run of tiny settings with those events."""
    run = Run(base / name)
    run.path.mkdir()
    resolved = resolve(tiny_config(base), DataFacts(48, 4, 32, labelled=48), DeviceFacts())
    run.config_file.write_text(to_toml(resolved.config, resolved.reasons), "utf-8")
    lines = [to_line(event, time=when) for event, when in events]
    run.events_file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return run


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """Two seeds; the second also has a reading that the first lacks, and took twice as long."""
    training = PhaseChanged("training")
    return [
        run_of(tmp_path, f"seed{seed}", [
            (PhaseChanged("listing"), 0.0),
            (training, 100.0),
            (reading(10, 0.3 + 0.1 * seed), 100 + 60.0 * (1 + seed)),
            *([(reading(15, 0.9), 300.0)] if seed else []),
            (reading(20, 0.5 + 0.1 * seed), 100 + 180.0 * (1 + seed)),
            (RunFinished("completed", 20, 0), 100 + 240.0 * (1 + seed)),
        ])
        for seed in range(2)
    ]  # fmt: skip


def test_readings_that_all_seeds_have_stand_at_the_minutes_of_the_pace(runs: list[Run]) -> None:
    batch = runs[0].config().optim.batch_size
    found = curve_of(runs, "a", Pace(batch / 6.0, 0, 16))
    assert found is not None
    assert found.minutes == pytest.approx((0, 1, 2))
    assert found.mean == pytest.approx((0.25, 0.35, 0.55))
    assert found.low == pytest.approx((0.25, 0.3, 0.5))
    assert found.high == pytest.approx((0.25, 0.4, 0.6))
    assert found.seeds == 2


def test_without_a_pace_the_minutes_are_those_that_passed(runs: list[Run]) -> None:
    found = curve_of(runs, "a", None)
    assert found is not None
    # One minute and two, three and six.
    assert found.minutes == pytest.approx((0, 1.5, 4.5))
    assert [told(run).seconds for run in runs] == [240, 480]


def test_the_night_between_a_kill_and_a_resume_is_not_trained(tmp_path: Path) -> None:
    """The later leg warns of its disk, then says that it goes on."""
    training = PhaseChanged("training")
    run = run_of(tmp_path, "killed", [
        (training, 100.0),
        (reading(10, 0.3), 160.0),
        (warning("run.no_locks", "No locks here."), 90_000.0),
        (RunResumed(1, 10, "step-10", 7), 90_001.0),
        (warning("checkpoint.rejected", "One was damaged."), 90_002.0),
        (training, 90_010.0),
        (reading(20, 0.5), 90_070.0),
    ])  # fmt: skip
    assert told(run).seconds == 120


def test_runs_that_read_nothing_have_no_curve(runs: list[Run]) -> None:
    runs[0].events_file.write_text("", "utf-8")
    assert curve_of(runs, "a", None) is None
    assert curve_of([], "a", None) is None


def test_the_figure_is_a_picture_beside_the_table(tmp_path: Path) -> None:
    curve = AccuracyCurve("_a$x^$b", (0.0, 1.0), (0.2, 0.5), (0.2, 0.4), (0.2, 0.6), 2)
    nothing = Comparison("/x", (), Budget("minutes", 1), 2, 5, (), (), 9, 9, "", True)
    write_figure(nothing, tmp_path)
    assert not (tmp_path / NAME).exists()
    write_figure(Comparison(**vars(nothing) | {"curves": (curve,)}), tmp_path)
    with Image.open(tmp_path / NAME) as picture:
        colours = picture.convert("RGB").getcolors(1 << 20)
    assert colours is not None
    assert (15, 110, 132) in {colour for _, colour in colours}
