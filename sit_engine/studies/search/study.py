"""The right network for a folder, under a budget: a supernet is trained, and networks in it are asked.

ViTAS (arXiv 2106.13700) by the user's own way to pretrain: random networks of the budget take turns in
one with shared weights; then evolution asks networks about held-out images, random search asks as many,
and so is the uniform network of the same budget. Found again after a kill: every answer is a line of
`journal.jsonl`, and the same command asks on from there. records.studies.network_search reads
the folder.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from sit_engine.config.build import build, merge
from sit_engine.config.families.found_network import NETWORK, network_text
from sit_engine.config.families.searched import as_settings, listed
from sit_engine.config.methods import LABELLED_METHOD
from sit_engine.config.tree import RunConfig
from sit_engine.errors import RunError
from sit_engine.files import disk_error, write_aside
from sit_engine.records.commands import take_commands
from sit_engine.records.events import Outcome
from sit_engine.records.locking.run_lock import RunLock, is_running
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run import Run
from sit_engine.records.run_folder import is_run
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.comparison import Budget
from sit_engine.records.studies.network_request import NetworkRequest
from sit_engine.records.studies.network_search import (
    ANEW,
    JOURNAL,
    RANDOM,
    SEARCHED,
    SUPERNET,
    SUPERNET_SHARE,
    UNIFORM,
    Asked,
    NetworkSearch,
    Source,
    read_search,
)
from sit_engine.records.summary import summarise
from sit_engine.studies.compare import OnRun, compare
from sit_engine.studies.search.asking import AskedToEnd, Asking, OnGeneration, obey
from sit_engine.studies.search.evolution import check_pymoo
from sit_engine.studies.search.request import asked_for, carried, freeze
from sit_engine.training.control import FolderControl
from sit_engine.training.start import Emit, MakeControl, resume, start

FILES: dict[Source, str] = {
    "evolution": NETWORK, "random": "random.toml", "uniform": "uniform.toml",
}  # fmt: skip


FRONT = "front"
"""The folder of networks by rising cost, none of which is worse than a cheaper one."""


def search(
    request: NetworkRequest,
    out: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None,
    on_run: OnRun,
    on_generation: OnGeneration,
    tell: OnProgress,
) -> NetworkSearch:
    """Train, ask, and train the best anew, whatever is missing of it; who ends a run ends it for now."""
    check_pymoo()
    if is_running(Run(out)):
        raise RunError(
            "search.locked",
            "Another process works on {out}.",
            "Wait for it, or stop it where it runs.",
            out=out,
        )
    request = carried(request, out)
    asked = asked_for(request, out, tell)
    _make_control(Run(out))
    with RunLock(Run(out)):
        take_commands(Run(out))  # Whatever was said to a search that had ended.
        if not asked.is_done:
            if _train(request, asked, out, emit, make_control, on_run) != "completed":
                return read_search(out)
            if summarise(Run(out / SUPERNET)).step == 0:
                raise RunError(
                    "search.untrained",
                    "The shared weights in {out} were finished before their first step: there is "
                    "nothing to ask.",
                    "Search anew with another --out.",
                    out=out,
                )
            control = (make_control or FolderControl)(Run(out))
            try:
                asking = Asking(request, asked, out, emit, tell, control)
                asking.work(on_generation)
            except AskedToEnd as word:
                if not word.for_good:
                    return read_search(out)
            freeze(replace(read_search(out).asked, is_done=True), out)
        _write_networks(out)
        if request.anew_minutes > 0:
            # What was said while speeds or a network were measured; a run hears of it itself.
            with suppress(AskedToEnd):
                _train_anew(request, out, emit, make_control, on_run, tell)
    return read_search(out)


def _make_control(run: Run) -> None:
    """The folder for commands from elsewhere."""
    try:
        run.control.mkdir(exist_ok=True)
    except OSError as error:
        raise disk_error(error, run.control) from None


# The supernet


def supernet_config(request: NetworkRequest, asked: Asked) -> RunConfig:
    """The user's settings, or those of learning from labels, on the space of the search."""
    space = asked.space
    model = {
        "family": "supernet",
        "image_size": space.image_size,
        "patches": listed(list(space.patches)),
        "widths": listed(list(space.widths)),
        "least_depth": space.least_depth,
        "slots": space.slots,
        "heads": listed(list(space.heads)),
        "attentions": listed(list(space.attentions)),
        "mlps": listed(list(space.mlps)),
        "sharing": asked.sharing,
        "unit": asked.unit,
        "low": asked.low,
        "high": asked.high,
        "memory_mb": asked.memory_mb,
        "times": asked.times,
        "identities": ",".join(f"{share:g}" for share in asked.identities),
    }
    base = request.config
    values = base.model_dump() | {"model": model}
    if asked.is_labelled:
        # Weak changes of the images, as published: crop, mirror, erasing, CutMix, smoothing.
        method = {
            "name": LABELLED_METHOD, "head": "linear", "randaugment": 0, "mixup": 0, "cutmix": 1.0,
            "random_erasing": 0.25, "label_smoothing": 0.1, "patience": 0,
        }  # fmt: skip
        kept = {name: values[name] for name in ("data", "compute", "watch")}
        values = kept | {"model": model, "method": method}
    length = {"minutes": SUPERNET_SHARE * request.minutes, "epochs": "auto"}
    # As published; a network that was not drawn has no gradient to make orthogonal.
    optim = {"optimiser": "adamw", "schedule": "cosine", **length}
    return build(merge(values, {"optim": optim, "compute": {"compile": "off"}}))


