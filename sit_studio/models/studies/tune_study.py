"""A search for settings: what is asked of `sit-engine tune`, and how it stands; Qt-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sit_engine.config.build import build
from sit_engine.config.tree import RunConfig
from sit_engine.files import read_json
from sit_engine.paths import unescape_name
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run
from sit_engine.records.studies.comparison import Comparison
from sit_engine.records.studies.comparison_text import to_text
from sit_engine.records.studies.tuning import RUNGS, Tuning

ASKED, FOUND, TUNED = "tune.json", "tuning.json", "tuned.toml"


@dataclass(frozen=True)
class TuneStudy:
    """What `sit-engine tune` is asked."""

    folder: str
    base: RunConfig
    minutes: float
    labels_file: str | None = None

    @property
    def configs(self) -> Mapping[str, RunConfig]:
        """The settings that stand in files."""
        return {"base": self.base}

    def words(self, files: list[Path], out: Path) -> list[str]:
        """The command, with the settings in `files`."""
        words = ["tune", self.folder, "--minutes", repr(self.minutes), "--config", str(files[0])]
        words += ["--labels-file", self.labels_file] if self.labels_file else []
        return [*words, "--out", str(out)]


def study_of(path: Path) -> TuneStudy:
    """What a search was asked for; raises KeyError, TypeError, ValueError or ConfigError."""
    asked = read_json(path / ASKED)
    return TuneStudy(
        unescape_name(asked["folder"]), build(asked["base"]), float(asked["minutes"]),
        asked["labels_file"],
    )  # fmt: skip


@dataclass(frozen=True)
class TuneStanding:
    """How far a search is. `state` is a word of widgets.states."""

    path: Path
    state: str
    rung: int = 0
    """From 1; 0 while its images are being listed."""
    name: str = ""
    """Of the settings whose run is under way, or next."""
    done: int = 0
    """Runs of this rung that are trained and measured."""
    total: int = 0
    minutes_left: float = 0.0
    share: float = 0.0
    """Of the time asked for."""
    found: Tuning | None = None
    tables: tuple[Comparison, ...] = ()
    """Of the rungs so far, the one under way with what it has."""


def read_tuning(path: Path) -> TuneStanding:
    """What stands in its files; "unreadable" where they make no sense."""
    is_trained = is_running(Run(path))
    if not (path / ASKED).exists():
        return TuneStanding(path, "preparing")
    try:
        asked, told = read_json(path / ASKED), read_json(path / FOUND)
        found = Tuning.from_json(told) if told else None
        tables = _tables(path, len(asked["rungs"]))
        for table in tables:
            # Anyone can write into the folder: what cannot be printed here could not be drawn.
            to_text(table)
        is_done = found is not None and found.is_complete
        state = "completed" if is_done else "running" if is_trained else "interrupted"
        return TuneStanding(
            path, state, **({} if is_done else _progress(asked, tables)), found=found, tables=tables
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError):
        return TuneStanding(path, "unreadable")


def _tables(path: Path, rungs: int) -> tuple[Comparison, ...]:
    records = [
        read_json(path / f"rung-{number}" / "comparison.json") for number in range(1, rungs + 1)
    ]
    return tuple(Comparison.from_json(record) for record in records if record)


def _progress(asked: dict[str, Any], tables: tuple[Comparison, ...]) -> dict[str, Any]:
    """How far a study is, by the runs that are measured, and about how long the rest takes."""
    rungs, minutes = asked["rungs"], float(asked["minutes"])
    if not rungs:
        return {"minutes_left": minutes}
    now, total = rungs[-1], len(rungs[-1]["names"]) * rungs[-1]["seeds"]
    done = 0
    if len(tables) == len(rungs):
        lines = [line for line in tables[-1].lines if line.kind == "config"]
        done = sum(max((f.seeds for f in line.figures.values()), default=0) for line in lines)
    left = (total - done) * now["minutes"] + (RUNGS - len(rungs)) * minutes / RUNGS
    share = (len(rungs) - 1 + done / total) / RUNGS
    name = str(now["names"][done % len(now["names"])])
    return {
        "rung": len(rungs), "name": name, "done": done, "total": total, "minutes_left": left,
        "share": share,
    }  # fmt: skip
