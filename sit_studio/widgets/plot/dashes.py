"""How lines differ where colours alone would not do; loads no plot."""

from __future__ import annotations

DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2), (9, 3), (3, 1))
