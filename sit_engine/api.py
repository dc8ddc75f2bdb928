"""The door to the engine: thin typed verbs for the command line and the window.

Imports torch inside its functions only, so that the door itself opens at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sit_engine.config.facts import DataFacts, Variant
from sit_engine.config.tree import ComputeOptions, RunConfig
from sit_engine.counted import templates_of
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.label_file import LabelColumns
from sit_engine.data.folder.layout import LayoutWish
from sit_engine.data.folder.wanted import Patterns
from sit_engine.errors import RunError
from sit_engine.files import disk_error
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.records.compare_request import CompareRequest
from sit_engine.records.comparison import Comparison
from sit_engine.records.embedding import DUPLICATES_ABOVE, Embedded, MapKind
from sit_engine.records.event_log import read_events
from sit_engine.records.events import Event, Warned
from sit_engine.records.exported import Exported
from sit_engine.records.imported import Imported
from sit_engine.records.progress import OnProgress
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.records.tuning import Tuning

if TYPE_CHECKING:
    from sit_engine.config.resolve import Resolved
    from sit_engine.data.scan.full_scan import ScanResult
    from sit_engine.inspection.views import Shown
    from sit_engine.jobs.check import Checked
    from sit_engine.jobs.dry_run import DryRun
    from sit_engine.jobs.predict import Predicted
    from sit_engine.records.report import Report
    from sit_engine.training.control import Control
    from sit_engine.training.leg import RunResult

Emit = Callable[[Event], None]
MakeControl = Callable[[Run], "Control"]


def scan(
    folders: Sequence[str],
    *,
    labels: Literal["folders", "csv", "none"] = "folders",
    labels_file: str | None = None,
    columns: LabelColumns | None = None,
    layout: LayoutWish = "auto",
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    test: Sequence[str] = (),
    on_progress: OnProgress | None = None,
    cancel: Callable[[], bool] | None = None,
    on_listed: Callable[[ImageIndex], None] | None = None,
    cache_gb: float | None = None,
    config: RunConfig | None = None,
) -> ScanResult:
    """List, read and fully decode every file; gives what is usable, every problem, and the cues.

    `on_listed` gets what the headers alone say; `test` folders are searched for training images, or
    without them the folders' own test images, if their `layout` has some. Decoded as a run with
    `config` would have it.
    """
    from sit_engine.data.folder.facts import facts_of
    from sit_engine.data.scan.full_scan import full_scan
    from sit_engine.evaluation.cues import PHASE, find_cues

    found = full_scan(
        folders,
        labels=labels,
        labels_file=labels_file,
        columns=columns or LabelColumns(),
        layout=layout,
        patterns=Patterns(tuple(include), tuple(exclude)),
        test=test,
        on_progress=on_progress,
        cancel=cancel,
        on_listed=on_listed,
        cache_gb=cache_gb,
        config=config,
    )
    if found.store is None or not facts_of(found.index).has_cues:
        return found
    if on_progress is not None:
        on_progress(PHASE, 0, 0)
    return replace(found, cues=find_cues(found.index, found.store))


def pretrain(
    config: RunConfig, out: Path, *, emit: Emit, make_control: MakeControl | None = None
) -> RunResult:
    """Make the run folder `out` and train its first leg, by whatever method `config` names."""
    from sit_engine.training.start import start

    return start(config, out, emit=emit, make_control=make_control)


def finetune(
    config: RunConfig,
    out: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None = None,
    with_scratch: bool = False,
) -> RunResult:
    """A run that learns labels; with `with_scratch` a second one that starts from nothing."""
    result = pretrain(config, out, emit=emit, make_control=make_control)
    if with_scratch and result.outcome == "completed":
        twin, place = scratch_twin(out)
        result = pretrain(twin, place, emit=emit, make_control=make_control)
    return result


def scratch_twin(path: Path) -> tuple[RunConfig, Path]:
    """Settings and place of a finetuned run's twin that starts from nothing."""
    from sit_engine.records.starts import scratch_of
    from sit_engine.training.start import scratch_config

    return scratch_config(open_run(path)), scratch_of(path)


