"""What an export wrote and how it was checked; plain values, no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Exported:
    """The file or folder, its model card, and for a program the comparison in a clean process."""

    path: Path
    format: str
    step: int
    network: str
    difference: float | None = None
    latency_ms: float | None = None
    threads: int | None = None
    card: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {
            "path": str(self.path),
            "card": str(self.card) if self.card else None,
        }
