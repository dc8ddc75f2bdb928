"""How a leg begins: a new run and its folder, the next leg of an old one, a finetuned run's twin."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sit_engine import ranks
from sit_engine.config.build import build, merge
from sit_engine.config.toml_file import read_chosen
from sit_engine.config.tree import RunConfig
from sit_engine.data.folder.layout import has_parts
from sit_engine.data.scan.own_images import move
from sit_engine.errors import CheckpointError, ConfigError, DataError, RunError
from sit_engine.records.commands import check_epochs
from sit_engine.records.event_log import EventWriter, read_events
from sit_engine.records.events import CheckpointWritten, Event, Warned, warning
from sit_engine.records.locking.run_lock import RunLock
from sit_engine.records.places import Places, file_along, places_of
from sit_engine.records.run import OpenedRun, Run
from sit_engine.records.run_folder import create_run, discard_unstarted, open_run, write_chosen
from sit_engine.records.summary import summarise
from sit_engine.training import checkpoint, frozen
from sit_engine.training.control import Control, FolderControl
from sit_engine.training.leg import From, RunResult
from sit_engine.training.prepare import prepare_new, prepare_resumed, teller
from sit_engine.training.recovery.out_of_memory import Change
from sit_engine.training.train import train

NO_CHECKPOINT = -1

Emit = Callable[[Event], None]
MakeControl = Callable[[Run], Control]


def start(
    config: RunConfig, out: Path, *, emit: Emit, make_control: MakeControl | None = None
) -> RunResult:
    """Make the run folder `out` and train its first leg, by whatever method `config` names."""
    config = with_absolute_paths(config)
    check_outside(out, config.data.folders)
    check_shared(config)
    if not ranks.is_first():
        return _follow(out, emit, make_control)
    with RunLock(create_run(out, config)) as run:
        try:
            with _events(run, emit) as tell:
                return _first_leg(run, config, tell, make_control)
        finally:
            discard_unstarted(run)


def _first_leg(
    run: Run, config: RunConfig, emit: Emit, make_control: MakeControl | None
) -> RunResult:
    control = (make_control or FolderControl)(run)
    resolved, data = prepare_new(run, config, emit)
    ranks.agree([NO_CHECKPOINT, 0])
    ranks.told("[]")
    return train(run, resolved, data, emit=emit, control=control)


def _follow(
    path: Path, emit: Emit, make_control: MakeControl | None, epochs: float | None = None
) -> RunResult:
    """The leg of a rank that is not the first: it waits for the run folder and writes nothing there.

    Its machine must have the same images.
    """
    step, leg = ranks.agree([NO_CHECKPOINT, 0])
    changes = tuple(Change(**told) for told in json.loads(ranks.told("")))
    run = open_run(path)
    config = run.config()
    was_complete = summarise(run, holder_is_me=True).status == "completed"
    data, _ = prepare_resumed(run, config, _same_images)
    found = None if step == NO_CHECKPOINT else checkpoint.folder(run, step)
    control = (make_control or FolderControl)(run)
    begin = From(found, leg, epochs, was_complete, changes)
    return train(run, config, data, emit=emit, control=control, begin=begin)


def check_shared(config: RunConfig) -> None:
    """Every rank gets as many images of a batch; "auto" is rounded to that."""
    batch = config.optim.batch_size
    if batch != "auto" and batch % ranks.count():
        raise ConfigError(
            "config.batch_ranks",
            "A batch of {batch} images cannot be shared evenly by {count} processes.",
            "Set optim.batch_size to a multiple of {count}, or take fewer processes.",
            batch=batch,
            count=ranks.count(),
        )


def _same_images(event: Event) -> None:
    """What is a warning to a run that goes on later would here mix two sets of images."""
    if isinstance(event, Warned) and event.code == "data.changed":
        raise DataError(
            "ranks.images",
            "The images that process {number} of {count} finds are not those of the run.",
            "Give every machine the same files under the same path.",
            number=ranks.number() + 1,
            count=ranks.count(),
        )


@dataclass(frozen=True)
class GoingOn:
    """How a run is to be gone on with."""

    epochs: float | None = None
    """To so many in all."""
    accept_changes: bool = False
    """Take settings and split as they are now, whoever changed them."""
    without_missing: bool = False
    """Leave images out that are gone."""
    folders: tuple[str, ...] = ()
    """Where the images are now, if they moved."""


def resume(
    path: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None = None,
    how: GoingOn | None = None,
) -> RunResult:
    """Train the next leg of a run from its newest checkpoint that verifies.

    One that was ended before its settings were worked out begins again with what was asked for.
    """
    run, how = open_run(path, prepared=False), how or GoingOn()
    if how.epochs is not None:
        check_epochs(how.epochs)
    if not ranks.is_first():
        return _follow(path, emit, make_control, how.epochs)
    with RunLock(run) as run, _events(run, emit) as tell:
        checkpoint.recover(run)
        found = _newest(run, tell)
        for restored in frozen.mend(run):
            tell(restored)
        if not run.config_file.is_file():
            config = _as_asked(run.wanted(), how)
            Places(config.data.folders).check_there(run)
            write_chosen(run, config)
            return _first_leg(run, config, tell, make_control)
        last = summarise(run, holder_is_me=True)
        if last.status == "completed" and how.epochs is None:
            raise RunError(
                "run.complete",
                "The run {path} is complete.",
                "Give --epochs with a larger number to train it further.",
                path=path,
            )
        changes, accepted = frozen.check_unchanged(run, accept=how.accept_changes)
        if accepted is not None:
            frozen.ask_for(run, changes)
        config = run.config()
        check_shared(config)
        if how.folders:
            moved = move(
                run, how.folders, without_missing=how.without_missing, on_progress=teller(tell)
            )
            tell(moved.told())
        data, left_out = prepare_resumed(run, config, tell, without_missing=how.without_missing)
        control = (make_control or FolderControl)(run)
        begin = From(
            found,
            last.leg + 1,
            how.epochs,
            last.status == "completed",
            (*changes, *left_out),
            accepted,
        )
        step = NO_CHECKPOINT if found is None else int(found.name.rpartition("-")[2])
        ranks.agree([step, begin.leg])
        ranks.told(json.dumps([asdict(change) for change in begin.changes]))
        return train(run, config, data, emit=tell, control=control, begin=begin)


def _newest(run: Run, tell: Emit) -> Path | None:
    """The newest checkpoint that verifies; None where the run was killed before its first one.

    Then it begins again with the frozen settings and split; never in silence where there was one.
    """
    events = (event for event, _ in read_events(run))
    told = [event.step for event in events if isinstance(event, CheckpointWritten)]
    if steps := checkpoint.all_steps(run):
        found, manifest, rejected = checkpoint.newest_verified(run)
        if told and told[-1] > steps[-1]:
            tell(
                warning(
                    "checkpoint.vanished",
                    "The newest checkpoint that was written, of step {step}, is gone; the run goes on "
                    "from that of step {found}.",
                    step=told[-1],
                    found=manifest["step"],
                )
            )
        for why in rejected:
            tell(
                warning("checkpoint.rejected", "A newer checkpoint is passed over. {why}", why=why)
            )
        return found
    if told:
        raise CheckpointError(
            "checkpoint.gone",
            "The run {path} was trained to step {step}, but all its checkpoints are gone.",
            "Put its folder `checkpoints` back from a copy, or train anew with `sit-engine pretrain "
            "--config {path}/config.toml`.",
            path=run.path,
            step=told[-1],
        )
    return None


def _as_asked(config: RunConfig, how: GoingOn) -> RunConfig:
    """The settings of a run that never began: nothing is frozen that other folders must agree with."""
    optim, data = config.optim, config.data
    if how.epochs is not None:
        optim = optim.model_copy(update={"epochs": float(how.epochs), "minutes": None})
    if how.folders:
        file = file_along(data.labels_file, data.folders, how.folders)
        data = data.model_copy(update={"folders": how.folders, "labels_file": file})
    return config.model_copy(update={"optim": optim, "data": data})


def scratch_config(run: Run) -> RunConfig:
    """The settings of a finetuned run's twin: the same images, network and length, no weights.

    What the user left "auto" is worked out anew, so that the twin gets the recipe of a fresh start.
    """
    config = run.config()
    if not config.method.needs_labels:
        raise RunError(
            "run.not_finetuned",
            "The run {path} was not finetuned: there is nothing to compare a scratch run with.",
            "Give a run that `sit-engine finetune` made.",
            path=run.path,
        )
    same: dict[str, Any] = {
        "model": config.model.same_network(),
        "optim": {
            "epochs": config.optim.epochs,
            "minutes": None,
            "batch_size": config.optim.batch_size,
        },
        "data": {"layout": config.data.layout},
    }
    # A share would be drawn from the images to train on, where the folder has its own to validate on.
    if not has_parts(config.data.layout):
        same["data"]["watch_share"] = config.data.watch_share
    places = places_of(run)
    places.check_there(run)
    chosen = merge(read_chosen(run.config_file), same)
    chosen["model"].pop("weights", None)
    twin = build(chosen)
    lie = {"folders": places.folders, "labels_file": places.labels_file}
    return twin.model_copy(update={"data": twin.data.model_copy(update=lie)})


@contextmanager
def _events(run: OpenedRun, emit: Emit) -> Iterator[Emit]:
    """Events go into the run folder and to the caller."""
    writer = EventWriter(run)

    def tell(event: Event) -> None:
        writer.write(event)
        emit(event)

    try:
        if run.has_heartbeat:
            tell(
                warning(
                    "run.no_locks",
                    "The disk of {path} has no locks: a heartbeat in the folder keeps other processes "
                    "out. Do not train one run from two machines.",
                    path=run.path,
                )
            )
        yield tell
    finally:
        writer.close()


def with_absolute_paths(config: RunConfig) -> RunConfig:
    """The folders as they must stand in the run, which is read from other places later."""
    if not config.data.folders:
        raise DataError("data.no_folder", "No folder of images was given.", "Name one or more.")
    data, file, weights = config.data, config.data.labels_file, config.model.weights
    update = {
        "folders": tuple(_absolute(folder) for folder in data.folders),
        "labels_file": None if file is None else _absolute(file),
    }
    start = {"weights": None if weights is None else _absolute(weights)}
    model = config.model.model_copy(update=start)
    return config.model_copy(update={"data": data.model_copy(update=update), "model": model})


def _absolute(name: str) -> str:
    return str(Path(name).expanduser().absolute())


def check_outside(out: Path, folders: Sequence[str]) -> None:
    """A run inside its images would be scanned as images, and the user's folder be changed."""
    for folder in folders:
        if out.resolve().is_relative_to(Path(folder).resolve()):
            raise RunError(
                "run.inside",
                "The run folder {out} would lie inside the folder of images {folder}.",
                "Choose another place with --out.",
                out=out,
                folder=folder,
            )
