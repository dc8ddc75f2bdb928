"""What is shown is what training would do to the image: same draws, nothing outside the mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sit_engine.config.facts import DataFacts
from sit_engine.data.decode_pool import DecodePool
from sit_engine.errors import ConfigError, DataError
from sit_engine.inspection.corruption import Shown, show


@pytest.fixture(scope="module")
def images(sample: tuple[Path, Path]) -> list[str]:
    """Six photographs of 32 px."""
    return [str(path) for path in sorted(sample[0].rglob("000.png"))[:6]]


def shown(images: list[str], seed: int = 0, image_size: int = 32, **method: Any) -> Shown:
    """Of the quick preset with these settings of the method."""
    settings = {"preset": "quick", "method": method, "optim": {"batch_size": 4096}}
    return show(images, settings, seed=seed, image_size=image_size, patch_size=8)


def test_only_masked_pixels_differ_and_one_seed_gives_one_picture(images: list[str]) -> None:
    found = shown(images)
    assert found.view.shape == found.original.shape == (6, 32, 32, 3)
    assert 0.2 < found.mask.mean() < 0.6
    is_same = (found.view == found.corrupted).all(-1)
    assert is_same[~found.mask].all()
    assert not is_same[found.mask].all()
    again, other = shown(images), shown(images, seed=1)
    assert np.array_equal(found.corrupted, again.corrupted)
    assert not np.array_equal(found.mask, other.mask)


def test_settings_are_obeyed(images: list[str]) -> None:
    nothing = shown(images, corruption={"drop_share": 0.0, "replace_share": 0.0})
    assert not nothing.mask.any()
    still = {"crop_scale_min": 1.0, "flip": 0.0, "jitter": 0.0, "grey": 0.0}
    plain = shown(images, views=still)
    assert np.abs(plain.view.astype(int) - plain.original).max() <= 1
    replaced = shown(images, views=still, corruption={"replace_probability": 1.0})
    partner = [
        any(np.abs(replaced.corrupted[i][m].astype(int) - replaced.view[j][m]).max() <= 1
            for j in range(6))
        for i, m in enumerate(replaced.mask)
    ]  # fmt: skip
    assert all(partner)


def test_auto_sizes_follow_the_facts(images: list[str]) -> None:
    facts = DataFacts(images=5, classes=0, median_side_px=50)
    assert show(images[:1], {"preset": "quick"}, seed=0, facts=facts).view.shape[1] == 48


def test_a_slider_decodes_no_image_again(
    images: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = shown(images, 0, 224)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an image was decoded again")

    monkeypatch.setattr(DecodePool, "run", refuse)
    second = shown(images, 1, 224)
    assert (second.original == first.original).all()
    assert (second.mask != first.mask).any()


def test_what_cannot_be_shown_is_a_sentence(images: list[str], tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    with pytest.raises(DataError, match=r"broken\.png begins like an image, but is damaged"):
        shown([*images, str(tmp_path / "broken.png")])
    with pytest.raises(DataError, match="vanished"):
        shown([str(tmp_path / "gone.png")])
    with pytest.raises(DataError, match="No image was given"):
        shown([])
    with pytest.raises(ConfigError, match="drop_share"):
        shown(images, corruption={"drop_share": 2})
