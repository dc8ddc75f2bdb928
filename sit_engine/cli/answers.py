"""The questions that `sit-engine serve` answers: JSON in, a verb of the api, JSON out.

Paths are plain; only those inside a `config` are escaped as in a TOML file. Torch is loaded by the
questions that need it.
"""

from __future__ import annotations

import inspect as signatures
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Literal

from sit_engine import api
from sit_engine.cli.clip_answers import CLIP_QUESTIONS
from sit_engine.cli.question import (
    Count,
    Json,
    QuestionContext,
    Seed,
    Side,
    Step,
    bad_parameters,
    check_types,
    check_values,
    facts_from,
    path_from,
    paths_from,
)
from sit_engine.cli.verbs.export import snippet
from sit_engine.config.build import build
from sit_engine.config.facts import Variant
from sit_engine.config.families.searched import FAMILY as SEARCHED
from sit_engine.counted import packed, templates_of
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.label_file import LabelColumns
from sit_engine.data.folder.layout import LayoutChoice
from sit_engine.data.folder.saved_index import save_index
from sit_engine.errors import SitError
from sit_engine.files import disk_error
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.records.embedding import DUPLICATES_ABOVE, MapKind
from sit_engine.records.events import Warned


def ask(context: QuestionContext, name: str, params: Json) -> Json:
    """The answer; raises SitError for a question that is unknown or lacks something."""
    if name not in QUESTIONS:
        raise SitError(
            "ask.unknown",
            "There is no question {name}.",
            "Ask one of {known}.",
            name=name,
            known=", ".join(QUESTIONS),
        )
    question = QUESTIONS[name]
    try:
        bound = signatures.signature(question).bind(context, **params)
        check_values(params)
        check_types(question, params)
    except (TypeError, ValueError) as error:
        raise bad_parameters(name, error) from None
    return question(*bound.args, **bound.kwargs)


def _device(context: QuestionContext, *, device: str = "auto") -> Json:
    """What this machine computes on, and whether it can make TorchScript."""
    return api.describe_device(build({"compute": {"device": device}}).compute)


def _sample(context: QuestionContext, *, out: str) -> Json:
    """The two folders of the built-in sample, in `out`."""
    train, test = api.write_sample(path_from(out))
    return {"train": str(train), "test": str(test)}


def _scan(
    context: QuestionContext,
    *,
    folders: list[str],
    out: str,
    labels: Literal["folders", "csv", "none"] = "folders",
    labels_file: str | None = None,
    columns: list[str] | None = None,
    layout: LayoutChoice = "auto",
    include: list[str] | None = None,
    exclude: list[str] | None = None,
    test: list[str] | None = None,
    cache_gb: float | None = None,
    config: Json | None = None,
) -> Json:
    """Part {"listed": summary} with `out`/listed, then `out`/decoded, as data.folder.saved_index."""
    place, wanted = path_from(out), None
    # Settings that cannot be are told where they are made.
    with suppress(SitError):
        wanted = None if config is None else build(config)

    def on_listed(index: ImageIndex) -> None:
        context.part({"listed": save_index(index, place / "listed", stage="listed")})

    try:
        found = api.scan(
            [str(path_from(folder)) for folder in folders],
            labels=labels,
            labels_file=labels_file and str(path_from(labels_file)),
            columns=_columns(columns),
            layout=layout,
            include=include or (),
            exclude=exclude or (),
            test=[str(path_from(folder)) for folder in test or ()],
            on_progress=context.progress,
            cancel=context.is_over,
            on_listed=on_listed,
            cache_gb=cache_gb,
            config=wanted,
        )
        folder = place / "decoded"
        summary = save_index(
            found.index, folder, leaks=found.leaks, stage="decoded", cues=found.cues
        )
    except OSError as error:
        raise disk_error(error, place) from None
    return {"folder": str(folder), "summary": summary}


def _views(
    context: QuestionContext,
    *,
    images: list[str],
    config: Json,
    seed: Seed,
    out: str,
    facts: Json | None = None,
    image_size: Side | None = None,
    patch_size: Side | None = None,
) -> Json:
    """What the model would see of the images, view by view, as arrays in `out`."""
    shown = api.show_views(
        [str(path_from(image)) for image in images],
        config,
        seed=seed,
        facts=None if facts is None else facts_from(facts),
        image_size=image_size,
        patch_size=patch_size,
    )
    try:
        files = shown.save(path_from(out))
    except OSError as error:
        raise disk_error(error, path_from(out)) from None
    return {
        "files": files,
        "views": [
            {
                "name": view.name,
                "size": view.kind.size,
                "for_student": view.kind.for_student,
                "for_teacher": view.kind.for_teacher,
            }
            for view in shown.views
        ],
        "mask_share": shown.mask_share,
        "image_size": shown.original.shape[1],
    }


