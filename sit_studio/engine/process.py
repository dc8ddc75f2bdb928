"""The trainer as a process of its own: the very command that the user could type; Qt-free."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil

from sit_engine.config.toml_file import to_toml
from sit_engine.config.tree import RunConfig
from sit_engine.counted import Sentence
from sit_engine.errors import STOPPED_EXIT_CODE, TERMINATED_EXIT_CODE, DiskError
from sit_studio.engine.standby_trainer import STANDBY, engine_environment, engine_python, step_back
from sit_studio.models.failure import Failure, failure_from

EXPECTED = (0, STOPPED_EXIT_CODE, TERMINATED_EXIT_CODE)


class Trainer:
    """A started leg, or a comparison. It lives on when the window goes; what it says goes to a file,
    not a pipe. `settings` is a file that it reads, or a folder of such.
    """

    def __init__(self, words: list[str], settings: Path | None = None) -> None:
        reap()
        self.settings = settings
        self._was_asked = False
        with tempfile.NamedTemporaryFile(prefix="sit-studio-", suffix=".log", delete=False) as log:
            self.log = Path(log.name)
            # Errors only: the events stand in the run folder, and need not be written twice.
            words = [*words, "--json", "--quiet"]
            self.process = STANDBY.take(words, self.log) or subprocess.Popen(
                engine_python("sit_engine", *words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=engine_environment(),
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        step_back(self.process.pid)

    @property
    def is_alive(self) -> bool:
        """Whether the process runs; an ended one is reaped."""
        return self.process.poll() is None

    def end_now(self) -> None:
        """Ask the process to end before its first step; it removes what it began."""
        self._was_asked = True
        with suppress(OSError):
            self.process.terminate()

    def _drop_settings(self) -> None:
        if self.settings is not None:
            with suppress(OSError):
                if self.settings.is_dir():
                    shutil.rmtree(self.settings)
                else:
                    self.settings.unlink()
            self.settings = None

    def let_go(self, *, has_settings: bool) -> None:
        """Nobody listens any more; the leg goes on."""
        _left.append(self.process)
        if has_settings:
            self._drop_settings()
        # Where an open file can be removed, its log goes with its end.
        with suppress(OSError):
            self.log.unlink()

    def failure(self) -> Failure | None:
        """Why it ended, in its own words; None when it ended well or was asked to."""
        text = self._said()
        self._drop_settings()
        with suppress(OSError):
            self.log.unlink()
        for line in reversed(text.splitlines()):
            with suppress(ValueError, TypeError, KeyError):
                return failure_from(json.loads(line)["error"], text)
        code = self.process.returncode
        # So early that the engine did not hear it yet, the signal itself ends the process.
        if code in EXPECTED or (self._was_asked and code == -signal.SIGTERM):
            return None
        if code == DiskError.exit_code:
            # So full that not even the engine's own words could be kept.
            return Failure(
                "studio.disk",
                "The trainer ended because nothing more could be written to the disk.",
                "Free some space, then resume the run; everything written before is kept.",
                details=text,
            )
        if code > 0:
            return Failure(
                "studio.trainer_failed",
                Sentence("The trainer could not go on (exit code {exit_code}).", exit_code=code),
                "Copy the details and report them; what was saved is kept.",
                details=text,
            )
        return Failure(
            "studio.killed",
            Sentence("The trainer was ended from outside (signal {signal}).", signal=-code),
            "What was saved is kept: resume the run.",
            details=text,
        )

    def _said(self) -> str:
        """The end of its log."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, self.log.stat().st_size - 20_000))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""


_left: list[subprocess.Popen[bytes]] = []


def reap() -> None:
    """Take note of trainers that ended after they were let go of: until then they are zombies."""
    _left[:] = [process for process in _left if process.poll() is None]


def write_config(config: RunConfig) -> Path:
    """The settings as a file for --config."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="sit-studio-", suffix=".toml", delete=False, encoding="utf-8"
    ) as file:
        file.write(to_toml(config))
    return Path(file.name)


def end_from_outside(pid: int) -> None:
    """End a trainer that another program started, before its first step."""
    with suppress(psutil.Error, OSError):
        psutil.Process(pid).terminate()
