"""Is it working? Figures of known features, and every state on a run that induces it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.config.course import STEPS_TO_LEARN, Course, least_rank
from sit_engine.data.sample import write_sample
from sit_engine.methods.sit.options import SitOptions
from sit_engine.records.events import HealthMeasured
from sit_engine.watching.health import (
    LEAST_DEVIATION,
    READINGS_FOR_COLLAPSE,
    Figures,
    KnnReading,
    judge,
    measure,
)
from tests.tiny import BRIEF, WATCHED, tiny_config

GOOD, BAD = Figures(0.5, 20.0, 32), Figures(0.01, 2.0, 32)

LONG, MIDDLING = Course(5000, 50, 3200), Course(600, 50, 3200)


def gaussian(count: int, width: int) -> torch.Tensor:
    """Isotropic: no direction is preferred."""
    return torch.randn(count, width, generator=torch.Generator().manual_seed(0))


def test_isotropic_features_use_every_direction() -> None:
    found = measure(gaussian(4000, 32))
    assert found.deviation_ratio == pytest.approx(1.0, abs=0.02)
    assert found.effective_rank == pytest.approx(32, abs=0.2)
    assert not found.is_collapsed


def test_features_in_a_plane_have_rank_two() -> None:
    flat = torch.zeros(4000, 32)
    flat[:, :2] = gaussian(4000, 2)
    assert measure(flat).effective_rank == pytest.approx(2, abs=0.05)
    assert measure(flat).is_collapsed


def test_equal_rows_have_no_deviation_and_no_rank() -> None:
    found = measure(gaussian(1, 32).expand(100, 32))
    assert found.deviation_ratio == pytest.approx(0, abs=1e-6)
    assert found.is_collapsed
    nearly = measure(gaussian(1, 32) + 0.01 * gaussian(100, 32))
    assert nearly.deviation_ratio < LEAST_DEVIATION
    assert nearly.effective_rank > least_rank(32)
    assert nearly.is_collapsed


def test_the_length_of_features_says_nothing() -> None:
    rows = gaussian(50, 16)
    found, other = measure(rows), measure(rows * torch.rand(50, 1).add(0.1) * 100)
    assert found.deviation_ratio == pytest.approx(other.deviation_ratio)
    assert found.effective_rank == pytest.approx(other.effective_rank)


@pytest.mark.parametrize(
    ("deviation", "rank", "width", "is_collapsed"),
    [
        (LEAST_DEVIATION, least_rank(32), 32, False),
        (LEAST_DEVIATION - 1e-6, 30.0, 32, True),
        (1.0, least_rank(32) - 1e-6, 32, True),
        (1.0, 7.6, 384, True),  # 2 % of 384 is 7.68.
        (1.0, 7.7, 384, False),
    ],
)
def test_one_reading_is_collapsed_below_either_threshold(
    deviation: float, rank: float, width: int, is_collapsed: bool
) -> None:
    assert Figures(deviation, rank, width).is_collapsed is is_collapsed


def test_collapse_takes_three_readings_in_a_row() -> None:
    bad = [BAD] * READINGS_FOR_COLLAPSE
    assert judge(bad, None, LONG, 2500).state == "collapsed"
    assert judge([GOOD, *bad], None, LONG, 2500).state == "collapsed"
    assert judge(bad[1:], None, LONG, 2500).state == "unknown"
    assert judge([*bad, GOOD], None, LONG, 2500).state == "unknown"
    assert judge(bad, KnnReading(0.2, 0.2, 0.1), LONG, 2500).state == "collapsed"
    assert "Lower the learning rate" in judge(bad, None, LONG, 2500).sentence


def test_learning_is_more_than_the_interval_above_untrained() -> None:
    found = judge([GOOD], KnnReading(0.31, 0.2, 0.1), LONG, 1)
    assert (found.state, found.code) == ("learning", "health.learning")
    assert found.values == {"accuracy": "31%", "untrained": "20%", "interval": "10%"}
    assert judge([GOOD], KnnReading(0.29, 0.2, 0.1), LONG, 1).code == "health.early"


def test_nothing_bad_is_said_before_a_fifth_of_the_run_and_enough_steps() -> None:
    same, bad = KnnReading(0.2, 0.2, 0.1), [BAD] * READINGS_FOR_COLLAPSE
    for course, step in ((LONG, 999), (MIDDLING, STEPS_TO_LEARN - 1)):
        for knn in (same, None):
            found = judge(bad, knn, course, step)
            assert (found.state, found.code) == ("unknown", "health.early")
    assert "until step 1,000 (epoch 20)" in judge(bad, same, LONG, 999).sentence
    assert "about 625 epochs" in judge(bad, same, LONG, 999).sentence
    for course, step in ((LONG, 1000), (MIDDLING, STEPS_TO_LEARN)):
        found = judge([GOOD], same, course, step)
        assert (found.state, found.code) == ("not learning", "health.not_learning")
        assert "20%" in found.sentence


def test_a_run_that_has_seen_enough_is_not_told_to_see_more() -> None:
    same, course = KnnReading(0.2, 0.2, 0.1), Course(50_000, 50, 3200)
    assert judge([GOOD], same, course, 31_249).code == "health.not_learning"
    found = judge([GOOD], same, course, 31_250)
    assert (found.state, found.code) == ("not learning", "health.never_learnt")
    assert "after the 625 epochs that sets of this size need" in found.sentence


def test_a_run_that_is_not_above_its_start_is_told_to_keep_it_once_it_can_be_judged() -> None:
    course, same = Course(5000, 50, 3200, has_start=True), KnnReading(0.62, 0.6, 0.05)
    assert judge([GOOD], same, course, 999).code == "health.early"
    found = judge([GOOD], same, course, 1000)
    assert (found.state, found.code) == ("not learning", "health.keep_start")
    assert found.values == {"accuracy": "62%", "untrained": "60%", "interval": "5%"}
    assert found.sentence.startswith("Keep the weights that you started from")
    assert judge([GOOD], KnnReading(0.66, 0.6, 0.05), course, 1000).code == "health.learning"
    assert judge([GOOD], None, course, 1000).code == "health.unlabelled"


def test_a_run_that_is_too_short_is_not_judged_at_all() -> None:
    short, bad = Course(27, 50, 3200), [BAD] * READINGS_FOR_COLLAPSE
    found = judge(bad, KnnReading(0.2, 0.2, 0.1), short, 27)
    assert (found.state, found.code) == ("unknown", "health.too_short")
    assert "it has 27 steps, and 300 are the least" in found.sentence
    assert judge(bad, KnnReading(0.5, 0.2, 0.1), short, 27).state == "learning"


def test_without_labels_it_says_what_it_cannot_know() -> None:
    found = judge([GOOD] * 5, None, LONG, 5000)
    assert (found.state, found.code) == ("unknown", "health.unlabelled")
    assert "Without labels it cannot be known" in found.sentence


def readings(folder: Path, out: Path, **more: Any) -> list[HealthMeasured]:
    """Of a real run; what stands in its events.jsonl is compared too."""
    found: list[HealthMeasured] = []

    def keep(event: object) -> None:
        if isinstance(event, HealthMeasured):
            found.append(event)

    api.pretrain(tiny_config(folder, **more), out, emit=keep)
    lines = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    written = [line["state"] for line in lines if line["event"] == "HealthMeasured"]
    assert written == [event.state for event in found]
    return found


def test_a_run_whose_features_collapse_is_called_collapsed(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Next to no contrast pulls the class tokens apart; a high rate and the strongest decay do the rest.

    Measured with four seeds: rank 12 to between 1.7 and 4.1 from the second reading on, where 5 is the
    least. At a still higher rate rounding decides what becomes of the run.
    """
    monkeypatch.setattr(SitOptions, "steps_to_learn", 50)
    found = readings(
        few,
        tmp_path / "run",
        data={"watch_share": WATCHED},
        method={"contrast_weight": 1e-6},
        optim={
            "epochs": 24, "batch_size": BRIEF, "learning_rate": 0.36, "warmup_epochs": 0,
            "learning_rate_end": 0.045, "weight_decay": 1.0, "weight_decay_end": 1.0,
        },
        watch={"readings": 6, "previews": 0},
    )  # fmt: skip
    assert found[0].state == "unknown"
    assert found[-1].state == "collapsed"
    assert found[-1].sentence.startswith("The features have collapsed: every image looks the same")
    assert "collapsed" not in [event.state for event in found[:READINGS_FOR_COLLAPSE]]