def resume(
    path: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None = None,
    epochs: float | None = None,
    accept_changes: bool = False,
    without_missing: bool = False,
    folders: Sequence[str] = (),
) -> RunResult:
    """Train the next leg of a run from its newest checkpoint that verifies.

    `accept_changes` takes settings and split as they are now, though someone changed them by hand;
    `without_missing` leaves images out that are gone; `folders`: as `find_folders` takes them.
    """
    from sit_engine.training.start import GoingOn
    from sit_engine.training.start import resume as go_on

    how = GoingOn(epochs, accept_changes, without_missing, tuple(folders))
    return go_on(path, emit=emit, make_control=make_control, how=how)


def find_folders(
    path: Path,
    folders: Sequence[str],
    *,
    without_missing: bool = False,
    on_progress: OnProgress | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Warned:
    """Look for a run's images in `folders`, where they moved to; every verb finds them there then.

    They are known by their content, wherever they lie in there. Says what was found; DataError where
    some are gone, unless `without_missing`.
    """
    from sit_engine.data.scan.own_images import move

    run = open_run(path)
    return move(
        run, folders, without_missing=without_missing, on_progress=on_progress, cancel=cancel
    ).told()


def check(path: Path) -> Checked:
    """All that is wrong with a run's files; nothing is changed."""
    from sit_engine.jobs.check import check

    return check(path)


def repair(path: Path) -> list[Warned]:
    """Mend a run folder without deleting anything; what was done, a sentence each."""
    from sit_engine.jobs.repair import repair

    return repair(path)


def evaluate(
    path: Path, request: EvaluateRequest, *, on_progress: OnProgress | None = None
) -> tuple[Report, Path]:
    """Measure a run on labelled folders: the report, and its file in `evaluations/`."""
    from sit_engine.jobs.evaluate import evaluate_run

    return evaluate_run(open_run(path), request, on_progress)


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


def predict(
    source: Path,
    folders: Sequence[str],
    out: Path,
    *,
    step: int | None = None,
    network: str | None = None,
    trust: bool = False,
    on_progress: OnProgress | None = None,
) -> Predicted:
    """Write the answers of a finetuned run, or of an exported model, for folders into a CSV file.

    `trust` opens a program that no run of ours is known to have exported.
    """
    from sit_engine.jobs.predict import predict as answer
    from sit_engine.jobs.predict import predictor

    found = predictor(source, step=step, network=network, trust=trust)
    return answer(found, folders, out, on_progress)


def embed(
    path: Path,
    folders: Sequence[str],
    out: Path,
    *,
    step: int | None = None,
    network: str | None = None,
    duplicates_above: float = DUPLICATES_ABOVE,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Write features, a map and near-duplicates of folders into `out`; gives its `about.json`."""
    from sit_engine.jobs.embed import EmbedRequest
    from sit_engine.jobs.embed import embed as write

    asked = EmbedRequest(folders, step, network, duplicates_above)
    return write(open_run(path), asked, out, on_progress)


def add_map(embedded: Path, kind: MapKind, *, on_progress: OnProgress | None = None) -> Path:
    """Draw a map of embedded images into their folder; gives its file."""
    from sit_engine.jobs.embed import add_map as draw

    return draw(embedded, kind, on_progress)


def neighbours(embedded: Path, image: str, *, count: int = 12) -> list[tuple[int, str, float]]:
    """Row, path and cosine of the embedded images most like `image`, itself left out.

    An image that is embedded and did not change since is found without its network.
    """
    found = Embedded.open(embedded)
    row = found.row_of(image)
    if row is not None and found.is_unchanged(row):
        feature = found.features[row]
    else:
        from sit_engine.jobs.embed import feature_of

        feature = feature_of(found, image)
    return [(at, found.paths[at], near) for at, near in found.nearest(feature, count, but=row)]


def inspect(path: Path, *, images: Sequence[str], out: Path, step: int | None = None) -> list[Path]:
    """Write reconstructions and attention of `images` (none: the run's own) into `out`."""
    from sit_engine.jobs.networks import inspect_into

    run = open_run(path)
    try:
        out.mkdir(parents=True, exist_ok=True)
        return inspect_into(run, images, out, step)
    except OSError as error:
        raise disk_error(error, out) from None


def draw_curves(path: Path, out: Path) -> Path:
    """Draw the curves of a run, from its events, as one PNG."""
    from sit_engine.inspection.curves import write_curves

    events = [event for event, _ in read_events(open_run(path))]
    try:
        write_curves(events, out)
    except OSError as error:
        raise disk_error(error, out) from None
    return out


def export(
    path: Path,
    *,
    format: Literal["torchscript", "onnx", "pt2", "safetensors"],
    out: Path,
    head: Literal["features", "classifier"] | None = None,
    step: int | None = None,
    network: str | None = None,
) -> Exported:
    """Write a run's model so that it runs without us; a program is reopened and compared.

    `head` None is the classifier of a finetuned run, and features of any other.
    """
    from sit_engine.export.write import Model, write
    from sit_engine.jobs.networks import load_backbones

    run = open_run(path)
    loaded = load_backbones(run, step=step, network=network)
    if head == "classifier" and loaded.classifier is None:
        raise RunError(
            "run.no_classifier",
            "The run {path} has no classifier: it was trained without labels.",
            "Finetune it first with `sit-engine finetune`, or export --head features.",
            path=path,
        )
    classifier = None if head == "features" else loaded.classifier
    return write(
        run, Model(loaded.trained, classifier, loaded.step, loaded.network), format=format, out=out
    )


def import_weights(
    file: Path,
    out: Path,
    *,
    network: str | None = None,
    heads: int | None = None,
    image_size: int | None = None,
    variant: Variant | None = None,
    timm: str | None = None,
) -> Imported:
    """Write weights that others trained into the folder `out`, from which a run may start.

    Files and folders of SiT, DINO, DINOv2, MoCo v3, MAE, CLIP, DeiT, timm and transformers; None is what
    their authors use, the heads usual for the width, the file's own view size in px, and the variant that
    its parts tell. `timm` names a network of timm's that is no plain vision transformer.
    """
    from sit_engine.models.imports.importing import import_weights as read

    return read(
        file, out, network=network, heads=heads, image_size=image_size, variant=variant, timm=timm
    )


def show_views(
    images: Sequence[str],
    settings: Mapping[str, Any],
    *,
    seed: int,
    facts: DataFacts | None = None,
    image_size: int | None = None,
    patch_size: int | None = None,
) -> Shown:
    """What the model would see of `images` with a user's settings; no network is built."""
    from sit_engine.inspection.views import show

    return show(
        images, settings, seed=seed, facts=facts, image_size=image_size, patch_size=patch_size
    )


def show_pairs(images: Sequence[str], out: Path) -> dict[str, str]:
    """Write the images, and each in other colours, mirrored, turned and halved, as arrays into `out`."""
    from sit_engine.inspection.pairs import show_pairs as show
    from sit_engine.inspection.views import save_arrays

    arrays = show(images)
    try:
        return save_arrays(out, arrays)
    except OSError as error:
        raise disk_error(error, out) from None


def dry_run(
    config: RunConfig, *, on_progress: OnProgress, cancel: Callable[[], bool] | None = None
) -> DryRun:
    """Measure for some seconds what a run with this config would take."""
    from sit_engine.jobs.dry_run import dry_run as measure
    from sit_engine.training.start import with_absolute_paths

    return measure(with_absolute_paths(config), on_progress, cancel=cancel)


def resolve(config: RunConfig, facts: DataFacts, *, images_per_s: float | None = None) -> Resolved:
    """Every "auto" of `config` for such images on this machine's device."""
    from sit_engine.config.resolve import resolve as fill
    from sit_engine.machine.device import probe_once
    from sit_engine.training.prepare import with_start

    config, start = with_start(config)
    device = replace(probe_once(config.compute), images_per_s=images_per_s)
    return fill(config, facts, device, start)


def describe_device(compute: ComputeOptions) -> dict[str, Any]:
    """Facts about the device, in plain values."""
    import torch

    from sit_engine.export.formats import can_torchscript
    from sit_engine.export.graphs import can_onnx
    from sit_engine.machine.device import probe_once, why_no_gpu

    facts = asdict(probe_once(compute))
    return {
        "facts": facts,
        "templates": templates_of(facts),
        "torch": torch.__version__,
        "why_no_gpu": why_no_gpu(),
        "torchscript": can_torchscript(),
        "onnx": can_onnx(),
    }


def cache(*, clear: bool = False) -> dict[str, Any]:
    """Where decoded pixels are kept and what they take, after removing them where asked."""
    from sit_engine.data.pixel_cache.cache import PixelCache

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
        raise disk_error(error, mark) from None
    return found
