"""What is shown is what training would do to the image: same draws, nothing outside the mask."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from sit_engine.config.build import build, merge
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.data.decode.decode_pool import DecodePool
from sit_engine.data.feed.batches import Batch
from sit_engine.errors import ConfigError, DataError
from sit_engine.inspection.shown_views import Shown, show
from sit_engine.methods.protocol import StepInfo
from sit_engine.methods.sit.method import Sit
from sit_engine.views.apply_common import MEAN, STD
from tests.tiny import TINY
from tests.videos import numbered, shade, write_video

PATCH = {"patch_size": 8}


@pytest.fixture(scope="module")
def images(sample: tuple[Path, Path]) -> list[str]:
    """Six photographs of 32 px."""
    return [str(path) for path in sorted(sample[0].rglob("000.png"))[:6]]


class Pair(NamedTuple):
    """The two views of SiT, side by side."""

    original: NDArray[np.uint8]
    view: NDArray[np.uint8]
    corrupted: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    other: NDArray[np.uint8]
    other_corrupted: NDArray[np.uint8]
    rotated: NDArray[np.uint8]
    rotations: NDArray[np.int64]


def pair(shown: Shown) -> Pair:
    """Both are corrupted, the other with nothing where it stays whole."""
    first, second = shown.views
    assert first.corrupted is not None
    assert first.mask is not None
    assert second.corrupted is not None
    return Pair(
        shown.original, first.clean, first.corrupted, first.mask, second.clean, second.corrupted,
        np.concatenate([first.rotated, second.rotated]),
        np.concatenate([first.rotations, second.rotations]),
    )  # fmt: skip


def shown(images: list[str], seed: int = 0, image_size: int = 32, **method: Any) -> Pair:
    """Of the quick preset with these settings of the method."""
    settings = {"preset": "quick", "method": method, "optim": {"batch_size": 4096}, "model": PATCH}
    return pair(show(images, settings, seed=seed, image_size=image_size))


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


# With these seeds no image is its own batch mate, which a preview would not show.
@pytest.mark.parametrize(
    ("name", "seed", "side", "factor", "turn"),
    [
        ("sit", 3, 32, 1.15, None),
        ("sit2021", 4, 32, 1.15, None),
        ("sit", 3, 16, 2.5, None),
        ("sit", 3, 32, 1.15, 0.75),
    ],
)
def test_the_views_are_those_of_training(
    name: str, seed: int, side: int, factor: float, turn: float | None, images: list[str]
) -> None:
    more: dict[str, Any] = {"views": {"blur_first": 1.0}, "rotation_weight": 0.5}
    if turn is not None:
        more = {"views": {"turn": turn}}
    data = {"cache_factor": factor}
    found = pair(
        show(
            images,
            {"preset": "quick", "method": {"name": name} | more, "data": data, "model": PATCH},
            seed=seed,
            image_size=side,
        )
    )
    settings = merge(
        TINY, {"method": {"name": name} | more, "model": {"image_size": side, "patch_size": 8}}
    )
    settings["method"].pop("corruption")
    config = resolve(build(settings), DataFacts(100, 0, 32), DeviceFacts()).config
    # Of 32 px, as the files are: stored as they came.
    squares = torch.from_numpy(np.stack([np.array(Image.open(p).convert("RGB")) for p in images]))
    count = torch.arange(len(images))
    batch = Batch(squares, torch.ones(len(images)), torch.full_like(count, -1), count)
    views = Sit(config).make_views(batch, StepInfo(step=0, total_steps=10, seed=seed))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    for both, tensor in (
        ((found.view, found.other), views.clean),
        ((found.corrupted, found.other_corrupted), views.corrupted),
    ):
        pixels = ((tensor * std + mean) * 255).round().clamp(0, 255).permute(0, 2, 3, 1)
        assert np.array_equal(np.concatenate(both), pixels)
    assert np.array_equal(found.mask, views.mask[: len(images)])
    if turn is None:
        assert np.array_equal(found.rotations, views.rotations)
        assert np.array_equal(found.rotated, np.concatenate([found.view, found.other]))


def test_turns_are_shown_before_rotation_is_a_task(images: list[str]) -> None:
    found = shown(images)
    assert len(set(found.rotations.tolist())) > 1
    views = [*found.view, *found.other]
    for view, turned, quarters in zip(views, found.rotated, found.rotations, strict=True):
        assert np.array_equal(np.rot90(view, -quarters), turned)


def test_every_kind_of_corruption_is_shown_whatever_the_tasks_ask(images: list[str]) -> None:
    local = shown(images, corruption={"kind": "local"})
    assert local.mask.any()
    assert not np.array_equal(local.mask, shown(images).mask)
    # Alone these settings would be refused: there is nothing to reconstruct, and no teacher.
    plain = shown(images, corruption={"kind": "none"}, contrast_weight=0, features="teacher")
    assert not plain.mask.any()
    assert np.array_equal(plain.view, plain.corrupted)


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


@pytest.mark.parametrize(
    "corruption",
    [
        {"replace_probability": 1.0, "replace_share": 0.95},
        {"kind": "local", "local": {"grey_block": 0, "blur_block": 0, "noise_share": 0}},
    ],
)
def test_another_image_is_never_the_image_itself(
    images: list[str], corruption: dict[str, Any]
) -> None:
    """Of three images a third would be replaced with itself: masked, and yet unchanged."""
    still = {"crop_scale_min": 1.0, "flip": 0.0, "jitter": 0.0, "grey": 0.0}
    for seed in range(6):
        found = shown(images[:3], seed, views=still, corruption=corruption)
        for view, corrupted, mask in zip(found.view, found.corrupted, found.mask, strict=True):
            assert mask.any()
            assert not np.array_equal(view[mask], corrupted[mask])


def test_views_are_turned_where_no_task_asks_how(images: list[str]) -> None:
    upright, turned = (shown(images, views={"turn": turn}) for turn in (0.0, 1.0))
    for before, after in zip(upright.view, turned.view, strict=True):
        assert not np.array_equal(before, after)
        assert any(np.array_equal(np.rot90(before, ways), after) for ways in (1, 2, 3))


def test_auto_sizes_follow_the_facts(images: list[str]) -> None:
    facts = DataFacts(images=5, classes=0, median_side_px=50)
    found = show(images[:1], {"preset": "quick"}, seed=0, facts=facts)
    assert found.views[0].clean.shape[1] == 48


def test_a_method_without_corruption_shows_its_views(images: list[str]) -> None:
    wanted = {"method": {"name": "finetune"}, "model": PATCH}
    found = show(images, wanted, seed=0, image_size=32)
    assert list(found.arrays()) == [
        "original",
        "view 0 clean",
        "view 0 rotated",
        "view 0 rotations",
    ]
    assert found.mask_share is None
    assert not np.array_equal(found.original, found.views[0].clean)


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


def test_frames_of_videos_are_shown(tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", numbered(12))
    found = shown([f"{video}#t={time}" for time in (0, 2)])
    # Right of the white corner each frame tells its number.
    assert found.original[:, 8, 12].mean(axis=1).tolist() == pytest.approx(
        [shade(0), shade(8)], abs=6
    )


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
