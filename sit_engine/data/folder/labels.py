"""Classes and their numbers, used by scan and by whoever drops images later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

LabelRule = Literal["folders", "csv", "none"]
UNLABELLED = -1


def number_classes(names: Sequence[str | None]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """A class number per name (-1: no label) and the class names in their order.

    Folders of the same name under several roots are one class; one image is enough for a class.
    """
    classes = tuple(sorted({name for name in names if name is not None}))
    number = {name: i for i, name in enumerate(classes)}
    labels = [UNLABELLED if name is None else number[name] for name in names]
    return np.array(labels, dtype=np.int32), classes