def test_a_run_that_cannot_move_is_called_not_learning(
    sample: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SitOptions, "steps_to_learn", 50)
    found = readings(
        sample[0],
        tmp_path / "run",
        optim={"epochs": 11, "learning_rate": 1e-12, "learning_rate_end": 0.0},
        watch={"readings": 2, "previews": 0, "report_every": 50},
    )
    codes = [event.code.partition(".")[2] for event in found]
    assert codes == ["not_started", "early", "not_learning"]
    assert [event.state for event in found] == ["unknown", "unknown", "not learning"]


def test_a_run_without_labels_is_called_unknown(
    sample: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SitOptions, "steps_to_learn", 50)
    found = readings(
        sample[0],
        tmp_path / "run",
        data={"labels": "none"},
        optim={"epochs": 11},
        watch={"readings": 2, "previews": 0, "report_every": 50},
    )
    assert [event.state for event in found] == ["unknown"] * 3
    assert "Without labels it cannot be known" in found[-1].sentence
    assert "KnnMeasured" not in (tmp_path / "run" / "events.jsonl").read_text()
    assert all(event.images > 100 for event in found)


@pytest.mark.long
def test_a_run_that_learns_is_called_learning(tmp_path: Path) -> None:
    """The demo's own settings on the built-in sample, for twelve epochs."""
    train, _ = write_sample(tmp_path / "images")
    found: list[HealthMeasured] = []

    def keep(event: object) -> None:
        if isinstance(event, HealthMeasured):
            found.append(event)

    config = build({"preset": "quick", "data": {"folders": [str(train)]}, "optim": {"epochs": 12}})
    api.pretrain(config, tmp_path / "run", emit=keep)
    assert found[-1].state == "learning", found[-1].sentence
    assert found[-1].sentence.startswith("It is learning: nearest neighbours are right for")
    assert "collapsed" not in [event.state for event in found]