def _pairs(context: QuestionContext, *, images: list[str], out: str) -> Json:
    """The images as they are and changed in four ways, as arrays in `out`."""
    return {"files": api.show_pairs([str(path_from(image)) for image in images], path_from(out))}


def _alike(context: QuestionContext, *, weights: str, images: list[str], out: str) -> Json:
    """Some of the images, and those that weights find most like each, as arrays in `out`."""
    return {
        "files": api.show_alike(
            path_from(weights),
            [str(path_from(image)) for image in images],
            path_from(out),
            on_progress=context.progress,
            cancel=context.is_over,
        )
    }


def _dry_run(context: QuestionContext, *, config: Json) -> Json:
    """A short measured run on some of the images."""
    return asdict(api.dry_run(build(config), on_progress=context.progress, cancel=context.is_over))


def _resolve(
    context: QuestionContext, *, config: Json, facts: Json, images_per_s: float | None = None
) -> Json:
    """Every "auto" of the settings, and why; `images_per_s` turns minutes into epochs."""
    found = api.resolve(build(config), facts_from(facts), images_per_s=images_per_s)
    settings = found.config.model_dump(mode="json")
    return {
        "settings": settings,
        "reasons": found.reasons,
        "templates": templates_of(found.reasons),
    }


def _network_time(context: QuestionContext, *, model: Json, facts: Json, device: str) -> Json:
    """How long a network of the family `searched` takes on this machine."""
    config = build({"model": model | {"family": SEARCHED}, "compute": {"device": device}})
    return {"milliseconds": api.network_time(config, facts_from(facts))}


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
            columns=_columns(columns),
            layout=layout,
            step=step,
            network=network,
            knn_only=knn_only,
            without_missing=without_missing,
        ),
        on_progress=context.progress,
    )
    return {"report": report.to_json(), "text": report.to_text(), "file": str(file)}


def _find_folders(
    context: QuestionContext, *, run: str, folders: list[str], without_missing: bool = False
) -> Json:
    """Where a run's images were found again: a sentence with its code and what fills it."""
    told = api.find_folders(
        path_from(run),
        paths_from(folders),
        without_missing=without_missing,
        on_progress=context.progress,
        cancel=context.is_over,
    )
    return _sentence(told)


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


def _cache(context: QuestionContext, *, clear: bool = False) -> Json:
    """Where decoded pixels are kept, what they take, what is free; `clear` removes them first."""
    return api.cache(clear=clear)


def _columns(names: list[str] | None) -> LabelColumns | None:
    """How a label file calls its columns of paths and of labels."""
    return None if names is None or len(names) != 2 else LabelColumns(*names)


def _check(context: QuestionContext, *, run: str) -> Json:
    """What is wrong with a run's files: sentences with their codes and what fills them."""
    found = api.check(path_from(run))
    wrong = [*found.problems, *found.damaged.values()]
    return {"problems": [_sentence(told) for told in wrong], "good": found.good}


def _repair(context: QuestionContext, *, run: str) -> Json:
    """What was done to a run folder: sentences with their codes and what fills them."""
    return {"done": [_sentence(told) for told in api.repair(path_from(run))]}


def _sentence(told: SitError | Warned) -> Json:
    return packed({"code": told.code, "message": told.message, "values": told.values})


QUESTIONS: dict[str, Callable[..., Json]] = {
    "device": _device,
    "sample": _sample,
    "scan": _scan,
    "views": _views,
    "pairs": _pairs,
    "alike": _alike,
    "dry_run": _dry_run,
    "resolve": _resolve,
    "network_time": _network_time,
    "evaluate": _evaluate,
    "find_folders": _find_folders,
    "predict": _predict,
    "embed": _embed,
    "map": _map,
    "neighbours": _neighbours,
    "export": _export,
    "import": _import,
    "fetch": _fetch,
    "inspect": _inspect,
    "cache": _cache,
    "check": _check,
    "repair": _repair,
    **CLIP_QUESTIONS,
}
