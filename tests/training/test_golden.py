"""Golden losses, exactly one end a leg, and steps whose loss is not a finite number."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from sit_engine import api
from sit_engine.errors import NotFiniteError
from sit_engine.records.commands import Command, CommandName
from sit_engine.records.event_log import read_events
from sit_engine.records.events import Event, RunFinished, StepReported
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint
from tests.tiny import DINO, engine, tiny_config, tiny_flags, with_cswin

GOLDEN = Path(__file__).parent
# Another torch or CPU adds in another order: 1e-7 a product, grown by AdamW's first steps (which
# divide by the gradient's own size) to about 1e-4 in 20 steps. A changed formula, schedule or draw
# moves the first step by far more than this.
TOLERANCE = 2e-3


def pretrain(folder: Path, out: Path, **more: Any) -> list[Event]:
    """Events of a tiny run in this process."""
    events: list[Event] = []
    api.pretrain(tiny_config(folder, **more), out, emit=events.append)
    return events


def reports(events: list[Event]) -> list[StepReported]:
    """One a step."""
    return [event for event in events if isinstance(event, StepReported)]


def table(found: list[StepReported]) -> str:
    """The golden file's text: how to write it anew stands in its header."""
    names = list(found[0].terms)
    lines = [
        f"# torch {torch.__version__}; 20 steps of tests/tiny.py on the sample fixture, seed 0.",
        "# Numbers changed on purpose? Delete this file, run tests/training/test_golden.py twice,",
        "# and say in the change why they moved.",
        " ".join(["step", "loss", *names]),
    ]
    for report in found:
        values = [report.loss, *(report.terms[name] for name in names)]
        lines.append(" ".join([str(report.step), *(f"{value:.9g}" for value in values)]))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("golden_losses.txt", {}),
        (
            "golden_losses_2021.txt",
            {"method": {"name": "sit2021", "reconstruction_weight": 1.0}},
        ),
        ("golden_losses_dino.txt", {"method": DINO}),
        ("golden_losses_simdino.txt", {"method": DINO | {"loss": "simdino"}}),
        ("golden_losses_mocov3.txt", {"method": {"name": "mocov3"}}),
        ("golden_losses_cswin.txt", {}),
        ("golden_losses_muon.txt", {"optim": {"optimiser": "muon"}}),
    ],
)
def test_twenty_steps_give_the_golden_losses(
    name: str, settings: dict[str, Any], sample: tuple[Path, Path], tmp_path: Path
) -> None:
    config = tiny_config(sample[0], watch={"readings": 0, "previews": 0}, **settings)
    config = with_cswin(config) if "cswin" in name else config
    events: list[Event] = []
    api.pretrain(config, tmp_path / "run", emit=events.append)
    found = reports(events)
    text, kept = table(found[:20]), GOLDEN / name
    if not kept.exists():
        kept.write_text(text, "utf-8")
        pytest.fail("the golden losses were missing and have been written: look at them, run again")
    golden = [line.split() for line in kept.read_text("utf-8").splitlines() if line[0] != "#"]
    ours = [line.split() for line in text.splitlines() if line[0] != "#"]
    assert ours[0] == golden[0]
    assert len(ours) == len(golden) == 21
    for mine, theirs in zip(ours[1:], golden[1:], strict=True):
        assert mine[0] == theirs[0]
        expected = [float(value) for value in theirs[1:]]
        assert [float(value) for value in mine[1:]] == pytest.approx(expected, rel=TOLERANCE)


def test_the_loss_is_the_weighted_sum_of_its_terms(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    config = {"contrast_weight": 2.0, "reconstruction_weight": 3.0}
    for report in reports(pretrain(sample[0], tmp_path / "run", method=config)):
        assert set(report.terms) == {"contrast", "reconstruction"}
        expected = 2 * report.terms["contrast"] + 3 * report.terms["reconstruction"]
        assert report.loss == pytest.approx(expected, rel=1e-5)


class Ask:
    """A control that asks for something before the fourth step."""

    def __init__(self, command: CommandName) -> None:
        self.command = command
        self.polls = 0

    def poll(self) -> list[Command]:
        """Before every step."""
        self.polls += 1
        return [Command(self.command, -1)] if self.polls == 4 else []


@pytest.mark.parametrize("outcome", ["completed", "stopped", "failed"])
def test_a_leg_ends_with_exactly_one_run_finished(
    outcome: str, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    events: list[Event] = []
    out = tmp_path / "run"
    config = tiny_config(sample[0])

    def break_off(event: Event) -> None:
        events.append(event)
        if outcome == "failed" and isinstance(event, StepReported) and event.step == 3:
            # What was trained cannot be kept: the next checkpoint finds a file in its place.
            for path in (out / "checkpoints").iterdir():
                path.rename(out / path.name)
            (out / "checkpoints").rmdir()
            (out / "checkpoints").write_text("no folder")

    def control(_: Run) -> Ask:
        return Ask("stop" if outcome == "stopped" else "checkpoint")

    if outcome == "failed":
        with pytest.raises(Exception, match="Cannot write"):
            api.pretrain(config, out, emit=break_off, make_control=control)
    else:
        api.pretrain(config, out, emit=break_off, make_control=control)
    (end,) = [event for event in events if isinstance(event, RunFinished)]
    assert end is events[-1]
    assert end.outcome == outcome
    assert end.step == (20 if outcome == "completed" else 3)
    written = [event for event, _ in read_events(open_run(out))]
    assert [event for event in written if isinstance(event, RunFinished)] == [end]
    assert (end.message != "") is (outcome == "failed")


def test_a_run_that_stays_not_finite_ends_with_6_and_keeps_the_weights_before(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    """At this temperature every cosine overflows: no step is finite."""
    out = tmp_path / "run"
    more = ["--method.temperature", "1e-40", "--optim.epochs", "12", "--watch.readings", "0"]
    done = engine("pretrain", sample[0], "--out", out, *tiny_flags(), *more)
    assert done.returncode == NotFiniteError.exit_code == 6, done.stderr
    assert "Traceback" not in done.stderr
    assert "5 steps in a row were not finite" in done.stderr
    assert "went back 2 times" in done.stderr
    assert "optim.learning_rate" in done.stderr
    run = open_run(out)
    steps = checkpoint.all_steps(run)
    first = checkpoint.load_model(checkpoint.folder(run, 0))
    newest = checkpoint.load_model(checkpoint.newest_verified(run)[0])
    assert steps == [0]
    assert all(torch.equal(first[name], value) for name, value in newest.items())
    assert all(bool(torch.isfinite(value).all()) for value in newest.values())
    assert summarise(run).status == "failed"


def test_single_steps_that_are_not_finite_are_skipped_and_counted(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    """With this weight the squared gradient overflows float32 in some steps and not in others."""
    events = pretrain(
        sample[0],
        tmp_path / "run",
        method={"contrast_weight": 0.0, "reconstruction_weight": 1.4e20},
        watch={"readings": 0, "previews": 0},
    )
    found = reports(events)
    counts = [report.skipped_steps for report in found]
    skipped = [after > before for before, after in zip([0, *counts], counts, strict=False)]
    assert 0 < sum(skipped) < len(found)
    assert [math.isnan(report.loss) for report in found] == skipped
    assert counts[-1] == sum(skipped)
    (end,) = [event for event in events if isinstance(event, RunFinished)]
    assert (end.outcome, end.step) == ("completed", len(found))
    kept = checkpoint.load_model(checkpoint.newest_verified(open_run(tmp_path / "run"))[0])
    assert all(bool(torch.isfinite(value).all()) for value in kept.values())
