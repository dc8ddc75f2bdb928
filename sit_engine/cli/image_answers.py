"""The questions about folders of images for `sit-engine serve`; see sit_engine.cli.answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from sit_engine import api
from sit_engine.cli.question import (
    Json,
    QuestionContext,
    Seed,
    Side,
    columns_from,
    facts_from,
    path_from,
)
from sit_engine.config.build import build
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.layout import LayoutChoice
from sit_engine.data.folder.saved_index import save_index
from sit_engine.errors import SitError
from sit_engine.files import disk_error


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
            columns=columns_from(columns),
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
) -> Json:
    """What the model would see of the images, view by view, as arrays in `out`."""
    shown = api.show_views(
        [str(path_from(image)) for image in images],
        config,
        seed=seed,
        facts=None if facts is None else facts_from(facts),
        image_size=image_size,
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


IMAGE_QUESTIONS: dict[str, Callable[..., Json]] = {
    "sample": _sample,
    "scan": _scan,
    "views": _views,
    "pairs": _pairs,
    "alike": _alike,
}
