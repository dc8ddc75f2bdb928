"""Batches are a function of seed and step, and an epoch sees every image once."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import torch

from sit_engine.data.feed.batches import Batches
from sit_engine.data.feed.prefetch import Prefetcher
from sit_engine.data.pixel_cache.store import PixelStore

CPU = torch.device("cpu")


def batches(
    seed: int = 0,
    rank: tuple[int, int] = (0, 1),
    device: torch.device = CPU,
    **more: np.ndarray,
) -> Batches:
    """23 images whose pixels are their numbers, of which 21 train, in batches of 4."""
    pixels = (
        np.arange(23, dtype=np.uint8)[:, None, None, None].repeat(4 * 4 * 3, 1).reshape(23, 4, 4, 3)
    )
    store = PixelStore(4, pixels, np.arange(23), np.linspace(0.5, 2, 23, dtype=np.float32), None)
    rows = np.arange(1, 22)
    return Batches(store, rows, batch_size=4, seed=seed, device=device, rank=rank, **more)


def numbers(found: Batches, step: int) -> list[int]:
    """Which images a step sees."""
    batch = found.at(step)
    assert batch.images_BSSC.shape == (4, 4, 4, 3)
    chosen = batch.images_BSSC[:, 0, 0, 0].tolist()
    assert (batch.positions_B + 1).tolist() == chosen
    np.testing.assert_allclose(batch.aspect_B, np.linspace(0.5, 2, 23)[chosen], rtol=1e-6)
    return list(map(int, chosen))


def test_an_epoch_sees_images_once_and_leaves_the_incomplete_batch_out() -> None:
    found = batches()
    assert found.steps_per_epoch == 5
    seen = [number for step in range(5) for number in numbers(found, step)]
    assert len(set(seen)) == 20
    assert set(seen) <= set(range(1, 22))


def test_any_step_can_be_asked_for_in_any_order() -> None:
    one, other = batches(), batches()
    forward = [numbers(one, step) for step in range(12)]
    backward = [numbers(other, step) for step in reversed(range(12))]
    assert forward == backward[::-1]


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    found = batches()
    assert numbers(found, 0) != numbers(found, 5)
    assert numbers(found, 0) != numbers(batches(seed=1), 0)


def test_weights_say_how_often_an_image_is_drawn_and_labels_travel_with_it() -> None:
    labels = np.arange(21) % 3
    weights = np.where(labels == 2, 0.0, np.where(labels == 1, 3.0, 1.0))
    found = batches(labels=labels, weights=weights)
    drawn = np.concatenate([found.at(step).labels_B.numpy() for step in range(500)])
    counts = np.bincount(drawn, minlength=3)
    assert counts[2] == 0
    assert 2.5 < counts[1] / counts[0] < 3.5
    batch = found.at(7)
    np.testing.assert_array_equal(labels[batch.positions_B], batch.labels_B)


def test_processes_share_the_pixels_of_a_step_and_know_all_the_rest() -> None:
    labels = np.arange(21) % 3
    one, parts = batches(labels=labels), [batches(rank=(n, 2), labels=labels) for n in (0, 1)]
    for step in (0, 4, 5, 11):
        whole = one.at(step)
        assert whole.own == slice(0, 4)
        for number, part in enumerate(found.at(step) for found in parts):
            assert part.own == slice(2 * number, 2 * number + 2)
            assert torch.equal(part.images_BSSC, whole.images_BSSC[part.own])
            for name in ("aspect_B", "labels_B", "positions_B"):
                assert torch.equal(getattr(part, name), getattr(whole, name))
            indices = np.array([3, 0, 0])
            assert torch.equal(part.more(indices), whole.images_BSSC[indices])
            assert torch.equal(whole.more(indices), whole.images_BSSC[indices])


def test_what_comes_next_is_made_ahead_and_its_errors_wait_for_their_step() -> None:
    made: list[int] = []

    def make(step: int) -> int:
        made.append(step)
        if step == 2:
            raise ValueError("this step")
        return 10 * step

    ahead = Prefetcher(make, 2)
    assert [ahead.at(0), ahead.at(1)] == [0, 10]
    with pytest.raises(ValueError, match="this step"):
        ahead.at(2)
    assert [ahead.at(3), ahead.at(9), ahead.at(0)] == [30, 90, 0]
    assert made[:4] == [0, 1, 2, 3]
    name = ahead.thread._thread_name_prefix
    del ahead
    until_s = time.monotonic() + 10
    while any(str(name) in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < until_s, "its thread lives on"
        time.sleep(0.01)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("share", [0.4, 0.0])
def test_a_gpu_gets_the_same_pixels_out_of_its_own_memory_and_uploaded_beside_its_work(
    monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr("sit_engine.data.feed.batches.GPU_SHARE", share)
    device = torch.device("cuda")
    found, half = batches(device=device), batches(device=device, rank=(1, 2))
    assert (found.on_device is None) == (share == 0.0)
    busy = torch.rand(2000, 2000, device=device)
    for step, wanted in ((step, batches().at(step)) for step in (0, 1, 2, 3, 4, 5, 2)):
        busy = busy @ busy
        batch, part = found.at(step), half.at(step)
        assert batch.images_BSSC.device.type == "cuda"
        assert torch.equal(batch.images_BSSC.cpu(), wanted.images_BSSC)
        assert torch.equal(part.images_BSSC.cpu(), wanted.images_BSSC[2:])
        assert torch.equal(part.more(np.array([0])).cpu(), wanted.images_BSSC[:1])
