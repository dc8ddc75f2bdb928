"""Why a file gives no pixels, and what readers raise on damaged ones."""

from __future__ import annotations

import struct
import zlib

# What Pillow's readers raise on damaged files, besides OSError: nearly everything.
DAMAGE = (
    ValueError,
    SyntaxError,
    TypeError,
    ArithmeticError,
    LookupError,
    AttributeError,
    RuntimeError,
    AssertionError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
)


class UnreadableError(Exception):
    """Why a file gives no pixels: `reason` completes the sentence that begins with its name."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason
