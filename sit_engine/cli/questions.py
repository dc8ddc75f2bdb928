"""The questions that `sit-engine serve` answers: JSON in, a verb of the api, JSON out.

Paths are plain; only those inside a `config` are escaped as in a TOML file. Torch is loaded by the
questions that need it.
"""

from __future__ import annotations

import inspect as signatures
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from sit_engine import api
from sit_engine.cli.verbs.export import snippet
from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts
from sit_engine.counted import packed, templates_of
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.label_file import LabelColumns
from sit_engine.data.folder.layout import LayoutWish
from sit_engine.data.folder.saved_index import save_index
from sit_engine.errors import CancelledError, SitError
from sit_engine.files import disk_error
from sit_engine.records.embedding import DUPLICATES_ABOVE, MapKind
from sit_engine.records.events import Warned

Json = dict[str, Any]
Step = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=1 << 31)]
Side = Annotated[int, Field(ge=1, le=4096)]
Count = Annotated[int, Field(ge=1, le=10_000)]
MOST_NUMBER = 1 << 53
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class QuestionContext:
    """One question being answered: where its parts go, and whether nobody waits any more."""

    say: Callable[[Json], None]
    is_over: Callable[[], bool]

    def progress(self, phase: str, done: int, total: int) -> None:
        """So many of so many; the way out of a long answer when it is over."""
        if self.is_over():
            raise CancelledError
        self.say({"phase": phase, "done": done, "total": total})

    def part(self, found: Json) -> None:
        """What is known before the end."""
        self.say({"part": found})


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
        _check_values(params)
        _check_types(question, params)
    except (TypeError, ValueError) as error:
        raise _bad_parameters(name, error) from None
    return question(*bound.args, **bound.kwargs)


def _bad_parameters(name: str, why: object) -> SitError:
    return SitError(
        "ask.parameters",
        "The question {name} cannot be asked so: {why}.",
        "Its parameters stand in sit_engine/cli/questions.py.",
        name=name,
        why=why,
    )


def _check_types(question: Callable[..., Json], params: Json) -> None:
    """ValueError for a parameter that is not of its type: "false" would clear a cache."""
    types = get_type_hints(question, include_extras=True)
    for name, value in params.items():
        try:
            TypeAdapter(types[name], config=_STRICT).validate_python(value)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in (name, *first["loc"]))
            raise ValueError(f"{place}: {first['msg'].lower()}") from None


def _check_values(found: object) -> None:
    """ValueError for numbers that no setting has, and for texts that are no file's name."""
    if isinstance(found, dict):
        for name, value in found.items():
            _check_values(name)
            _check_values(value)
    elif isinstance(found, list):
        for value in found:
            _check_values(value)
    elif isinstance(found, str):
        # A name that the file system cannot have is a ValueError too.
        if b"\0" in os.fsencode(found):
            raise ValueError("a text has a zero byte")
    elif isinstance(found, int | float) and not abs(found) <= MOST_NUMBER:
        raise ValueError("a number is too large")


def _facts(values: Json) -> DataFacts:
    """The facts of a question, of their types."""
    try:
        # As JSON, since a dictionary is no dataclass to the strict rules of Python.
        return TypeAdapter(DataFacts).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise _bad_parameters(
            "resolve", f"facts.{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
        ) from None


def _device(context: QuestionContext, *, device: str = "auto") -> Json:
    """What this machine computes on, and whether it can make TorchScript."""
    return api.describe_device(build({"compute": {"device": device}}).compute)


def _sample(context: QuestionContext, *, out: str) -> Json:
    """The two folders of the built-in sample, in `out`."""
    train, test = api.write_sample(_path(out))
    return {"train": str(train), "test": str(test)}


def _scan(
    context: QuestionContext,
    *,
    folders: list[str],
    out: str,
    labels: Literal["folders", "csv", "none"] = "folders",
    labels_file: str | None = None,
    columns: list[str] | None = None,
    layout: LayoutWish = "auto",
    include: list[str] | None = None,
    exclude: list[str] | None = None,
    test: list[str] | None = None,
    cache_gb: float | None = None,
    config: Json | None = None,
) -> Json:
    """Part {"listed": summary} with `out`/listed, then `out`/decoded, as data.saved_index."""
    place, wanted = _path(out), None
    # Settings that cannot be are told where they are made.
    with suppress(SitError):
        wanted = None if config is None else build(config)

    def on_listed(index: ImageIndex) -> None:
        context.part({"listed": save_index(index, place / "listed", stage="listed")})

    try:
        found = api.scan(
            [str(_path(folder)) for folder in folders],
            labels=labels,
            labels_file=labels_file and str(_path(labels_file)),
            columns=_columns(columns),
            layout=layout,
            include=include or (),
            exclude=exclude or (),
            test=[str(_path(folder)) for folder in test or ()],
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
        [str(_path(image)) for image in images],
        config,
        seed=seed,
        facts=None if facts is None else _facts(facts),
        image_size=image_size,
        patch_size=patch_size,
    )
    try:
        files = shown.save(_path(out))
    except OSError as error:
        raise disk_error(error, _path(out)) from None
    return {
        "files": files,
        "views": [view.name for view in shown.views],
        "mask_share": shown.mask_share,
        "image_size": shown.original.shape[1],
    }


