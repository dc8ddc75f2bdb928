"""Programs with a fixed image size and a free batch: ONNX, and torch.export's `.pt2`.

Shapes: B images, V side of the view.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch

from sit_engine.errors import ExportError
from sit_engine.export.able import ONNX_PACKAGES, can_onnx
from sit_engine.export.programs import ViewProgram
from sit_engine.files import disk_error, in_place_of
from sit_engine.models.archives import entry_names, read_entries

MOST_EXTRA_BYTES = 16 << 20
"""Of each text that travels inside a program: labels, settings, what it is."""


def export_onnx(program: ViewProgram, extra: dict[str, str], out: Path) -> None:
    """Write an ONNX file; `extra` becomes its metadata."""
    if not can_onnx():
        raise ExportError(
            "export.onnx_missing",
            "ONNX needs packages that are not installed: {names}.",
            "Install them with: pip install 'sit-studio[onnx]'",
            names=", ".join(ONNX_PACKAGES),
        )
    import onnx

    _check_writable(out, _is_onnx, "ONNX model")
    with _quiet():
        made = torch.onnx.export(
            program,
            (program.example(),),
            input_names=["images"],
            output_names=["answers"],
            dynamic_shapes={"view_BCVV": {0: torch.export.Dim("batch")}},
            dynamo=True,
            optimize=True,
        )
    assert made is not None
    proto = made.model_proto
    onnx.helper.set_model_props(proto, extra)
    _write(out, lambda aside: onnx.save(proto, aside))


def export_pt2(program: ViewProgram, extra: dict[str, str], out: Path) -> None:
    """Write a program of torch.export; `extra` travels as extra files."""
    _check_writable(out, _is_pt2, "torch.export program")
    with _quiet(), torch.no_grad():
        made = torch.export.export(
            program,
            (program.example(),),
            dynamic_shapes={"view_BCVV": {0: torch.export.Dim("batch")}},
        )
        # torch insists on the ending.
        _write(out, lambda aside: torch.export.save(made, aside, extra_files=extra), ".pt2")


def _write(out: Path, save: Callable[[str], Any], ending: str | None = None) -> None:
    """Aside first: a file is there whole or not at all."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with in_place_of(out, ending=ending) as aside:
            save(str(aside))
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, OSError):
            raise disk_error(error, out) from None
        raise disk_error(OSError(0, str(error).splitlines()[0]), out) from None


def _check_writable(out: Path, is_ours: Callable[[Path], bool], what: str) -> None:
    """Refuse to write over what is no file of the same kind."""
    if out.exists() and not is_ours(out):
        raise ExportError(
            "export.exists_other",
            "The file {out} exists and is no {what}.",
            "Choose a new name with --out.",
            out=out,
            what=what,
        )


def _is_pt2(path: Path) -> bool:
    return any(
        "models/" in name or name.endswith("serialized_exported_program.json")
        for name in entry_names(path)
    )


def _is_onnx(path: Path) -> bool:
    return bool(onnx_metadata(path))


def onnx_metadata(path: Path) -> dict[str, str]:
    """What an ONNX file of ours says of itself; empty for any other file."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        found = onnx.load(str(path), load_external_data=False)
    except (OSError, DecodeError):
        return {}
    about = {item.key: item.value for item in found.metadata_props}
    return about if "about.json" in about else {}


def read_extra(path: Path) -> dict[str, str]:
    """The extra files of a TorchScript or .pt2 program, read without running it; {} if it has none."""
    found = read_entries(path, lambda name: "/extra/" in name, most=MOST_EXTRA_BYTES)
    try:
        return {name.rpartition("/")[2]: text.decode("utf-8") for name, text in found.items()}
    except UnicodeDecodeError:
        return {}


@contextmanager
def _quiet() -> Iterator[None]:
    """Exporters print and log on their way; what goes wrong is raised, and the file is checked."""
    loggers = [
        logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def extra_files(labels: tuple[str, ...], config_toml: str, about: dict[str, Any]) -> dict[str, str]:
    """What travels inside every program: class names, the run's settings, where it comes from."""
    return {
        "labels.json": json.dumps(list(labels)),
        "config.toml": config_toml,
        "about.json": json.dumps(about),
    }
