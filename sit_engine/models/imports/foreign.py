"""Opens files of weights that others made, without running what is in them."""

from __future__ import annotations

import argparse
import pickle
import pickletools
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
from sit_engine.errors import DataError, FileError
from sit_engine.files import read_json
from sit_engine.models.archives import OddArchiveError, check_archive, is_archive, read_entries
from sit_engine.models.imports.numbers import ALLOWED
from sit_engine.models.imports.said import TENSORS
from sit_engine.paths import display_name

INDEX = ".index.json"
MOST_TEXT = 16 << 20
"""Bytes of a file's list of names that are looked at for the word of its network."""
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

    Opened with `weights_only=True`, where besides `argparse.Namespace`, in which the authors keep their
    settings, numbers of numpy alone are allowed (`numbers`). A file that needs more is refused with its
    name, and not run.
    """
    try:
        if not file.is_file():
            raise unusable(file, "there is no such file")
        if file.name.endswith(INDEX):
            return _shards(file)
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


def weights_file(path: Path) -> Path:
    """The file with a folder's tensors, or their list, as `transformers` and timm write folders."""
    if not path.is_dir():
        return path
    names = (*TENSORS, *(f"{name}{INDEX}" for name in TENSORS))
    found = next((path / name for name in names if (path / name).is_file()), None)
    if found is None:
        wanted = " or ".join(TENSORS)
        raise unusable(path, Sentence("it is a folder without {names}", names=wanted))
    return found


def _shards(index: Path) -> dict[str, Any]:
    """Tensors that lie in several files, which a list names."""
    named = read_json(index).get("weight_map", {})
    files = sorted(set(named.values())) if isinstance(named, dict) else []
    if not files or any(not isinstance(name, str) or Path(name).name != name for name in files):
        raise unusable(index, "it names no files of tensors beside it")
    found: dict[str, Any] = {}
    for name in files:
        found |= open_foreign(index.with_name(name))
    return found


def _load(file: Path) -> object:
    if file.suffix == ".safetensors":
        return load_file(file)
    allowed: list[Any] = [argparse.Namespace, *ALLOWED]
    with warnings.catch_warnings(), torch.serialization.safe_globals(allowed):
        # A program or a foreign pickle protocol warns before it is refused.
        warnings.simplefilter("ignore")
        return torch.load(file, map_location="cpu", weights_only=True)


def unusable(file: Path, why: str) -> DataError:
    """The sentence for a file that is not what import reads."""
    return DataError(
        "import.unusable",
        "The file {file} cannot be imported: {why}.",
        "Give a vision transformer as SiT, DINO, DINOv2, MoCo v3, MAE, CLIP, DeiT, timm or transformers "
        "write them. Any other network that timm has is read with --timm NAME.",
        file=display_name(str(file)),
        why=why,
    )


def _needs(file: Path, needed: str) -> DataError:
    """Arrays of numpy in an optimiser's state are harmless; anything else no weights need."""
    key = _key_of(file)
    opened = f'torch.load("{display_name(str(file))}", map_location="cpu", weights_only=False)'
    tensors = f"{{n: t for n, t in {opened}.items() if torch.is_tensor(t)}}"
    network = f'{opened}["{key}"]' if key else tensors
    return DataError(
        "import.needs",
        "The file {file} holds {needed}, which is not opened: tensors, plain values, numbers and "
        "argparse.Namespace alone are, since more could run code.",
        "If you trust where the file comes from, save its network alone, such as `{line}`, and import "
        "that."
        if needed.startswith("numpy")
        else "Weights need no such thing, and opening it could run code. Ask whoever made the file for "
        'its tensors alone: `torch.save(model.state_dict(), "weights.pth")`.',
        file=display_name(str(file)),
        needed=display_name(needed),
        line=f'torch.save({network}, "network.pth")',
    )


def _key_of(file: Path) -> str | None:
    """The network that would be taken, by the texts in the file, which are read and not run."""
    try:
        pickled = read_entries(file, lambda name: name.endswith("data.pkl"), most=MOST_TEXT)
        whole = next(iter(pickled.values()), b"") or file.read_bytes()[:MOST_TEXT]
        texts = {value for _, value, _ in pickletools.genops(whole) if isinstance(value, str)}
    except (*DAMAGES, FileError):
        texts = set()
    first = "student" if any("head_recons." in text for text in texts) else "teacher"
    keys = (first, "teacher", "student", "SiT_model", "model", "state_dict")
    return next((key for key in keys if key in texts), None)
