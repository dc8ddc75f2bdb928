"""Features that were read once, kept for whoever asks next: the map after an evaluation.

A file in the pixel cache for each network with its classifier, side and range of values; losing it
costs a reading.
Shapes: n images, D width.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from sit_engine.data.folder.frames import file_of
from sit_engine.data.pixel_cache.cache import FEATURES, PixelCache
from sit_engine.evaluation.reading import Reader
from sit_engine.files import in_place_of
from sit_engine.models.fingerprint import add_network

MOST_FILES = 4
MOST_BYTES = 256 << 20
"""Of one file; the features of larger folders are not kept."""
GONE = -1
"""The key of a file that is not there: none is kept under it."""
NO_ANSWER = -1
"""Else a classifier's, as a number of its classes."""


class KeptFeatures:
    """Features of one network and its classifier, for files that are as they were."""

    def __init__(
        self, network: nn.Module, classifier: nn.Module | None, side: int, reader: Reader
    ) -> None:
        parts = [network] if classifier is None else [network, classifier]
        self._file = _folder() / f"{_fingerprint(parts, side, reader)}.npz"
        self._row_of, self._features, self._answers = _read(self._file)

    def fill(
        self,
        paths: Sequence[str],
        features_nD: NDArray[np.float32],
        answers_n: NDArray[np.int32],
        *,
        has_answers: bool,
    ) -> NDArray[np.int64]:
        """Put what is known of these images into the arrays; the rows of which too little is."""
        row_n = np.array([self._row_of.get(_key(path), -1) for path in paths], dtype=np.int64)
        is_known = row_n >= 0
        if has_answers:
            is_known[is_known] = self._answers[row_n[is_known]] != NO_ANSWER
        if is_known.any():
            features_nD[is_known] = self._features[row_n[is_known]]
            answers_n[is_known] = self._answers[row_n[is_known]]
        return np.flatnonzero(~is_known)

    def keep(
        self, paths: Sequence[str], features_nD: NDArray[np.float32], answers_n: NDArray[np.int32]
    ) -> None:
        """Add those of images, or do nothing where that cannot be."""
        keys = [_key(path) for path in paths]
        if GONE in keys:
            is_there = np.array([key != GONE for key in keys])
            features_nD, answers_n = features_nD[is_there], answers_n[is_there]
            keys = [key for key in keys if key != GONE]
        new = set(keys)
        old = [key for key in self._row_of if key not in new]
        rows = np.array([self._row_of[key] for key in old], dtype=np.int64)
        if len(old) and self._features.shape[1] == features_nD.shape[1]:
            features_nD = np.concatenate([features_nD, self._features[rows]])
            answers_n = np.concatenate([answers_n, self._answers[rows]])
            keys += old
        if features_nD.nbytes > MOST_BYTES:
            return
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with in_place_of(self._file) as aside:
                np.savez(
                    aside,
                    keys=np.array(keys, dtype=np.uint64),
                    features=features_nD.astype(np.float32),
                    answers=answers_n.astype(np.int32),
                )
            _forget_oldest(self._file.parent)


def _folder() -> Path:
    """The folder of kept features: in the pixel cache, whose size is told and which people empty."""
    return PixelCache().root / FEATURES


def _fingerprint(parts: Sequence[nn.Module], side: int, reader: Reader) -> str:
    digest = hashlib.sha256(f"{side} {reader.value_range}".encode())
    for part in parts:
        add_network(digest, part)
    return digest.hexdigest()[:32]


def _key(path: str) -> int:
    """The key of a file as it is now."""
    try:
        state = Path(file_of(path)).stat()
    except OSError:
        return GONE
    text = f"{state.st_size} {state.st_mtime_ns} {path}"
    found = hashlib.blake2b(os.fsencode(text), digest_size=8).digest()
    return int.from_bytes(found, "little")


def _read(file: Path) -> tuple[dict[int, int], NDArray[np.float32], NDArray[np.int32]]:
    """Rows by key, features and answers; nothing of a file that is not ours or is damaged."""
    # What a damaged file makes numpy raise cannot be listed.
    with suppress(Exception), file.open("rb") as raw, np.load(raw, allow_pickle=False) as found:
        keys, features, answers = found["keys"], found["features"], found["answers"]
        kinds = (keys.dtype, features.dtype, answers.dtype)
        is_good = kinds == (np.uint64, np.float32, np.int32) and features.ndim == 2
        if is_good and keys.shape == answers.shape == features.shape[:1]:
            return {key: row for row, key in enumerate(keys.tolist())}, features, answers
    return {}, np.empty((0, 0), np.float32), np.empty(0, np.int32)


def _forget_oldest(folder: Path) -> None:
    files = sorted(folder.glob("*.npz"), key=lambda file: file.stat().st_mtime)
    for file in files[:-MOST_FILES]:
        file.unlink()
