"""The questions that put a model to work for `sit-engine serve`; see sit_engine.cli.answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from sit_engine import api
from sit_engine.cli.question import (
    Count,
    Json,
    QuestionContext,
    Side,
    Step,
    columns_from,
    path_from,
    paths_from,
)
from sit_engine.cli.verbs.export import snippet
from sit_engine.config.facts import Variant
from sit_engine.data.folder.layout import LayoutChoice
from sit_engine.errors import SitError
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.records.embedding import DUPLICATES_ABOVE, MapKind


def _evaluate(
    context: QuestionContext,
    *,
    run: str,
    test: list[str] | None = None,
    train: list[str] | None = None,
    baseline: list[str] | None = None,
    labels_file: str | None = None,
    columns: list[str] | None = None,
    layout: LayoutChoice = "auto",
    step: Step | None = None,
    network: str | None = None,
    knn_only: bool = False,
    without_missing: bool = False,
) -> Json:
    """The report of a run on labelled folders, as values, as a table and as a file."""
    report, file = api.evaluate(
        path_from(run),
        EvaluateRequest(
            train=None if train is None else paths_from(train),
            test=paths_from(test or []),
            baselines=[path_from(weights) for weights in baseline or ()],
            labels_file=labels_file and str(path_from(labels_file)),
            columns=columns_from(columns),
            layout=layout,
            step=step,
            network=network,
            knn_only=knn_only,
            without_missing=without_missing,
        ),
        on_progress=context.progress,
    )
    return {"report": report.to_json(), "text": report.to_text(), "file": str(file)}


def _predict(
    context: QuestionContext,
    *,
    folders: list[str],
    out: str,
    run: str | None = None,
    model: str | None = None,
    step: Step | None = None,
    network: str | None = None,
    trust: bool = False,
) -> Json:
    """A CSV file with the answers of a `run`, or of an exported `model`, and a summary of it."""
    source = model or run
    if not source:
        raise SitError(
            "ask.no_model", "Nothing was named that could answer.", "Name a run or a model."
        )
    done = api.predict(
        path_from(source),
        paths_from(folders),
        path_from(out),
        step=step,
        network=network,
        trust=trust,
        on_progress=context.progress,
    )
    return done.to_json() | {"text": done.to_text()}


def _embed(
    context: QuestionContext,
    *,
    run: str,
    folders: list[str],
    out: str,
    step: Step | None = None,
    network: str | None = None,
    duplicates_above: float = DUPLICATES_ABOVE,
) -> Json:
    """A folder of embedded images (records.embedding), and what stands in its about.json."""
    about = api.embed(
        path_from(run),
        paths_from(folders),
        path_from(out),
        step=step,
        network=network,
        duplicates_above=duplicates_above,
        on_progress=context.progress,
    )
    return {"folder": str(path_from(out)), "about": about}


def _map(context: QuestionContext, *, embedded: str, kind: MapKind) -> Json:
    """A further map in the folder of embedded images."""
    return {"file": str(api.add_map(path_from(embedded), kind, on_progress=context.progress))}


def _neighbours(context: QuestionContext, *, embedded: str, image: str, count: Count = 12) -> Json:
    """The embedded images most like one image, the nearest first."""
    found = api.neighbours(path_from(embedded), str(path_from(image)), count=count)
    keys = ("row", "path", "cosine")
    return {"neighbours": [dict(zip(keys, near, strict=True)) for near in found]}


def _export(
    context: QuestionContext,
    *,
    run: str,
    format: Literal["torchscript", "onnx", "pt2", "safetensors"],
    out: str,
    head: Literal["features", "classifier"] | None = None,
    step: Step | None = None,
    network: str | None = None,
) -> Json:
    """What was written, how it was checked, and lines that load it."""
    done = api.export(
        path_from(run), format=format, out=path_from(out), head=head, step=step, network=network
    )
    return done.to_json() | {"snippet": snippet(done)}


def _import(
    context: QuestionContext,
    *,
    file: str,
    out: str,
    network: str | None = None,
    heads: Side | None = None,
    image_size: Side | None = None,
    variant: Variant | None = None,
    timm: str | None = None,
) -> Json:
    """The folder of weights that a file of others became, as records.imported.Imported."""
    return api.import_weights(
        path_from(file), path_from(out),
        network=network, heads=heads, image_size=image_size, variant=variant, timm=timm,
    ).to_json()  # fmt: skip


def _fetch(context: QuestionContext, *, name: str, out: str) -> Json:
    """Public weights from the hub as a folder to start from; progress is in MB."""
    return api.fetch_weights(name, path_from(out), on_progress=context.progress).to_json()


def _inspect(
    context: QuestionContext, *, run: str, images: list[str], out: str, step: Step | None = None
) -> Json:
    """Reconstructions and attention of images (none: the run's own)."""
    paths = [str(path_from(image)) for image in images]
    written = api.inspect(path_from(run), images=paths, out=path_from(out), step=step)
    return {"files": [str(path) for path in written]}


MODEL_QUESTIONS: dict[str, Callable[..., Json]] = {
    "evaluate": _evaluate,
    "predict": _predict,
    "embed": _embed,
    "map": _map,
    "neighbours": _neighbours,
    "export": _export,
    "import": _import,
    "fetch": _fetch,
    "inspect": _inspect,
}
