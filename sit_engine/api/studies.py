"""Several runs: settings compared, and searched for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sit_engine.api.runs import Emit, MakeControl
from sit_engine.config.tree import RunConfig
from sit_engine.records.compare_request import CompareRequest
from sit_engine.records.comparison import Comparison
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.tuning import Tuning


def compare(
    request: CompareRequest,
    out: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None = None,
    on_run: Callable[[str, int, int], None] = lambda *_: None,
    on_progress: OnProgress = lambda *_: None,
) -> Comparison:
    """Pretrain with each of several settings and each seed, and measure them side by side.

    `on_run` is told the name of a run that begins, its number and how many there are. Without test
    folders the runs are asked about images that they held out. The same call again goes on.
    """
    from sit_engine.studies.compare import compare as work

    return work(request, out, emit=emit, make_control=make_control, on_run=on_run, tell=on_progress)


def tune(
    folder: str,
    out: Path,
    *,
    minutes: float,
    base: RunConfig | None = None,
    labels_file: str | None = None,
    emit: Emit,
    make_control: MakeControl | None = None,
    on_run: Callable[[int, str, int, int], None] = lambda *_: None,
    on_progress: OnProgress = lambda *_: None,
) -> Tuning:
    """Find settings for `folder` in short runs, starting from `base` (the preset standard).

    The best ends in `out` as `tuned.toml`; the default stays unless another is better beyond chance.
    `on_run` is told the rung, the name of a run that begins, its number in it and their count. The
    same call again goes on.
    """
    from sit_engine.studies.tune import TuneRequest
    from sit_engine.studies.tune import tune as work

    asked = TuneRequest(folder, base or RunConfig(), minutes, labels_file)
    return work(asked, out, emit=emit, make_control=make_control, on_run=on_run, tell=on_progress)
