"""Images beside themselves, changed in one way each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sit_engine import api
from sit_engine.errors import DataError
from sit_engine.inspection.pairs import HALF_SIDE, SIDE_PX, show_pairs


@pytest.fixture
def images(sample: tuple[Path, Path]) -> list[str]:
    return [str(path) for path in sorted(sample[0].rglob("*.png"))[::40]][:4]


def test_each_is_the_image_changed_in_one_way(images: list[str]) -> None:
    found = show_pairs(images)
    original = found["original"].astype(int)
    assert original.shape == (4, SIDE_PX, SIDE_PX, 3)
    assert np.abs(found["mirrored"] - original[:, :, ::-1]).max() <= 1
    # A quarter clockwise.
    assert np.abs(found["turned"] - np.rot90(original, -1, axes=(1, 2))).max() <= 1
    assert (found["colours"] != original).any(axis=(1, 2, 3))[:2].all()
    corner = round(HALF_SIDE * SIDE_PX)
    for number, (top, left) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
        y, x = (place * (SIDE_PX - corner) for place in (top, left))
        piece = original[number, y : y + corner, x : x + corner].mean()
        assert found["half"][number].mean() == pytest.approx(piece, abs=2)


def test_they_are_written_as_arrays(images: list[str], tmp_path: Path) -> None:
    files = api.show_pairs(images[:2], tmp_path / "pairs")
    assert set(files) == {"original", "colours", "mirrored", "turned", "half"}
    assert np.array_equal(np.load(files["half"]), show_pairs(images[:2])["half"])
    with pytest.raises(DataError, match="No image"):
        api.show_pairs([], tmp_path)
