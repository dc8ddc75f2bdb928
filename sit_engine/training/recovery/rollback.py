"""Goes back to an earlier checkpoint when steps do not stay finite, and goes on differently.

What is different: half the learning rate, and other draws. Draws are functions of (seed, step), so the
same step would meet the same images, views and dropped paths again, and fail again. They get another
seed from there on, one for each time; a resumed run finds its number in the checkpoint.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from sit_engine import ranks
from sit_engine.counted import Sentence
from sit_engine.errors import NotFiniteError
from sit_engine.records.events import ConfigChanged, Event, RolledBack
from sit_engine.records.run import Run
from sit_engine.training import checkpoint
from sit_engine.training.checkpointing import CheckpointManager
from sit_engine.training.progress import Progress
from sit_engine.training.recovery.out_of_memory import Change
from sit_engine.views.seeds import stream_seed

NOT_FINITE = "train.not_finite"
"""How a run ends that went back too often."""
MOST_ROLLBACKS = 2
"""The next one ends the run: then the rate was a quarter, and it is not the rate."""
FIELD = "optim.learning_rate"
NONE = -1


def draw_seed(seed: int, draws: int) -> int:
    """The seed of a run's steps: its own until it went back for the first time."""
    return stream_seed(seed, draws, 0, "draws") if draws else seed


def go_back(
    checkpoint_manager: CheckpointManager, before: Progress, *, rate: float, why: str
) -> tuple[Progress, list[Event]]:
    """Networks, optimiser and monitor of an earlier checkpoint; where the run stands then, and what is
    to be told. `rate` is what the settings say.

    The checkpoint is written anew with what differs, and those after it go, before anyone is told: a
    kill leaves the one or the other way to go on, never a mixture.
    """
    path = _place(checkpoint_manager.run, before)
    if path is None:
        raise not_steady(checkpoint_manager.run, before, None, why)
    progress = checkpoint_manager.restore(path)
    ranks.wait()  # Nobody reads the checkpoint any more, which is written anew.
    change = _differently(progress, before, rate, why)
    checkpoint_manager.save(progress, again=True)
    if ranks.is_first():
        checkpoint.drop_after(checkpoint_manager.run, progress.step)
    now = rate * progress.rate_share
    back = RolledBack(before.step, progress.step, progress.rollbacks, now, why)
    return progress, [back, ConfigChanged(step=progress.step, **asdict(change))]


def not_steady(
    run: Run, before: Progress, now: Progress | None, why: str, bundle: Path | None = None
) -> NotFiniteError:
    """The sentence for a run that ends; `now` is where it stands, None without a good checkpoint.

    `bundle` holds one of the steps.
    """
    return NotFiniteError(
        NOT_FINITE,
        "Training does not stay finite: {why}, up to step {step}, though the run went back {count} "
        "times and halved the learning rate each time.",
        "The weights are good again, those of {good}. Lower optim.learning_rate in {path}/config.toml, "
        "then `sit-engine resume {path} --accept-changes`. {look}",
        why=why,
        step=before.step,
        count=before.rollbacks,
        good=Sentence("no checkpoint") if now is None else Sentence("step {step}", step=now.step),
        path=run.path,
        look=""
        if bundle is None
        else Sentence("`sit-engine replay {bundle}` works such a step again.", bundle=bundle),
    )


def _place(run: Run, progress: Progress) -> Path | None:
    """The newest checkpoint that verifies and was written before the first of the skipped steps.

    Where that is the one that the run went back to last, the one before: it may hold weights that are
    finite and lead nowhere. None: there is no good one. All ranks take the first one's.
    """
    step = _step(run, progress) if ranks.is_first() else NONE
    (step,) = ranks.agree([step])
    return None if step == NONE else checkpoint.folder(run, step)


def _step(run: Run, progress: Progress) -> int:
    before = min(progress.skipped_at)
    steps = [step for step in reversed(checkpoint.all_steps(run)) if step <= before]
    good = [step for step in steps if checkpoint.is_whole(checkpoint.folder(run, step))]
    is_again = progress.rollbacks > 0 and len(good) > 1 and good[0] == progress.back_at
    return (good[1] if is_again else good[0]) if good else NONE


def _differently(restored: Progress, before: Progress, rate: float, why: str) -> Change:
    """Make what a checkpoint holds go on differently than `before`; `rate` is what the settings say."""
    restored.leg, restored.total_steps = before.leg, before.total_steps
    restored.skipped, restored.spikes = before.skipped, before.spikes
    restored.skipped_at = []
    restored.rollbacks, restored.back_at = before.rollbacks + 1, restored.step
    restored.draws = max(before.draws, restored.draws) + 1
    old, restored.rate_share = before.rate_share, before.rate_share / 2
    change = Change(FIELD, f"{rate * old:g}", f"{rate * restored.rate_share:g}", why)
    restored.changes = [*before.changes, change.plain()]
    return change
