"""Fetch public weights from the hub: only when the user asks, with progress, resumed, checked by hash."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from pathlib import Path
from typing import Any

from sit_engine.errors import DataError, DiskError, RunError, SitError
from sit_engine.files import disk_error
from sit_engine.paths import file_word
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.public_weights import GATED, PUBLIC, PublicWeights

FILES = ("config.json", "model.safetensors")
SHA256_DIGITS = 64
# What the network does wrong is an OSError to the library too.
OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
_AT_ONCE = 1 << 20


def fetch(name: str, folder: Path, tell: OnProgress) -> PublicWeights:
    """The files of those weights into `folder`; what is there already is not fetched again.

    An interrupted download goes on where it stopped. No token of the user's is sent.
    """
    weights = find(name)
    # Read when the library is loaded: plain HTTP, which resumes, and not a word about the user.
    os.environ |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in FILES:
            place = folder / file
            if place.exists():
                continue
            url = hf_hub_url(weights.repository, file)
            told = get_hf_file_metadata(url, token=False)
            etag = told.etag or ""
            partial = folder / f"{file}.{file_word(etag)}.partial"
            has_come = partial.stat().st_size if partial.exists() else 0
            _check_room(folder, (told.size or 0) - has_come)
            _download(url, partial, told.size, tell)
            _check(partial, etag, weights)
            partial.replace(place)
    except SitError:
        raise
    except Exception as error:  # noqa: BLE001 - which client the library has changes with its versions
        if isinstance(error, OSError) and error.errno in OF_THE_DISK:
            raise disk_error(error, folder) from None
        raise DataError(
            "weights.unreachable",
            "{name} could not be fetched from {link}: {why}",
            "Check the connection and ask again: what has come is kept. Or fetch the files "
            "config.json and model.safetensors there with a browser into one folder, then "
            "`sit-engine import FOLDER`.",
            name=name,
            link=weights.link,
            why=_first_line(error),
        ) from None
    return weights


def _download(url: str, partial: Path, size: int | None, tell: OnProgress) -> None:
    """All of it, or what is missing of it.

    Not `hf_hub_download`, which begins anew when its process was killed (as of version 2.4).
    """
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    # Not buffered, so that what has come is there after a kill.
    with partial.open("ab", buffering=0) as file:
        http_get(
            url,
            file,
            resume_size=file.tell(),
            headers=build_hf_headers(token=False),
            expected_size=size,
            tqdm_class=_bar(tell),
        )


def find(name: str) -> PublicWeights:
    """The weights of that name; gated and unknown ones are a sentence."""
    if name in GATED:
        gated = GATED[name]
        raise RunError(
            "weights.gated",
            "{name} is given only to those who accept its licence ({licence}).",
            "Accept it at huggingface.co/{repository}, fetch config.json and model.safetensors there "
            "into one folder, then `sit-engine import FOLDER`.",
            name=name,
            licence=gated.licence,
            repository=gated.repository,
        )
    if name not in PUBLIC:
        raise RunError(
            "weights.unknown",
            "There are no public weights called {name} in the list.",
            "They are {names}; any other file is read by `sit-engine import`.",
            name=name,
            names=", ".join(PUBLIC),
        )
    return PUBLIC[name]


def _check_room(folder: Path, size: int) -> None:
    import shutil

    free = shutil.disk_usage(folder).free
    if size > free:
        raise DiskError(
            "weights.room",
            "The weights take {size} MB, and {folder} has {free} MB free.",
            "Make room, or choose another --out.",
            size=f"{size / 1e6:,.0f}",
            free=f"{free / 1e6:,.0f}",
            folder=folder,
        )


def _check(path: Path, etag: str, weights: PublicWeights) -> None:
    """Compare the files with the sha256 that the hub tells of large files."""
    if len(etag) != SHA256_DIGITS:
        return
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_AT_ONCE):
            found.update(piece)
    if found.hexdigest() != etag:
        path.unlink()
        raise DataError(
            "weights.damaged",
            "What came of {name} is not what {link} holds: its sha256 differs.",
            "It was removed; ask again.",
            name=weights.name,
            link=weights.link,
        )


def _bar(tell: OnProgress) -> type[Any]:
    """A progress bar that tells instead of drawing."""
    from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named | {"file": io.StringIO(), "disable": False})

        def update(self, n: float | None = 1) -> bool | None:
            moved = super().update(n)
            tell("fetching", int(self.n / 1e6), int((self.total or 0) / 1e6))
            return bool(moved)

    return Bar


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
