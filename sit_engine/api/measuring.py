"""What a run's networks say of images: reports, answers, features and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sit_engine.config.backbones import FeatureKind
from sit_engine.files import disk_error
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.records.embedding import DUPLICATES_ABOVE, Embedded, MapKind
from sit_engine.records.event_log import read_events
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run_folder import open_run

if TYPE_CHECKING:
    from sit_engine.jobs.predict import Predicted
    from sit_engine.records.report import Report


def evaluate(
    path: Path, request: EvaluateRequest, *, on_progress: OnProgress | None = None
) -> tuple[Report, Path]:
    """Measure a run on labelled folders: the report, and its file in `evaluations/`."""
    from sit_engine.jobs.evaluate import evaluate_run

    return evaluate_run(open_run(path), request, on_progress)


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
    features: FeatureKind = "usual",
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Write features, a map and near-duplicates of folders into `out`; gives its `about.json`."""
    from sit_engine.jobs.embed import EmbedRequest
    from sit_engine.jobs.embed import embed as write

    asked = EmbedRequest(folders, step, network, duplicates_above, features)
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


def inspect(
    path: Path,
    *,
    images: Sequence[str],
    out: Path,
    step: int | None = None,
    keep: float | None = None,
) -> list[Path]:
    """Write reconstructions and attention of `images` (none: the run's own) into `out`.

    With `keep` the sheet of attention shows where that share of it lies, instead of heat.
    """
    from sit_engine.jobs.networks import inspect_into

    run = open_run(path)
    try:
        out.mkdir(parents=True, exist_ok=True)
        return inspect_into(run, images, out, step, keep)
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
