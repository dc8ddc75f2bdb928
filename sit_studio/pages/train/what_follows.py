"""What follows from the settings: values, the run's course, and how it is asked for elsewhere.

Of those with weights to start from the engine's child tells, which looks into them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from sit_engine.config.build import build
from sit_engine.config.course import Course
from sit_engine.config.facts import DataFacts
from sit_engine.config.resolve import Resolved, course_of
from sit_engine.config.resolved import as_resolved
from sit_engine.config.schema import titled_families
from sit_engine.counted import with_templates
from sit_engine.errors import SitError
from sit_studio.engine.questions import Answer, Question
from sit_studio.models.failure import Failure, failure_of
from sit_studio.models.settings_model import CheckedSettings, SettingsModel
from sit_studio.pages.train.form import said
from sit_studio.session import Session


def ask_what_follows(
    session: Session, checked: CheckedSettings, hear: Callable[[CheckedSettings], None]
) -> None:
    """Ask for the resolved settings and `hear` them later; nothing where there is no image yet."""
    facts, config = session.dataset.facts, checked.config
    if config is None or facts is None or not facts.images or session.device is None:
        return

    def refused(failure: Failure) -> None:
        hear(CheckedSettings(config, failure=failure))

    def answered(answer: Answer) -> None:
        try:
            reasons = with_templates(answer["reasons"], answer.get("templates"))
            resolved = Resolved(as_resolved(build(answer["settings"])), reasons)
        except SitError as error:
            refused(failure_of(error))
            return
        hear(CheckedSettings(config, resolved))

    params = {"config": config.model_dump(mode="json"), "facts": asdict(facts)}
    session.asker.ask(Question("resolve", params, answered, refused, slot="resolve"))


def course_known(checked: CheckedSettings, facts: DataFacts | None) -> Course | None:
    """The course of a pretraining run whose epochs are known; None: of another, or unknown."""
    if checked.config is None or checked.resolved is None or not facts or not facts.images:
        return None
    # How many epochs fit into minutes only the speed tells.
    if checked.config.optim.minutes is not None or checked.config.method.needs_labels:
        return None
    return course_of(checked.resolved.config, facts)


def of_each_kind(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings with each kind of network, of the sizes that it takes by itself, by its name."""
    side = {key: each for key, each in values.get("model", {}).items() if key == "image_size"}
    return {
        said(title): values | {"model": side | {"family": name}}
        for name, title in titled_families().items()
    }


def command_line(session: Session, model: SettingsModel, *, with_scratch: bool) -> str:
    """The command that starts this run on the open images in a terminal."""
    dataset = session.dataset
    return model.command_line(
        dataset.folders,
        dataset.labels,
        dataset.labels_file,
        layout=dataset.layout,
        patterns=dataset.patterns,
        columns=dataset.columns,
        cache_gb=session.preferences.cache_gb,
        with_scratch=with_scratch,
    )