def _train(
    request: NetworkRequest,
    asked: Asked,
    out: Path,
    emit: Emit,
    make_control: MakeControl | None,
    on_run: OnRun,
) -> Outcome:
    """The supernet's run, begun or gone on with."""
    run = Run(out / SUPERNET)
    if is_run(run.path) and summarise(run).status == "completed":
        return "completed"
    if not is_run(run.path) and (out / JOURNAL).is_file():
        raise RunError(
            "search.no_weights",
            "The shared weights of the search in {out} are gone; what they answered is still there.",
            "Search anew with another --out.",
            out=out,
        )
    on_run(SUPERNET, 1, 1)
    if is_run(run.path):
        return resume(run.path, emit=emit, make_control=make_control).outcome
    config = supernet_config(request, asked)
    return start(config, run.path, emit=emit, make_control=make_control).outcome


# What comes of it


def _write_networks(out: Path) -> None:
    """The best of each kind as files of settings, and the front where cost was an objective too."""
    found = read_search(out)
    best = {name: found.best(source) for source, name in FILES.items()}
    if found.asked.objectives == 2:
        best |= {f"{FRONT}/{number}.toml": one for number, one in enumerate(found.front, 1)}
    for name, one in best.items():
        if one is not None:
            _write(out / name, network_text(one.shape, found.asked.space.image_size))


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(exist_ok=True)
        write_aside(path, text)
    except OSError as error:
        raise disk_error(error, path) from None


def _train_anew(
    request: NetworkRequest,
    out: Path,
    emit: Emit,
    make_control: MakeControl | None,
    on_run: OnRun,
    tell: OnProgress,
) -> None:
    """The uniform network, the one that was found, and that of random search, by the user's method."""
    found = read_search(out)
    sources: dict[str, Source] = {UNIFORM: "uniform", SEARCHED: "evolution", RANDOM: "random"}
    best = {name: found.best(source) for name, source in sources.items()}
    side = found.asked.space.image_size
    values = request.config.model_dump()
    configs = {
        name: build(values | {"model": as_settings(one.shape, side)})
        for name, one in best.items()
        if one is not None
    }
    control = (make_control or FolderControl)(Run(out))

    def hearing(phase: str, done: int, total: int) -> None:
        obey(control)
        tell(phase, done, total)

    compare(
        CompareRequest(
            request.folder, configs, Budget("minutes", request.anew_minutes), seeds=request.seeds,
            labels_file=request.labels_file,
        ),
        out / ANEW, emit=emit, make_control=make_control, on_run=on_run, tell=hearing,
    )  # fmt: skip
