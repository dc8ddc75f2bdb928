"""Several runs: settings compared, searched for, and weighed against doing without."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sit_engine.api.runs import Emit, MakeControl
from sit_engine.config.facts import DataFacts
from sit_engine.config.families.network_shape import NetworkShape
from sit_engine.config.methods import DEFAULT_METHOD
from sit_engine.config.tree import RunConfig
from sit_engine.errors import RunError
from sit_engine.records.commands import ANY_LEG, drop, send
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run import Run
from sit_engine.records.run_folder import is_run
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.comparison import Comparison
from sit_engine.records.studies.network_request import NetworkRequest
from sit_engine.records.studies.network_search import ANEW, SUPERNET, NetworkSearch
from sit_engine.records.studies.tuning import Tuning
from sit_engine.records.studies.worth import Worth
from sit_engine.records.summary import summarise


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


def worth(
    folder: str,
    out: Path,
    *,
    weights: Sequence[Path] = (),
    minutes: float,
    test: tuple[str, ...] = (),
    labels_file: str | None = None,
    threads: int | None = None,
    method: str | None = None,
    reading: Mapping[str, Any] | None = None,
    emit: Emit,
    make_control: MakeControl | None = None,
    on_run: Callable[[str, int, int], None] = lambda *_: None,
    on_progress: OnProgress = lambda *_: None,
) -> Worth:
    """Whether pretraining on `folder`, or going on from public weights, pays there; resumable.

    Each of `weights` is asked frozen and continued, beside own pretraining, raw pixels and the same
    network trained from labels alone. `method` is whoever can enter a race, the default
    one for None. `reading`: data settings by name that say how the folder is read, such as
    {"layout": "split"}. The same call again goes on.
    """
    from sit_engine.studies.worth.study import WorthRequest
    from sit_engine.studies.worth.study import worth as work

    named = named_apart([path.name for path in weights])
    asked = WorthRequest(
        folder,
        dict(zip(named, weights, strict=True)),
        minutes,
        test,
        labels_file,
        threads,
        method or DEFAULT_METHOD,
        reading or {},
    )
    return work(asked, out, emit=emit, make_control=make_control, on_run=on_run, tell=on_progress)


def search(
    request: NetworkRequest,
    out: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None = None,
    on_run: Callable[[str, int, int], None] = lambda *_: None,
    on_generation: Callable[[NetworkSearch, int], None] = lambda *_: None,
    on_progress: OnProgress = lambda *_: None,
) -> NetworkSearch:
    """Find the network for a folder under a budget; `out` holds it as `network.toml` then.

    `on_generation` is told the search so far and the number of the generation that was asked, from 0.
    The same call again goes on. `records.network_search.read_search` reads the folder meanwhile.
    """
    from sit_engine.studies.search.study import search as work

    return work(
        request, out, emit=emit, make_control=make_control, on_run=on_run,
        on_generation=on_generation, tell=on_progress,
    )  # fmt: skip


def end_search(out: Path, *, keep: bool) -> None:
    """Ask the search that works on `out` to rest or, with `keep`, to end with what it has.

    While its supernet trains, that run ends, at once or early and kept; while networks train anew, the
    one under way rests.
    """
    for place in (out / SUPERNET, *sorted((out / ANEW / "runs").glob("*"))):
        run = Run(place)
        if is_run(place) and summarise(run).status == "running":
            send(run, "finish" if keep and place.name == SUPERNET else "stop")
            if not keep and place.name == SUPERNET and Run(out).control.is_dir():
                # Who said "finish" before has let it go on to asking.
                drop(Run(out), "stop", ANY_LEG)
            return
    if not is_running(Run(out)):
        raise RunError(
            "search.not_running",
            "The search {path} is not working now.",
            "Go on with it by `sit-engine search` as it was given before.",
            path=out,
        )
    drop(Run(out), "finish" if keep else "stop", ANY_LEG)


def plain_network(patch_size: int, image_size: int, multiply_adds: float) -> NetworkShape:
    """The uniform network of about that cost, which a search under that budget begins from.

    ConfigError where even the smallest costs more.
    """
    from sit_engine.studies.search.space import plain_under

    cost = lambda shape: float(shape.multiply_adds(image_size))  # noqa: E731
    return plain_under(patch_size, cost, multiply_adds)


def network_time(config: RunConfig, facts: DataFacts) -> float:
    """Milliseconds an image that a network block by block takes here, measured now."""
    from sit_engine.api.settings import resolve
    from sit_engine.machine.device import apply_settings
    from sit_engine.studies.search.budgeted import shape_of
    from sit_engine.studies.search.latency import of_network

    found = resolve(config, facts).config
    shape = shape_of(found)
    device = apply_settings(found.compute, or_cpu=True)
    return of_network(shape, found.model.image_size, device)


def named_apart(names: Sequence[str]) -> list[str]:
    """Equal names get numbers."""
    found: list[str] = []
    for name in names:
        number, free = 2, name
        while free in found:
            free, number = f"{name}-{number}", number + 1
        found.append(free)
    return found
