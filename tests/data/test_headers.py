"""Headers are read once by a process, and again where a file changed or the fault may pass."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from sit_engine.data.decode.decode_pool import Answer
from sit_engine.data.scan.headers import Memory, read_headers
from sit_engine.data.scan.listing import Listing, list_files
from tests.data.conftest import picture


class Told(Memory):
    """A memory that says which files' answers it was given."""

    def __init__(self, most: int = 100) -> None:
        super().__init__(most)
        self.names: list[str] = []

    def keep(self, listing: Listing, number: int, found: Answer) -> None:
        """Told."""
        self.names.append(Path(listing.path(number)).name)
        super().keep(listing, number, found)


def read(folder: Path, memory: Told) -> list[str]:
    """The names of the files that children read."""
    memory.names.clear()
    listing = list_files([folder])
    headers = read_headers(listing, lambda: None, memory=memory)
    assert headers.sizes[listing.paths.index("cats/0.png")].tolist() == [40, 30]
    return sorted(memory.names)


def test_only_new_and_changed_files_are_read_again(photos: Path) -> None:
    memory = Told()
    (photos / "empty.jpg").touch()
    assert len(read(photos, memory)) == 7
    assert read(photos, memory) == []
    Image.fromarray(picture()).save(photos / "new.png")
    os.utime(photos / "dogs" / "1.png", ns=(0, 1))
    assert read(photos, memory) == ["1.png", "new.png"]


def test_what_may_pass_is_tried_again(photos: Path) -> None:
    listing, memory = list_files([photos]), Memory()
    memory.keep(listing, 0, {"problem": "crashed the image decoder", "code": "data.crashed"})
    assert memory.find(listing, 0) is None
    memory.keep(listing, 0, {"problem": "is empty (0 bytes)", "code": "data.empty"})
    assert memory.find(listing, 0) is not None


def test_no_more_than_so_many_are_remembered(photos: Path) -> None:
    memory = Told(most=4)
    assert len(read(photos, memory)) == 6
    assert len(read(photos, memory)) == 2
