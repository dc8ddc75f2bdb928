"""The questions that `sit-engine serve` answers: JSON in, a verb of the api, JSON out.

Paths are plain; only those inside a `config` are escaped as in a TOML file. Torch is loaded by the
questions that need it.
"""

from __future__ import annotations

import inspect as signatures
from collections.abc import Callable
from dataclasses import asdict

from sit_engine import api
from sit_engine.cli.clip_answers import CLIP_QUESTIONS
from sit_engine.cli.image_answers import IMAGE_QUESTIONS
from sit_engine.cli.model_answers import MODEL_QUESTIONS
from sit_engine.cli.question import (
    Json,
    QuestionContext,
    bad_parameters,
    check_types,
    check_values,
    facts_from,
    path_from,
    paths_from,
)
from sit_engine.config.build import build
from sit_engine.counted import packed, templates_of
from sit_engine.errors import SitError
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
    """How long a network that is known block by block takes on this machine."""
    config = build({"model": model, "compute": {"device": device}})
    return {"milliseconds": api.network_time(config, facts_from(facts))}


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


def _cache(context: QuestionContext, *, clear: bool = False) -> Json:
    """Where decoded pixels are kept, what they take, what is free; `clear` removes them first."""
    return api.cache(clear=clear)


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
    "dry_run": _dry_run,
    "resolve": _resolve,
    "network_time": _network_time,
    "find_folders": _find_folders,
    "cache": _cache,
    "check": _check,
    "repair": _repair,
    **IMAGE_QUESTIONS,
    **MODEL_QUESTIONS,
    **CLIP_QUESTIONS,
}
