"""Opens files of weights that others made, without running what is in them."""

from __future__ import annotations

import argparse
import pickle
import re
import struct
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from sit_engine.counted import Sentence
from sit_engine.errors import DataError
from sit_engine.models.archives import OddArchiveError, check_archive, is_archive
from sit_engine.paths import display_name

# torch names what it refuses in its message alone: "Unsupported global: GLOBAL os.system was not …".
NEEDED = re.compile(r"GLOBAL (\S+)")
# All that opening 16,000 files with damaged bytes was seen to end in, and a size that no memory has.
DAMAGES = (
    pickle.UnpicklingError,
    SafetensorError,
    struct.error,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
)


def open_foreign(file: Path) -> Mapping[Any, Any]:
    """The dictionary that a file of weights holds; tensors are on the CPU.

    Opened with `weights_only=True`, where `argparse.Namespace` alone is allowed besides: the authors
    keep their settings in one. A file that needs more is refused with its name, and not run.
    """
    try:
        if not file.is_file():
            raise unusable(file, "it is a folder" if file.is_dir() else "there is no such file")
        if is_archive(file):
            check_archive(file)
        found = _load(file)
    except OddArchiveError as odd:
        raise unusable(file, odd.why) from None
    except PermissionError:
        raise unusable(file, "you may not read it") from None
    except DAMAGES as error:
        needed = NEEDED.search(str(error))
        if needed is None:
            raise unusable(file, "it is damaged, or no file of weights") from None
        raise _needs(file, needed[1]) from None
    if not isinstance(found, Mapping):
        kind = type(found).__name__
        raise unusable(file, Sentence("it holds a {kind}, no dictionary of tensors", kind=kind))
    return found


def _load(file: Path) -> object:
    if file.suffix == ".safetensors":
        return load_file(file)
    with warnings.catch_warnings(), torch.serialization.safe_globals([argparse.Namespace]):
        # A program or a foreign pickle protocol warns before it is refused.
        warnings.simplefilter("ignore")
        return torch.load(file, map_location="cpu", weights_only=True)


def unusable(file: Path, why: str) -> DataError:
    """The sentence for a file that is not what import reads."""
    return DataError(
        "import.unusable",
        "The file {file} cannot be imported: {why}.",
        "Give a checkpoint of a plain vision transformer by SiT (2021 or 2022), DINO, MoCo v3 or timm.",
        file=display_name(str(file)),
        why=why,
    )


def _needs(file: Path, needed: str) -> DataError:
    """Numbers of numpy in an optimiser's state are usual; anything else no weights need."""
    return DataError(
        "import.needs",
        "The file {file} holds {needed}, which is not opened: tensors, plain values and "
        "argparse.Namespace alone are, since more could run code.",
        "Numbers of numpy often stand in an optimiser's state. If you trust where the file comes from, "
        'save its network alone, such as `torch.save(torch.load("{file}", weights_only=False)["student"]'
        ', "student.pth")`, and import that.'
        if needed.startswith("numpy")
        else "Weights need no such thing, and opening it could run code. Ask whoever made the file for "
        'its tensors alone: `torch.save(model.state_dict(), "weights.pth")`.',
        file=display_name(str(file)),
        needed=display_name(needed),
    )
