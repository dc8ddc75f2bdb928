"""What a step makes of each image: a list of kinds of views, which drawing, memory and preview read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Never

from sit_engine.config.views import CorruptionOptions, ViewOptions


@dataclass(frozen=True)
class ViewKind:
    """`count` square views of `size` px, drawn alike and each for itself.

    Its settings are resolved. The place of a view in the list of all is its number, which names the
    stream of its draws.
    """

    size: int
    law: ViewOptions[Never] | None = None
    """Of crop, flip, turn and colours; None: the largest centred square as it is."""
    blur: float = 0.0
    """How often a view is blurred."""
    solarise: float = 0.0
    """How often bright pixels of it are inverted."""
    count: int = 1
    is_rotated: bool = False
    """Turned by a quarter turn that is drawn, which the rotation task asks for."""
    corruption: CorruptionOptions[Never] | None = None
    """Of the copy that the student sees; None: there is no copy."""
    for_student: bool = True
    for_teacher: bool = True

    @property
    def turned_share(self) -> float:
        """How often a view that no task asks the turn of is turned all the same."""
        return 0.0 if self.law is None else self.law.turn

    def view_bytes(self) -> int:
        """Bytes of its views of one image: three colours in single precision, and of a copy as much with
        a mask.
        """
        colours, single = 3, 4
        copy = 0 if self.corruption is None else colours * single + 1
        return self.count * self.size**2 * (colours * single + copy)


def pair_of(law: ViewOptions[Never], size: int) -> tuple[ViewKind, ViewKind]:
    """Two views that differ in how often they are blurred, and the second's solarisation alone."""
    first = ViewKind(size, law, blur=law.blur_first)
    return first, replace(first, blur=law.blur_second, solarise=law.solarise)


def numbered(kinds: Sequence[ViewKind]) -> Iterator[tuple[int, ViewKind]]:
    """Each view of the list with its number."""
    each = (kind for kind in kinds for _ in range(kind.count))
    return enumerate(each)


def view_name(number: int) -> str:
    """The name of a view's stream of draws, and of its arrays in a preview."""
    return f"view {number}"
