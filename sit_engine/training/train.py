"""One leg of a run, from a fresh start or a checkpoint to its end, a pause, a stop or a failure."""

from __future__ import annotations

from collections.abc import Callable

from sit_engine import ranks
from sit_engine.config.tree import ResolvedConfig
from sit_engine.errors import SitError
from sit_engine.files import disk_error
from sit_engine.machine.device import find_device, forget_peak, memory_errors
from sit_engine.machine.malloc import tuned_malloc
from sit_engine.machine.spinning import courteous
from sit_engine.records.events import Event, RunFinished
from sit_engine.records.run import Run
from sit_engine.training.control import Control
from sit_engine.training.leg import From, RunResult, TrainingData
from sit_engine.training.loop import Leg

Emit = Callable[[Event], None]


def train(
    run: Run,
    config: ResolvedConfig,
    data: TrainingData,
    *,
    emit: Emit,
    control: Control,
    begin: From | None = None,
) -> RunResult:
    """Train one leg. Raises SitError; emits exactly one RunFinished either way."""
    begin = begin or From()
    leg = begin.leg
    trainer: Leg | None = None
    try:
        with (
            memory_errors(config), tuned_malloc(config.compute), courteous(config.compute) as others,
        ):  # fmt: skip
            # What was measured or trained before in this process is not this run's.
            forget_peak(find_device(config.compute.device))
            trainer = Leg(run, config, data, others, emit=emit, control=control)
            trainer.begin(begin)
            return trainer.work()
    except SitError as error:
        failure: SitError = error
    except OSError as error:
        failure = _disk_failure(error, run)
    except RuntimeError as error:
        known = ranks.lost(error)
        if known is None:
            _finish_failed(emit, trainer, leg, SitError("internal", "{what}", what=repr(error)))
            raise
        failure = known
    except Exception as error:
        _finish_failed(emit, trainer, leg, SitError("internal", "{what}", what=repr(error)))
        raise
    _finish_failed(emit, trainer, leg, failure)
    raise failure


def _disk_failure(error: OSError, run: Run) -> SitError:
    """A file that could not be written; the run folder itself may be gone."""
    try:
        return disk_error(error, run.path)
    except SitError as gone:
        return gone


def _finish_failed(emit: Emit, trainer: Leg | None, leg: int, error: SitError) -> None:
    step = trainer.progress.step if trainer else 0
    emit(RunFinished("failed", step, leg, error.code, error.message, error.hint, error.values))
