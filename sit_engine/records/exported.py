"""What an export wrote and how it was checked, and the records of it in the run; no torch."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sit_engine.files import file_hash, read_json


@dataclass(frozen=True)
class Exported:
    """The file or folder, its model card, and for a program the comparison in a clean process."""

    path: Path
    format: str
    step: int
    network: str
    head: str
    image_size: int
    """Side of the square views it works on, px."""
    difference: float | None = None
    latency_ms: float | None = None
    threads: int | None = None
    card: Path | None = None
    clip_frames: int | None = None
    """Of a model of clips: how many frames it takes."""

    def to_json(self) -> dict[str, Any]:
        """The record as plain values."""
        return asdict(self) | {
            "path": str(self.path),
            "card": str(self.card) if self.card else None,
        }


def read_records(run: Path) -> list[dict[str, Any]]:
    """What the run remembers of its exports, the newest first, with the time as "written"."""
    records = []
    for path in sorted((run / "exports").glob("*-*.json"), reverse=True):
        record = read_json(path)
        if isinstance(record.get("file"), str):
            with suppress(OSError):
                records.append(record | {"written": path.stat().st_mtime})
    return records


def is_ours(run: Path, out: Path) -> bool:
    """Whether a file or folder is as this run exported it; False where it cannot be read."""
    hashes = [record.get("sha256") for record in read_records(run) if Path(record["file"]) == out]
    try:
        weights = out / "model.safetensors" if hashes and out.is_dir() else out
        return bool(hashes) and file_hash(weights) in hashes
    except OSError:
        return False
