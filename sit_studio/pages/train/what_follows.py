"""What follows from settings with weights to start from: the engine's child looks into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

from sit_engine.config.build import build
from sit_engine.config.resolve import Resolved
from sit_engine.config.resolved import as_resolved
from sit_engine.counted import with_templates
from sit_engine.errors import SitError
from sit_studio.engine.questions import Answer, Question
from sit_studio.models.failure import Failure, failure_of
from sit_studio.models.settings_model import CheckedSettings
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
