"""Numbers of numpy in an optimiser's state, read without numpy's own classes.

The code of SiT 2022 and of DINO takes its learning rate from a numpy array, so that full checkpoints
hold such numbers. What a file calls `numpy.dtype` and `numpy.core.multiarray.scalar` is read by the two
below, which know plain numbers alone: nothing else that numpy could make can be asked for.
"""

from __future__ import annotations

import pickle

import numpy as np

# Floats, and whole numbers with and without a sign; numpy's names of them.
KINDS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


class NumberKind:
    """Stands for a numpy.dtype of plain numbers."""

    def __init__(self, name: object, *ignored: object) -> None:
        if name not in KINDS:
            raise pickle.UnpicklingError("GLOBAL numpy.dtype of other than numbers was not allowed")
        self.name = str(name)
        self.order = "<"

    def __setstate__(self, state: object) -> None:
        is_big = isinstance(state, tuple) and len(state) > 1 and state[1] == ">"
        self.order = ">" if is_big else "<"


def number(kind: object, value: object) -> float | int:
    """The number that these bytes hold."""
    if not isinstance(kind, NumberKind) or not isinstance(value, bytes):
        raise pickle.UnpicklingError("GLOBAL numpy.scalar of other than numbers was not allowed")
    (made,) = np.frombuffer(value, kind.order + kind.name)
    plain: float | int = made.item()
    return plain


# By the names under which files have them, of numpy 1 and 2.
ALLOWED = [
    (NumberKind, "numpy.dtype"),
    (number, "numpy.core.multiarray.scalar"),
    (number, "numpy._core.multiarray.scalar"),
]
