"""A leg in this terminal: its screen, its signals, its exit code."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from sit_engine.cli import launch
from sit_engine.cli.screen import Screen
from sit_engine.errors import STOPPED_EXIT_CODE, TERMINATED_EXIT_CODE
from sit_engine.records.events import Event, PhaseChanged, RunFinished
from sit_engine.records.on_progress import METHOD_PHASES
from sit_engine.records.run import Run

if TYPE_CHECKING:
    from sit_engine.training.control import FolderControl
    from sit_engine.training.leg import RunResult

Start = Callable[[Path, Callable[[Event], None], Callable[[Run], Any]], "RunResult"]


class Signals:
    """First Ctrl+C or SIGTERM: checkpoint, then stop. A second Ctrl+C, or one before training: now."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.control: FolderControl | None = None
        self.is_training = False
        self.asked = False
        self.terminated = False

    def install(self) -> None:
        """Hear signals from now on; the process ends with the leg, so nothing is put back."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._on_signal)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self.terminated = number != signal.SIGINT
        if self.control is None or not self.is_training or (self.asked and not self.terminated):
            raise KeyboardInterrupt
        self.asked = True
        self.control.ask("stop")

    def go_on(self) -> None:
        """Raise KeyboardInterrupt between two runs where a command came in the last step of one."""
        if self.asked:
            raise KeyboardInterrupt

    def make_control(self, run: Run) -> FolderControl:
        """A control that hears this process's signals too."""
        from sit_engine.training.control import FolderControl

        self.control = FolderControl(run)
        return self.control

    def on_event(self, event: Event) -> None:
        """Show it, and notice when the steps, and what a method does before, begin and end."""
        if isinstance(event, PhaseChanged) and event.phase in ("training", *METHOD_PHASES):
            self.is_training = True
        if isinstance(event, RunFinished):
            self.is_training = False
        self.screen.show(event)

    @property
    def exit_code(self) -> int:
        """The exit code of a leg that ended early."""
        return TERMINATED_EXIT_CODE if self.terminated else STOPPED_EXIT_CODE


def add_quiet_flag(parser: argparse.ArgumentParser) -> None:
    """--quiet, for the verbs that train."""
    parser.add_argument(
        "--quiet", action="store_true", help="print errors only; the run folder tells the rest"
    )


def add_gpus_flag(parser: argparse.ArgumentParser) -> None:
    """--gpus, for the verbs whose run several processes can share."""
    parser.add_argument(
        "--gpus",
        type=number,
        default=1,
        metavar="N",
        help="train on N GPUs of this machine; the batch is shared by them",
    )


def number(text: str) -> int:
    """A number of processes; argparse calls the type by this name where the text is no number."""
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return count


def work(path: Path, start: Start, chosen: argparse.Namespace, *, device: str) -> int:
    """Run a leg, in as many processes as were asked for, and say how it ended."""
    if chosen.gpus > 1 and not launch.is_rank():
        launch.check_gpus(chosen.gpus, device)
        return launch.launch(chosen.gpus, chosen.words)
    if not launch.is_rank():
        return _work(path, start, as_json=chosen.json, quiet=chosen.quiet)
    from sit_engine import ranks

    with ranks.joined():
        path, is_first = Path(ranks.told(str(path))), ranks.is_first()
        return _work(
            path,
            start,
            as_json=chosen.json and is_first,
            quiet=chosen.quiet or not is_first,
        )


def _work(path: Path, start: Start, *, as_json: bool, quiet: bool) -> int:
    screen = Screen(as_json=as_json, quiet=quiet)
    signals = Signals(screen)
    signals.install()
    try:
        result = start(path, signals.on_event, signals.make_control)
    except KeyboardInterrupt:
        screen.say(_stopped_at_once(path))
        return signals.exit_code
    finally:
        screen.clear()
    path = result.run  # It may have been moved meanwhile.
    if result.outcome == "completed":
        screen.say(f"The run is in {path}")
        is_finetuned = Run(path).config().method.needs_labels
        train = "" if is_finetuned else " --train FOLDER"
        screen.say(f"Next: sit-engine evaluate {path}{train} --test FOLDER")
        return 0
    screen.say(f"Continue with: sit-engine resume {path}")
    return signals.exit_code


def _stopped_at_once(path: Path) -> str:
    if path.exists():
        return (
            f"Stopped at once. Continue from the newest checkpoint with: sit-engine resume {path}"
        )
    return "Stopped before training began; nothing was written."
