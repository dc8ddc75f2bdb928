"""What the verbs have alike that train several runs: their terminal, and how they are stopped."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

from sit_engine.cli.layout_flags import add_reading_flags, reading_of
from sit_engine.cli.screen import Screen
from sit_engine.cli.terminal_leg import Signals, add_quiet_flag
from sit_engine.config.build import build, merge
from sit_engine.config.tree import RunConfig

T = TypeVar("T")


def add_study_flags(parser: argparse.ArgumentParser, *, has_test: bool = True) -> None:
    """Add the flags for labels and test images, how folders are read, threads and quiet."""
    if has_test:
        parser.add_argument(
            "--test",
            nargs="+",
            default=[],
            metavar="FOLDER",
            help="labelled images to ask about (default: some that are held out of all training)",
        )
    parser.add_argument(
        "--labels-file", metavar="FILE", help="CSV file with the columns path and label instead"
    )
    add_reading_flags(parser)
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of every run")
    add_quiet_flag(parser)


def with_flags(config: RunConfig, chosen: argparse.Namespace) -> RunConfig:
    """Settings with what the flags say of all runs: threads, and how folders are read."""
    over: dict[str, Any] = {"data": reading_of(chosen)}
    if chosen.threads is not None:
        over["compute"] = {"threads": chosen.threads}
    return build(merge(config.model_dump(), over))


class StudyScreen:
    """Tells of runs and progress; a signal checkpoints the run under way and leaves."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.quiet = chosen.quiet
        self.screen = Screen(as_json=chosen.json, quiet=chosen.quiet)
        self.signals = Signals(self.screen)
        self.signals.install()

    def on_run(self, name: str, number: int, total: int) -> None:
        """Note that a run begins."""
        self.say_of_run(f"Run {number} of {total}: {name}")

    def say_of_run(self, words: str) -> None:
        """Say something of the run that begins; raises KeyboardInterrupt where it is to stop."""
        self.signals.go_on()
        self.screen.say(words)

    def on_progress(self, phase: str, done: int, total: int) -> None:
        """Something is under way between the runs."""
        self.signals.go_on()
        if not self.quiet:
            self.screen.progress(phase, done, total)

    def working(self, work: Callable[[], T]) -> T | None:
        """What the work gives; None where it was stopped at once."""
        try:
            return work()
        except KeyboardInterrupt:
            self.screen.say("Stopped at once. The same command goes on.")
            return None
        finally:
            self.screen.clear()

    def ended(self, *, is_complete: bool, last: str) -> int:
        """The exit code, after the last words, or those of a study that is not complete."""
        if not is_complete:
            self.screen.say("Not complete: the same command goes on.")
            return self.signals.exit_code
        self.screen.say(last)
        return 0
