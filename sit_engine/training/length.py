"""How long a run is, and what makes it longer while it trains."""

from __future__ import annotations

from sit_engine.config.tree import LONGEST_EPOCHS
from sit_engine.errors import ConfigError
from sit_engine.records.commands import answer_to, refusal
from sit_engine.records.events import CommandAnswered
from sit_engine.training.progress import Progress
from sit_engine.training.recovery.out_of_memory import Change


def steps_of(epochs: float, per_epoch: int) -> int:
    """Steps of so many epochs of `per_epoch` steps."""
    return round(max(0.0, epochs) * per_epoch)


def lengthen(progress: Progress, epochs: float, per_epoch: int) -> Change | CommandAnswered:
    """The schedules stretch from here on; a length that cannot be is refused, not taken."""
    if epochs > LONGEST_EPOCHS:
        return answer_to("extend", "command.refused_length", most=str(LONGEST_EPOCHS))
    total = steps_of(epochs, per_epoch)
    if total <= progress.step:
        epoch = f"{progress.step / per_epoch:.4g}"
        return answer_to("extend", "command.refused_epoch", epoch=epoch)
    old = progress.total_steps / per_epoch
    progress.total_steps = total
    return Change("optim.epochs", f"{old:g}", f"{epochs:g}", "asked for")


def not_longer(epochs: float, answer: CommandAnswered) -> ConfigError:
    """What is said where whoever resumes asks for a length that cannot be."""
    return ConfigError(
        "config.extend",
        "The run cannot be trained to {epochs} epochs: {answer}.",
        "Give --epochs with a larger number.",
        epochs=f"{epochs:g}",
        answer=refusal(answer.code, **answer.values),
    )
