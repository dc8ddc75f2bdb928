"""The door to the engine: thin typed verbs for the command line and the window.

Imports torch inside its functions only, so that the door itself opens at once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sit_engine import runs
from sit_engine.config.facts import DataFacts
from sit_engine.config.fields import no_auto
from sit_engine.config.tree import ComputeOptions, RunConfig
from sit_engine.data.index import ImageIndex
from sit_engine.data.names import escape_name, unescape_name
from sit_engine.errors import ConfigError, DataError, RunError
from sit_engine.events import Event, warning
from sit_engine.export.exported import Exported

if TYPE_CHECKING:
    from sit_engine.config.resolve import Resolved
    from sit_engine.data.full_scan import ScanResult
    from sit_engine.evaluation.report import Report
    from sit_engine.inspection.corruption import Shown
    from sit_engine.training.control import Control
    from sit_engine.training.dry_run import DryRun
    from sit_engine.training.loop import RunResult

Emit = Callable[[Event], None]
Progress = Callable[[str, int, int], None]
MakeControl = Callable[[runs.Run], "Control"]


def scan(
    folders: Sequence[str],
    *,
    labels: Literal["folders", "csv", "none"] = "folders",
    labels_file: str | None = None,
    test: Sequence[str] = (),
    on_progress: Progress | None = None,
    cancel: Callable[[], bool] | None = None,
    on_listed: Callable[[ImageIndex], None] | None = None,
    cache_gb: float | None = None,
) -> ScanResult:
    """List, read and fully decode every file; gives what is usable, and every problem.

    `on_listed` gets what the headers alone say; `test` folders are searched for training images.
    """
    from sit_engine.data.full_scan import full_scan

    return full_scan(
        folders,
        labels=labels,
        labels_file=labels_file,
        test=test,
        on_progress=on_progress,
        cancel=cancel,
        on_listed=on_listed,
        cache_gb=cache_gb,
    )


def pretrain(
    config: RunConfig, out: Path, *, emit: Emit, make_control: MakeControl | None = None
) -> RunResult:
    """Make the run folder `out` and train its first leg."""
    config = _with_absolute_folders(config)
    _check_outside(out, config.data.folders)
    run = runs.create(out)
    try:
        with runs.Lock(run), _events(run, emit) as tell:
            return _first_leg(run, config, tell, make_control)
    finally:
        runs.discard_unstarted(run)


def _first_leg(
    run: runs.Run, config: RunConfig, emit: Emit, make_control: MakeControl | None
) -> RunResult:
    from sit_engine.training.control import FolderControl
    from sit_engine.training.loop import train
    from sit_engine.training.prepare import prepare_new

    control = (make_control or FolderControl)(run)
    resolved, data = prepare_new(run, config, emit)
    return train(run, resolved, data, emit=emit, control=control)


def resume(
    path: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None = None,
    epochs: float | None = None,
) -> RunResult:
    """Train the next leg of a run from its newest checkpoint that verifies."""
    from sit_engine.training import checkpoint
    from sit_engine.training.control import FolderControl
    from sit_engine.training.loop import train
    from sit_engine.training.prepare import prepare_resumed

    run = runs.open_run(path)
    if epochs is not None and not (math.isfinite(epochs) and epochs > 0):
        raise ConfigError(
            "config.epochs",
            "The number of epochs cannot be {value}.",
            "Give one above 0.",
            value=epochs,
        )
    with runs.Lock(run), _events(run, emit) as tell:
        last = runs.summarise(run, holder_is_me=True)
        if last.status == "completed" and epochs is None:
            raise RunError(
                "run.complete",
                "The run {path} is complete.",
                "Give --epochs with a larger number to train it further.",
                path=path,
            )
        found = None
        # Killed before the first checkpoint: begin again with the frozen settings and split.
        if checkpoint.all_steps(run):
            found, _, rejected = checkpoint.newest_verified(run)
            for sentence in rejected:
                tell(
                    warning(
                        "checkpoint.rejected",
                        "A newer checkpoint is passed over. {why}",
                        why=sentence,
                    )
                )
        config = run.config()
        data = prepare_resumed(run, config, tell)
        control = (make_control or FolderControl)(run)
        start = (found, last.leg + 1)
        return train(
            run, config, data, emit=tell, control=control, resume_from=start, epochs=epochs
        )


def evaluate(
    path: Path,
    *,
    train: Sequence[str],
    test: Sequence[str],
    step: int | None = None,
    network: str | None = None,
    knn_only: bool = False,
    on_progress: Progress | None = None,
) -> tuple[Report, Path]:
    """Measure a run's features on labelled folders: the report, and its file in `evaluations/`.

    `knn_only` leaves the linear probe and few-shot out, which take longer.
    """
    import json

    from sit_engine.evaluation.report import evaluate as measure
    from sit_engine.training.device import apply_settings
    from sit_engine.training.restore import load_backbones, load_labelled

    run = runs.open_run(path)
    config = run.config()
    device = apply_settings(config.compute, or_cpu=True)
    loaded = load_backbones(run, step=step, network=network)
    train_set, test_set, classes, left_out = load_labelled(run, train, test, on_progress)
    report = measure(
        {"untrained": loaded.untrained, "pretrained": loaded.trained},
        train_set,
        test_set,
        classes=classes,
        network=loaded.network,
        step=loaded.step,
        device=device,
        seed=config.compute.seed,
        left_out=left_out,
        knn_only=knn_only,
        on_progress=on_progress,
    )
    text = json.dumps(report.to_json() | {"train": list(train), "test": list(test)}, indent=1)
    name = f"step-{loaded.step:08d}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    try:
        file = run.folder("evaluations") / name
        runs.write_aside(file, text)
    except OSError as error:
        raise runs.disk_error(error, run.path) from None
    return report, file


def inspect(path: Path, *, images: Sequence[str], out: Path, step: int | None = None) -> list[Path]:
    """Write reconstructions and attention of `images` (none: the run's own) into `out`."""
    from sit_engine.training.restore import inspect_into

    run = runs.open_run(path)
    try:
        out.mkdir(parents=True, exist_ok=True)
        return inspect_into(run, images, out, step)
    except OSError as error:
        raise runs.disk_error(error, out) from None


def draw_curves(path: Path, out: Path) -> Path:
    """Draw the curves of a run, from its events, as one PNG."""
    from sit_engine.inspection.curves import write_curves

    events = [event for event, _ in runs.read_events(runs.open_run(path))]
    try:
        write_curves(events, out)
    except OSError as error:
        raise runs.disk_error(error, out) from None
    return out


def export(
    path: Path,
    *,
    format: Literal["torchscript", "safetensors"],
    out: Path,
    step: int | None = None,
    network: str | None = None,
) -> Exported:
    """Write the backbone of a run so that it runs without us; a program is reopened and compared."""
    import json

    from sit_engine.export import formats
    from sit_engine.export.card import write_card
    from sit_engine.export.verify import verify_torchscript
    from sit_engine.training.restore import load_backbones

    run = runs.open_run(path)
    config = run.config()
    loaded = load_backbones(run, step=step, network=network)
    about: dict[str, Any] = {
        "run": run.path.name,
        "step": loaded.step,
        "network": loaded.network,
        "features": "class token after the final norm",
        "value_range": run.split()["value_range"],
    }
    classes = tuple(run.split()["classes"])
    if format == "safetensors":
        formats.export_safetensors(loaded.trained, config, about, out)
        exported = Exported(out, format, loaded.step, loaded.network)
        digest = runs.file_hash(out / "model.safetensors")
    else:
        eager = formats.export_torchscript(loaded.trained, config, classes, about, out)
        checked = verify_torchscript(out, eager, no_auto(config.model.image_size))
        exported = Exported(
            out, format, loaded.step, loaded.network,
            checked.difference, checked.latency_ms, checked.threads,
        )  # fmt: skip
        digest = runs.file_hash(out)
    exported = replace(exported, card=write_card(run, about, out))
    record = about | {"file": str(out), "format": format, "sha256": digest}
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{format}.json"
    try:
        runs.write_aside(run.folder("exports") / name, json.dumps(record, indent=1))
    except OSError as error:
        raise runs.disk_error(error, run.path) from None
    return exported


def show_corruption(
    images: Sequence[str],
    settings: Mapping[str, Any],
    *,
    seed: int,
    facts: DataFacts | None = None,
    image_size: int | None = None,
    patch_size: int | None = None,
) -> Shown:
    """What the model would see of `images` with a user's settings; no network is built."""
    from sit_engine.inspection.corruption import show

    return show(
        images, settings, seed=seed, facts=facts, image_size=image_size, patch_size=patch_size
    )


def dry_run(
    config: RunConfig, *, on_progress: Progress, cancel: Callable[[], bool] | None = None
) -> DryRun:
    """Measure for some seconds what a run with this config would take."""
    from sit_engine.training.dry_run import dry_run as measure

    return measure(_with_absolute_folders(config), on_progress, cancel=cancel)


def resolve(config: RunConfig, facts: DataFacts, *, images_per_s: float | None = None) -> Resolved:
    """Every "auto" of `config` for such images on this machine's device."""
    from sit_engine.config.resolve import resolve as fill
    from sit_engine.training.device import probe_once

    return fill(config, facts, replace(probe_once(config.compute), images_per_s=images_per_s))


def describe_device(compute: ComputeOptions) -> dict[str, Any]:
    """Facts about the device, in plain values."""
    import torch

    from sit_engine.export.formats import can_torchscript
    from sit_engine.training.device import probe_once, why_no_gpu

    return {
        "facts": asdict(probe_once(compute)),
        "torch": torch.__version__,
        "why_no_gpu": why_no_gpu(),
        "torchscript": can_torchscript(),
    }


def cache(*, clear: bool = False) -> dict[str, Any]:
    """Where decoded pixels are kept and what they take, after removing them where asked."""
    from sit_engine.data.cache import PixelCache

    kept = PixelCache(wait_s=1.0)
    if clear:
        kept.clear()
    return {"path": str(kept.root), "bytes": kept.size_bytes(), "free_bytes": kept.free_bytes()}


def write_sample(folder: Path) -> tuple[Path, Path]:
    """The built-in sample's train and test folders, written unless they are there whole."""
    from sit_engine.data.sample import write_sample as write

    mark = folder / ".complete"
    if mark.is_file():
        return folder / "train", folder / "test"
    found = write(folder)
    try:
        mark.touch()
    except OSError as error:
        raise runs.disk_error(error, mark) from None
    return found


@contextmanager
def _events(run: runs.Run, emit: Emit) -> Iterator[Emit]:
    """Events go into the run folder and to the caller."""
    writer = runs.EventWriter(run)

    def tell(event: Event) -> None:
        writer.write(event)
        emit(event)

    try:
        yield tell
    finally:
        writer.close()


def _with_absolute_folders(config: RunConfig) -> RunConfig:
    """The folders as they must stand in the run, which is read from other places later."""
    if not config.data.folders:
        raise DataError("data.no_folder", "No folder of images was given.", "Name one or more.")
    data, file = config.data, config.data.labels_file
    update = {
        "folders": tuple(_absolute(folder) for folder in data.folders),
        "labels_file": None if file is None else _absolute(file),
    }
    return config.model_copy(update={"data": data.model_copy(update=update)})


def _absolute(name: str) -> str:
    return escape_name(str(Path(unescape_name(name)).expanduser().absolute()))


def _check_outside(out: Path, folders: Sequence[str]) -> None:
    """A run inside its images would be scanned as images, and the user's folder be changed."""
    for folder in folders:
        if out.resolve().is_relative_to(Path(unescape_name(folder)).resolve()):
            raise RunError(
                "run.inside",
                "The run folder {out} would lie inside the folder of images {folder}.",
                "Choose another place with --out.",
                out=out,
                folder=folder,
            )
