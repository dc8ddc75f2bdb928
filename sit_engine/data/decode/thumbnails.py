"""Small pictures of image files, made in sacrificial children; for the window and its questions.

Needs no torch; one Thumbnailer serves one thread.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sit_engine.data.decode.decode_pool import Cancel, DecodePool


@dataclass(frozen=True)
class Thumbnail:
    """The upright picture, alpha over white: `rgb` holds its pixels row by row, 3 bytes each."""

    width: int
    height: int
    rgb: bytes


class Thumbnailer:
    """Decoder children that live until the `with` block is left."""

    def __init__(self, workers: int = 2) -> None:
        self._pool = DecodePool(workers)

    def __enter__(self) -> Thumbnailer:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.__exit__()

    def read(
        self, paths: Iterable[str], *, side: int, cancel: Cancel | None = None
    ) -> Iterator[tuple[str, Thumbnail | str]]:
        """Each path with its thumbnail, or with why there is none; as they come, in any order.

        A thumbnail fits in side × side and is never larger than its image. Raises CancelledError.
        """
        jobs = ((path, {"job": "thumbnail", "path": path, "side": side}) for path in paths)
        for path, answer in self._pool.run(jobs, cancel=cancel):
            if "problem" in answer:
                why: str = answer["problem"]
                yield path, why
            else:
                rgb = base64.b64decode(answer["rgb"])
                yield path, Thumbnail(answer["width"], answer["height"], rgb)
