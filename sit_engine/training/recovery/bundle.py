"""What a run that ends since its steps are not finite leaves of one of them, to be looked at anywhere.

A folder `bundles/step-00000042` with the settings, the pixels of the batch, weights and optimiser before
the step, and `bundle.json` with everything else, sizes and hashes; read by jobs.replay.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sit_engine import ranks
from sit_engine.counted import Sentence
from sit_engine.errors import FileError, SitError
from sit_engine.files import disk_error, file_hash, in_place_of
from sit_engine.methods.protocol import Losses, StepInfo
from sit_engine.own_files import read_json
from sit_engine.records.events import warning
from sit_engine.records.run import Run
from sit_engine.training.checkpoint import load_state
from sit_engine.training.checkpointing import CheckpointManager
from sit_engine.training.frozen import CONFIG
from sit_engine.training.progress import Progress
from sit_engine.training.recovery.rollback import draw_seed
from sit_engine.training.stepper import Stepper

FORMAT = 1
ABOUT, BATCH, MODEL, STATE = "bundle.json", "batch.safetensors", "model.safetensors", "state.pt"
MOST_TRIED = 5


@dataclass(frozen=True)
class Bundle:
    """One step: N images of side S, and the networks before it."""

    path: Path
    about: dict[str, Any]
    batch: dict[str, Tensor]
    """images_NSSC uint8, aspect_N, labels_N; train_labels of all training images."""
    model: dict[str, Tensor]
    optimiser: dict[str, Any]

    @property
    def step_info(self) -> StepInfo:
        """The step's place in the run, with the seed of its draws."""
        about = self.about
        # Bundles of before had no method that counts epochs.
        per_epoch = int(about.get("steps_per_epoch", 1))
        return StepInfo(
            int(about["seed"]), int(about["step"]), int(about["total_steps"]), per_epoch
        )


def try_write(
    checkpoint_manager: CheckpointManager, progress: Progress, learning_rate: float, why: str
) -> Path | None:
    """As `write`; a disk that refuses is told, and no more: the run ends all the same."""
    try:
        return write(checkpoint_manager, progress, learning_rate, why)
    except SitError as error:
        checkpoint_manager.emit(
            warning("bundle.unwritten", "The step could not be kept: {why}", why=error.message)
        )
        return None


def write(
    checkpoint_manager: CheckpointManager, progress: Progress, learning_rate: float, why: str
) -> Path:
    """The bundle of the newest skipped step that is not finite with the weights as they are now.

    Skipped steps change no weights, so after several in a row that is the last one, with the very
    weights before it.
    """
    run, stepper = checkpoint_manager.run, checkpoint_manager.stepper
    # A pass may move the averages of a stem.
    model = {name: t.clone() for name, t in stepper.method.networks.state_dict().items()}
    seed = draw_seed(stepper.seed, progress.draws)
    step, is_same = _step(stepper, progress, seed)
    positions = stepper.batches.order.at(step)
    pixels, positions = stepper.batches.source.read(positions, np.arange(len(positions)))
    names = run.split()["train"]
    about = {
        "format": FORMAT,
        "step": step,
        "total_steps": progress.total_steps,
        "steps_per_epoch": stepper.batches.steps_per_epoch,
        "seed": seed,
        "why": why,
        "is_same": is_same,
        "learning_rate": learning_rate,
        "weight_decay": stepper.optimiser.adamw.param_groups[0]["weight_decay"],
        "parts": stepper.micro_batches,
        "recompute": stepper.is_recomputing,
        "processes": ranks.count(),
        "positions": positions.tolist(),
        "images": [names[position] for position in positions.tolist()],
        "recent_losses": progress.recent_losses,
        "skipped_at": progress.skipped_at,
        "torch": torch.__version__,
    }
    batch = {
        "images_NSSC": torch.from_numpy(pixels),
        "aspect_N": stepper.batches.aspect[positions],
        "labels_N": torch.from_numpy(stepper.batches.labels[positions].astype(np.int64)),
        "train_labels": torch.from_numpy(stepper.batches.labels.astype(np.int64)),
    }
    if (items := stepper.batches.items) is not None:
        batch["items_N"] = torch.from_numpy(items[positions])
    state = {"optimiser": stepper.optimiser.state_dict(), "progress": asdict(progress)}
    return run.written(
        lambda: _write(run, about, batch, model, state, checkpoint_manager.copies[CONFIG])
    )


def _step(stepper: Stepper, progress: Progress, seed: int) -> tuple[int, bool]:
    """The step, and whether it is not finite with the present weights.

    Of several ranks one alone cannot work a step: then it is the last one, untried.
    """
    if ranks.count() == 1:
        for step in reversed(progress.skipped_at[-MOST_TRIED:]):
            per_epoch = stepper.batches.steps_per_epoch
            losses = stepper.learn(StepInfo(seed, step, progress.total_steps, per_epoch)).losses
            if not is_finite(stepper, losses):
                return step, True
    return progress.skipped_at[-1], False


def is_finite(stepper: Stepper, losses: Losses) -> bool:
    """Whether the optimiser would take the step: the host waits for the answer."""
    return bool(torch.isfinite(losses.total) & torch.isfinite(stepper.optimiser.norm()))


def _write(
    run: Run,
    about: dict[str, Any],
    batch: dict[str, Tensor],
    model: dict[str, Tensor],
    state: dict[str, Any],
    config: bytes,
) -> Path:
    final = run.path / "bundles" / f"step-{about['step']:08d}"
    try:
        final.parent.mkdir(exist_ok=True)
        # In place of one of an earlier end of the run at the same step.
        with in_place_of(final, folder=True) as aside:
            aside.mkdir()
            save_file(batch, aside / BATCH)
            save_file({name: t.contiguous().cpu() for name, t in model.items()}, aside / MODEL)
            torch.save(state, aside / STATE)
            (aside / CONFIG).write_bytes(config)
            hashes = {name: file_hash(aside / name) for name in (BATCH, MODEL, STATE, CONFIG)}
            (aside / ABOUT).write_text(json.dumps(about | {"sha256": hashes}, indent=1), "ascii")
    except (OSError, SafetensorError, RuntimeError) as error:
        known = error if isinstance(error, OSError) else OSError(0, str(error).splitlines()[0])
        raise disk_error(known, final) from None
    return final


def read(path: Path) -> Bundle:
    """A bundle whose files agree with their hashes."""
    about = read_json(path / ABOUT)
    try:
        if about["format"] != FORMAT:
            why = Sentence(
                "it has format {found}, this program reads {format}",
                found=about["format"],
                format=FORMAT,
            )
            raise damaged(path, why)
        for name, wanted in about["sha256"].items():
            if file_hash(path / Path(name).name) != wanted:
                raise damaged(path, Sentence("{name} differs from its hash", name=name))
        state = load_state(path)
        found = Bundle(
            path, about, load_file(path / BATCH), load_file(path / MODEL), state["optimiser"]
        )
        _ = found.step_info, found.batch["images_NSSC"], found.batch["train_labels"]
    except (OSError, KeyError, TypeError, ValueError, AttributeError, SafetensorError) as error:
        why = Sentence("a file or a value is missing ({kind})", kind=type(error).__name__)
        raise damaged(path, why) from None
    except SitError as error:
        raise damaged(path, error.values.get("why", error.message)) from None
    return found


def damaged(path: Path, why: str) -> FileError:
    """The sentence for a bundle that cannot be replayed."""
    return FileError(
        "bundle.damaged",
        "The bundle {path} cannot be replayed: {why}.",
        "Give a folder of a run's `bundles` that was copied whole.",
        path=path,
        why=why,
    )
