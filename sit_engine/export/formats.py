"""Files that run without us: a TorchScript program, or weights in timm's layout.

Shapes: B images, C channels, Y X pixels, V side of the view, D width.
"""

from __future__ import annotations

import json
import sys
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from sit_engine.config.fields import no_auto
from sit_engine.config.files import to_toml
from sit_engine.config.tree import ModelOptions, RunConfig
from sit_engine.data.preprocess import Preprocess
from sit_engine.errors import ExportError
from sit_engine.models.backbones import feature
from sit_engine.runs import disk_error
from sit_engine.views.pixels import MEAN, STD


class Features(nn.Module):
    """Normalised views [B,3,V,V] to class-token features [B,D]."""

    def __init__(self, vit: nn.Module) -> None:
        super().__init__()
        self.vit = vit

    def forward(self, view_BCVV: Tensor) -> Tensor:
        """[B,3,V,V] to [B,D]."""
        return feature(self.vit, view_BCVV)


class Program(nn.Module):
    """uint8 images [B,3,Y,X] of any size to features [B,D]: preprocessing, then the network."""

    def __init__(self, preprocess: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.preprocess = preprocess
        self.network = network

    def forward(self, image_BCYX: Tensor) -> Tensor:
        """uint8 [B,3,Y,X] to float32 [B,D]."""
        return self.network(self.preprocess(image_BCYX))  # type: ignore[no-any-return]


@contextmanager
def _quiet() -> Iterator[None]:
    """torch warns that TorchScript is deprecated; the README says so, the user's screen need not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def can_torchscript() -> bool:
    """Whether this Python and torch can still make TorchScript: asked by trying, not by version."""
    try:
        with _quiet():
            torch.jit.script(Preprocess(8))
    except (RuntimeError, NotImplementedError, TypeError, OSError):
        return False
    return True


def export_torchscript(
    vit: nn.Module, config: RunConfig, classes: tuple[str, ...], about: dict[str, Any], out: Path
) -> Program:
    """Write the program to `out`; labels and config travel as extra files. Gives the eager model.

    The preprocessing is scripted, since its size depends on the image; the network is traced, since
    its size is fixed. Both are frozen.
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
    side = no_auto(config.model.image_size)
    eager = Program(Preprocess(side), Features(vit)).eval().cpu()
    example = torch.zeros(2, 3, side, side)
    extra = {
        "labels.json": json.dumps(list(classes)),
        "config.toml": to_toml(config),
        "about.json": json.dumps(about),
    }
    with _quiet(), torch.no_grad():
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            eager.network, example, check_trace=False
        )
        scripted = torch.jit.script(Program(Preprocess(side), traced).eval())
        frozen = torch.jit.freeze(scripted)
        aside = out.with_name(f".{out.name}.tmp")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            torch.jit.save(frozen, str(aside), _extra_files=extra)
            aside.replace(out)
        except (OSError, RuntimeError) as error:
            with suppress(OSError):
                aside.unlink()
            raise _cannot_write(error, out) from None
    return eager


def _check_program(out: Path) -> None:
    """Only a TorchScript program is written over."""
    if not out.is_file():
        return
    try:
        with zipfile.ZipFile(out) as archive:
            is_program = any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        is_program = False
    if not is_program:
        raise ExportError(
            "export.exists",
            "The file {out} exists and is no TorchScript program.",
            "Choose a new name with --out.",
            out=out,
        )


def export_safetensors(vit: nn.Module, config: RunConfig, about: dict[str, Any], out: Path) -> None:
    """Write a folder `out` that `timm.create_model('local-dir:…')` loads without arguments."""
    model = config.model
    _check_ours(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        weights = {
            name: value.detach().cpu().contiguous() for name, value in vit.state_dict().items()
        }
        save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
        text = json.dumps(timm_config(model) | {"sit_studio": about}, indent=1)
        (out / "config.json").write_text(text, "utf-8")
    except (OSError, SafetensorError) as error:
        raise _cannot_write(error, out) from None


def _check_ours(out: Path) -> None:
    """Only an empty folder, or one that we exported into before, is written into."""
    if not out.is_dir() or not any(out.iterdir()):
        return
    try:
        is_ours = "sit_studio" in json.loads((out / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        is_ours = False
    if not is_ours:
        raise ExportError(
            "export.exists",
            "The folder {out} holds other files.",
            "Choose a new folder with --out.",
            out=out,
        )


def timm_config(model: ModelOptions) -> dict[str, Any]:
    """The `config.json` from which timm rebuilds our backbone: a named ViT with our sizes."""
    side = no_auto(model.image_size)
    return {
        "architecture": "vit_tiny_patch16_224",
        "num_classes": 0,
        "num_features": model.width,
        "global_pool": "token",
        "model_args": {
            "img_size": side,
            "patch_size": model.patch_size,
            "embed_dim": model.width,
            "depth": model.depth,
            "num_heads": model.heads,
        },
        "pretrained_cfg": {
            "input_size": [3, side, side],
            "fixed_input_size": True,
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "mean": list(MEAN),
            "std": list(STD),
            "num_classes": 0,
            "pool_size": None,
            "first_conv": "patch_embed.proj",
            "classifier": "head",
        },
    }


def _cannot_write(error: Exception, out: Path) -> Exception:
    if isinstance(error, OSError):
        return disk_error(error, out)
    return disk_error(OSError(0, str(error).splitlines()[0]), out)
