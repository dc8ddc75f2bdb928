"""Files that run without us: a TorchScript program, or weights in timm's layout.

Shapes: C classes, V side of the view, D width.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.decode.preprocess import Preprocess
from sit_engine.errors import ExportError
from sit_engine.export.able import can_torchscript, quiet
from sit_engine.export.programs import ClipNetwork, ClipProgram, NamedProgram, Program
from sit_engine.files import disk_error, in_place_of
from sit_engine.models.archives import entry_names
from sit_engine.models.backbone import Backbone
from sit_engine.models.families import folder_of
from sit_engine.models.timm_folder import write_timm_folder


def export_torchscript(
    network: nn.Module, side: int, labels: tuple[str, ...], extra: dict[str, str], out: Path
) -> nn.Module:
    """Write the program to `out`; gives the eager model. `extra` travels as extra files.

    The preprocessing is scripted, since its size depends on the image; the network is traced, since
    its size is fixed. Both are frozen. `labels` are an attribute of a classifier.
    """
    if not can_torchscript():
        raise ExportError(
            "export.torchscript",
            "This Python ({python}) and torch ({torch}) cannot make TorchScript.",
            "Use --format safetensors, or export with Python 3.13 or older.",
            python=".".join(str(part) for part in sys.version_info[:2]),
            torch=torch.__version__,
        )
    _check_program(out)
    frames = network.frames if isinstance(network, ClipNetwork) else 0
    eager: nn.Module = (
        ClipProgram(Preprocess(side), network, frames)
        if frames
        else Program(Preprocess(side), network)
    )
    eager = eager.eval().cpu()
    example = torch.zeros(2 * max(1, frames), 3, side, side)
    with quiet(), torch.no_grad():
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            eager.network, example, check_trace=False
        )
        program = (
            NamedProgram(Preprocess(side), traced, list(labels))
            if labels
            else ClipProgram(Preprocess(side), traced, frames)
            if frames
            else Program(Preprocess(side), traced)
        )
        kept = ["labels"] if labels else None
        frozen = torch.jit.freeze(torch.jit.script(program.eval()), preserved_attrs=kept)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            with in_place_of(out) as aside:
                torch.jit.save(frozen, str(aside), _extra_files=extra)
        except (OSError, RuntimeError) as error:
            raise _cannot_write(error, out) from None
    return eager


def _check_program(out: Path) -> None:
    """Refuse to write over a file that is no TorchScript program."""
    if not out.is_file():
        return
    if not any(name.endswith("/constants.pkl") for name in entry_names(out)):
        raise ExportError(
            "export.exists",
            "The file {out} exists and is no TorchScript program.",
            "Choose a new name with --out.",
            out=out,
        )


def export_safetensors(
    backbone: Backbone,
    head: nn.Linear | None,
    config: ResolvedConfig,
    about: dict[str, Any],
    out: Path,
) -> None:
    """Write a folder `out` that `timm.create_model('local-dir:…')` loads without arguments.

    timm's networks have a place for a linear classifier [C,D] on what they pool; of a family that timm
    has not the folder is laid out alike, and our own reader loads it (export.model_card says how).
    """
    classes = 0 if head is None else head.out_features
    described, weights = folder_of(config.model, backbone, classes)
    if head is not None:
        last = described["pretrained_cfg"]["classifier"]
        weights |= {f"{last}.weight": head.weight, f"{last}.bias": head.bias}
    described |= {"sit_studio": about}
    write_timm_folder(out, weights, described, mark="sit_studio")


def _cannot_write(error: Exception, out: Path) -> Exception:
    if isinstance(error, OSError):
        return disk_error(error, out)
    return disk_error(OSError(0, str(error).splitlines()[0]), out)
