"""Is pretraining worth it: what is asked of `sit-engine worth`, and how it stands; Qt-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sit_engine.config.methods import DEFAULT_METHOD
from sit_engine.config.tree import RunConfig
from sit_engine.files import read_json
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run
from sit_engine.records.studies.worth import ASKED, FILE, PRETRAINED, Worth, WorthAsked
from sit_engine.records.summary import summarise
from sit_studio.models.comparison_list import read_comparison

PRETRAINING, ASKING = "pretraining", "asking"


@dataclass(frozen=True)
class WorthStudy:
    """What `sit-engine worth` is asked."""

    folder: str
    weights: tuple[str, ...]
    minutes: float
    labels_file: str | None = None
    test: tuple[str, ...] = ()
    method: str = DEFAULT_METHOD
    reading: Mapping[str, Any] = field(default_factory=dict)
    """Data settings by name that say how the folder is read, where they are not as usual."""
    configs: Mapping[str, RunConfig] = field(default_factory=dict)
    """None: the study has settings of its own."""

    def words(self, files: list[Path], out: Path) -> list[str]:
        """The command."""
        del files
        words = ["worth", self.folder, "--minutes", repr(self.minutes), "--method", self.method]
        words += ["--weights", *self.weights] if self.weights else []
        words += ["--labels-file", self.labels_file] if self.labels_file else []
        words += ["--test", *self.test] if self.test else []
        for name, value in self.reading.items():
            text = value if isinstance(value, str) else ",".join(value)
            words.append(f"--{name.replace('_', '-')}={text}")
        return [*words, "--out", str(out)]


def study_of(path: Path) -> WorthStudy:
    """What a study was asked; raises KeyError, TypeError or ValueError."""
    asked = WorthAsked.of_folder(path)
    return WorthStudy(
        asked.folder,
        asked.weights,
        asked.minutes,
        asked.labels_file,
        asked.test,
        asked.method,
        asked.reading,
    )


@dataclass(frozen=True)
class WorthStanding:
    """How far a study is. `state` is a word of widgets.states."""

    path: Path
    state: str
    phase: str = ""
    name: str = ""
    """Of the run that trains, or is next."""
    done: int = 0
    total: int = 0
    """Runs."""
    share: float = 0.0
    """Of the pretraining."""
    found: Worth | None = None


def read_worth(path: Path) -> WorthStanding:
    """What stands in its files; "unreadable" where they make no sense."""
    is_trained = is_running(Run(path))
    if not (path / ASKED).exists():
        return WorthStanding(path, "preparing")
    try:
        WorthAsked.of_folder(path)
        told = read_json(path / FILE)
        if told:
            found = Worth.from_json(told)
            # Anyone can write into the folder: what cannot be printed here could not be drawn.
            found.to_text()
            return WorthStanding(path, "running" if is_trained else "completed", found=found)
        row = read_comparison(path / PRETRAINED)
        state = "running" if is_trained else "interrupted"
        if row.next_run is None:
            phase = ASKING if row.total else ""
            return WorthStanding(path, state, phase, share=1.0 if row.total else 0.0)
        name, seed = row.next_run
        part = summarise(Run(path / PRETRAINED / "runs" / f"{name}-seed{seed}"))
        share = (row.done + part.step / max(1, part.total_steps)) / row.total
        return WorthStanding(path, state, PRETRAINING, name, row.done, row.total, share)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError):
        return WorthStanding(path, "unreadable")
