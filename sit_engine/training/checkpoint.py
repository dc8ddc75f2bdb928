"""Checkpoints: written whole or not at all, verified by their manifest before they are trusted.

A checkpoint is a folder `step-00001200` with `model.safetensors`, `state.pt` (tensors and plain
values only, opened with `weights_only=True`) and `manifest.json` with sizes and hashes, written last.
Copies of `config.toml` and `split.json` lie beside them, hashed too; a damaged copy makes no checkpoint
unusable.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sit_engine.counted import Sentence, joined
from sit_engine.errors import CheckpointError
from sit_engine.files import clear_asides, disk_error, file_hash, folder_to_disk, read_json, to_disk
from sit_engine.records.run import Run

FILES = ("model.safetensors", "state.pt")
_NO_COPIES: Mapping[str, bytes] = MappingProxyType({})


def save(
    run: Run,
    step: int,
    model: dict[str, Tensor],
    state: dict[str, Any],
    about: dict[str, Any],
    *,
    copies: Mapping[str, bytes] = _NO_COPIES,
) -> Path:
    """Write the checkpoint of `step`; `about` goes into the manifest for readers without torch.

    `copies` of the run's settings and split travel with it (training.frozen).
    """
    checkpoints = run.folder("checkpoints")
    final = checkpoints / f"step-{step:08d}"
    aside = checkpoints / f".{final.name}.{os.getpid()}.tmp"
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        save_file(
            {name: value.contiguous().cpu() for name, value in model.items()}, aside / FILES[0]
        )
        torch.save(state, aside / FILES[1])
        for name, content in copies.items():
            (aside / name).write_bytes(content)
        files = {
            name: {"bytes": (aside / name).stat().st_size, "sha256": file_hash(aside / name)}
            for name in (*FILES, *copies)
        }
        manifest = {"step": step, "files": files} | about
        with (aside / "manifest.json").open("w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=1)
        to_disk(aside)
        _put_in(aside, final)
    except (OSError, SafetensorError, RuntimeError, KeyboardInterrupt) as error:
        shutil.rmtree(aside, ignore_errors=True)
        if isinstance(error, KeyboardInterrupt):
            raise
        if isinstance(error, OSError):
            raise disk_error(error, final) from None
        # safetensors and torch wrap the system's error in their own when a write fails.
        raise disk_error(OSError(0, str(error).splitlines()[0]), final) from None
    return final


def _put_in(new: Path, final: Path) -> None:
    """The one that was there goes last, so that of the two a whole one stands at every moment."""
    old = _old(final)
    if final.exists():
        shutil.rmtree(old, ignore_errors=True)
        final.rename(old)
    try:
        new.rename(final)
    except OSError:
        if old.exists():
            old.rename(final)
        raise
    folder_to_disk(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def _old(final: Path) -> Path:
    """Folder of a checkpoint for the instant in which a new one of its step takes its place."""
    return final.with_name(f".{final.name}.old")


def recover(run: Run) -> int:
    """Mend what a killed process was in the middle of: half a checkpoint goes, a replaced one whose
    successor is not whole comes back. Called by the one writer; gives how many there were.
    """
    asides = sum(clear_asides(folder) for folder in (run.path, run.path / "exports"))
    if not run.checkpoints.is_dir():
        return asides
    replaced = list(run.checkpoints.glob(".step-*.old"))
    for old in replaced:
        final = old.with_name(old.name[1 : -len(".old")])
        if is_whole(final):
            shutil.rmtree(old, ignore_errors=True)
        else:
            shutil.rmtree(final, ignore_errors=True)
            old.rename(final)
    unfinished = [
        path for end in ("tmp", "gone") for path in run.checkpoints.glob(f".step-*.{end}")
    ]
    for path in unfinished:
        shutil.rmtree(path, ignore_errors=True)
    if replaced:
        folder_to_disk(run.checkpoints)
    return len(replaced) + len(unfinished) + asides


def is_whole(path: Path) -> bool:
    """Whether the checkpoint verifies."""
    try:
        verify(path)
    except CheckpointError:
        return False
    return True


@contextmanager
def foreign_errors(path: Path) -> Iterator[None]:
    """Tensors or values of another network become our sentence."""
    try:
        yield
    except (RuntimeError, TypeError, KeyError, ValueError) as error:
        raise CheckpointError(
            "checkpoint.foreign",
            "The checkpoint {path} does not fit the settings of its run: {why}.",
            "It may belong to another run; choose an older one with --step.",
            path=path,
            why=str(error).splitlines()[0],
        ) from None


def all_steps(run: Run) -> list[int]:
    """Steps of the finished checkpoint folders, oldest first; not yet verified."""
    if not run.checkpoints.is_dir():
        return []
    known = re.compile(r"step-(\d{8,})|\.step-(\d{8,})\.old")
    names = (known.fullmatch(path.name) for path in run.checkpoints.iterdir())
    return sorted({int(name[1] or name[2]) for name in names if name})


def folder(run: Run, step: int) -> Path:
    """Folder of the checkpoint of `step`, also while it is replaced."""
    final = run.checkpoints / f"step-{step:08d}"
    return _old(final) if not final.exists() and _old(final).exists() else final


def verify(path: Path) -> dict[str, Any]:
    """The manifest, after sizes and hashes agree with it."""
    try:
        manifest = read_json(path / "manifest.json")
        for name in FILES:
            wanted, file = manifest["files"][name], path / name
            if file.stat().st_size != wanted["bytes"] or file_hash(file) != wanted["sha256"]:
                raise _damaged(path, Sentence("{name} differs from its manifest", name=name))
    except (OSError, ValueError, KeyError, TypeError) as error:
        kind = type(error).__name__
        why = Sentence("its manifest or a file cannot be read ({kind})", kind=kind)
        raise _damaged(path, why) from None
    # The best step is -1 where none was validated.
    steps = [manifest.get("step"), manifest.get("best_step", -1)]
    if not all(type(step) is int and -1 <= step < 1 << 53 for step in steps) or steps[0] < 0:
        raise _damaged(path, "its manifest names a step that no run has")
    return dict(manifest)


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        "checkpoint.damaged",
        "The checkpoint {path} is damaged: {why}.",
        "Choose an older one with --step, or run `sit-engine doctor` on its run.",
        path=path,
        why=why,
    )


def newest_verified(run: Run) -> tuple[Path, dict[str, Any], list[str]]:
    """The newest checkpoint that verifies, its manifest, and sentences about newer ones that do not."""
    rejected: list[str] = []
    for step in reversed(all_steps(run)):
        try:
            return folder(run, step), verify(folder(run, step)), rejected
        except CheckpointError as error:
            rejected.append(error.message)
    raise CheckpointError(
        "checkpoint.none",
        "The run {path} has no checkpoint that can be used.",
        "{why}",
        path=run.path,
        why=joined(rejected, " ")
        or Sentence("It ended before the first one was written; start it again."),
    )


def load_model(path: Path) -> dict[str, Tensor]:
    """The tensors of `model.safetensors` of a checkpoint folder, on the CPU."""
    try:
        return dict(load_file(path / FILES[0]))
    except (OSError, SafetensorError) as error:
        raise _damaged(path, str(error).splitlines()[0]) from None


def load_state(path: Path) -> dict[str, Any]:
    """`state.pt` of a checkpoint folder; nothing but tensors and plain values is let in."""
    try:
        with warnings.catch_warnings():
            # A foreign pickle protocol warns before it is refused; the sentence below says it.
            warnings.simplefilter("ignore", UserWarning)
            return dict(torch.load(path / FILES[1], map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        raise _damaged(path, str(error).splitlines()[0]) from None
    except pickle.UnpicklingError:
        raise _damaged(
            path, "state.pt holds something other than tensors and plain values"
        ) from None


def prune(run: Run, *, keep: int, total_steps: int, best_step: int | None) -> None:
    """Keep the newest `keep`, one per tenth of the run, the best and the first."""
    steps = all_steps(run)
    tenth = max(1, total_steps // 10)
    kept = set(steps[-keep:]) | {best_step}
    seen = set()
    for step in steps:
        if step // tenth not in seen:
            seen.add(step // tenth)
            kept.add(step)
    for step in steps:
        if step not in kept:
            _remove(run, step)


def drop_after(run: Run, step: int) -> None:
    """Remove those of later steps: the run goes that way anew."""
    # The newest first, so that a kill leaves none without those before it.
    for later in reversed(all_steps(run)):
        if later > step:
            _remove(run, later)


def _remove(run: Run, step: int) -> None:
    """Renamed first: what stands under its own name is whole."""
    gone = run.checkpoints / f".step-{step:08d}.gone"
    with suppress(OSError):
        folder(run, step).rename(gone)
    shutil.rmtree(gone, ignore_errors=True)