def _pairs(context: QuestionContext, *, images: list[str], out: str) -> Json:
    """The images as they are and changed in four ways, as arrays in `out`."""
    return {"files": api.show_pairs([str(_path(image)) for image in images], _path(out))}


def _dry_run(context: QuestionContext, *, config: Json) -> Json:
    """A short measured run on some of the images."""
    return asdict(api.dry_run(build(config), on_progress=context.progress, cancel=context.is_over))


def _resolve(
    context: QuestionContext, *, config: Json, facts: Json, images_per_s: float | None = None
) -> Json:
    """Every "auto" of the settings, and why; `images_per_s` turns minutes into epochs."""
    found = api.resolve(build(config), _facts(facts), images_per_s=images_per_s)
    settings = found.config.model_dump(mode="json")
    return {
        "settings": settings,
        "reasons": found.reasons,
        "templates": templates_of(found.reasons),
    }


def _evaluate(
    context: QuestionContext,
    *,
    run: str,
    test: list[str] | None = None,
    train: list[str] | None = None,
    baseline: list[str] | None = None,
    labels_file: str | None = None,
    columns: list[str] | None = None,
    layout: LayoutWish = "auto",
    step: Step | None = None,
    network: str | None = None,
    knn_only: bool = False,
    without_missing: bool = False,
) -> Json:
    """The report of a run on labelled folders, as values, as a table and as a file."""
    report, file = api.evaluate(
        _path(run),
        train=None if train is None else _paths(train),
        test=_paths(test or []),
        baselines=[_path(weights) for weights in baseline or ()],
        labels_file=labels_file and str(_path(labels_file)),
        columns=_columns(columns),
        layout=layout,
        step=step,
        network=network,
        knn_only=knn_only,
        without_missing=without_missing,
        on_progress=context.progress,
    )
    return {"report": report.to_json(), "text": report.to_text(), "file": str(file)}


def _find_folders(
    context: QuestionContext, *, run: str, folders: list[str], without_missing: bool = False
) -> Json:
    """Where a run's images were found again: a sentence with its code and what fills it."""
    told = api.find_folders(
        _path(run),
        _paths(folders),
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
        _path(source),
        _paths(folders),
        _path(out),
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
    """A folder of embedded images (data.embedded), and what stands in its about.json."""
    about = api.embed(
        _path(run),
        _paths(folders),
        _path(out),
        step=step,
        network=network,
        duplicates_above=duplicates_above,
        on_progress=context.progress,
    )
    return {"folder": str(_path(out)), "about": about}


def _map(context: QuestionContext, *, embedded: str, kind: MapKind) -> Json:
    """A further map in the folder of embedded images."""
    return {"file": str(api.add_map(_path(embedded), kind, on_progress=context.progress))}


def _neighbours(context: QuestionContext, *, embedded: str, image: str, count: Count = 12) -> Json:
    """The embedded images most like one image, the nearest first."""
    found = api.neighbours(_path(embedded), str(_path(image)), count=count)
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
        _path(run), format=format, out=_path(out), head=head, step=step, network=network
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
) -> Json:
    """The folder of weights that a file of others became, as models.imported.Imported."""
    return api.import_weights(
        _path(file), _path(out), network=network, heads=heads, image_size=image_size
    ).to_json()


def _inspect(
    context: QuestionContext, *, run: str, images: list[str], out: str, step: Step | None = None
) -> Json:
    """Reconstructions and attention of images (none: the run's own)."""
    paths = [str(_path(image)) for image in images]
    written = api.inspect(_path(run), images=paths, out=_path(out), step=step)
    return {"files": [str(path) for path in written]}


def _cache(context: QuestionContext, *, clear: bool = False) -> Json:
    """Where decoded pixels are kept, what they take, what is free; `clear` removes them first."""
    return api.cache(clear=clear)


def _columns(names: list[str] | None) -> LabelColumns | None:
    """How a label file calls its columns of paths and of labels."""
    return None if names is None or len(names) != 2 else LabelColumns(*names)


def _path(name: str) -> Path:
    try:
        return Path(name).expanduser().absolute()
    except RuntimeError:
        return Path(name).absolute()  # ~nobody: no such user


def _paths(names: list[str]) -> list[str]:
    return [str(_path(name)) for name in names]


def _check(context: QuestionContext, *, run: str) -> Json:
    """What is wrong with a run's files: sentences with their codes and what fills them."""
    found = api.check(_path(run))
    wrong = [*found.problems, *found.damaged.values()]
    return {"problems": [_sentence(told) for told in wrong], "good": found.good}


def _repair(context: QuestionContext, *, run: str) -> Json:
    """What was done to a run folder, likewise."""
    return {"done": [_sentence(told) for told in api.repair(_path(run))]}


def _sentence(told: SitError | Warned) -> Json:
    return packed({"code": told.code, "message": told.message, "values": told.values})


QUESTIONS: dict[str, Callable[..., Json]] = {
    "device": _device,
    "sample": _sample,
    "scan": _scan,
    "views": _views,
    "pairs": _pairs,
    "dry_run": _dry_run,
    "resolve": _resolve,
    "evaluate": _evaluate,
    "find_folders": _find_folders,
    "predict": _predict,
    "embed": _embed,
    "map": _map,
    "neighbours": _neighbours,
    "export": _export,
    "import": _import,
    "inspect": _inspect,
    "cache": _cache,
    "check": _check,
    "repair": _repair,
}
