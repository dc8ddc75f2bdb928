"""Measures without labels on features whose answer is known."""

from __future__ import annotations

import pytest
import torch

from benchmarks.label_free import agreement, correlations, lidar, weak_views


def seen(means_nD: torch.Tensor, *, noise: float) -> torch.Tensor:
    """Features [n,8,D] of eight views around each mean."""
    generator = torch.Generator().manual_seed(1)
    noise_nqD = torch.randn(len(means_nD), 8, means_nD.shape[1], generator=generator)
    return means_nD[:, None] + noise * noise_nqD


def test_lidar_counts_the_directions_that_tell_images_apart() -> None:
    means_nD = torch.randn(500, 8, generator=torch.Generator().manual_seed(0))
    assert lidar(seen(means_nD, noise=0.1)) == pytest.approx(8, abs=0.3)
    flat = means_nD * torch.tensor([1.0, 1, 0, 0, 0, 0, 0, 0])
    assert lidar(seen(flat, noise=0.1)) == pytest.approx(2, abs=0.3)


def test_views_of_one_image_agree_on_their_neighbours_as_far_as_they_are_alike() -> None:
    means_nD = torch.randn(100, 16, generator=torch.Generator().manual_seed(0))
    shares = [agreement(seen(means_nD, noise=noise), means_nD) for noise in (0.0, 0.5, 50.0)]
    assert shares[0] == 1
    assert shares[1] < 1
    # By chance two draws of ten from a hundred share a tenth.
    assert shares[2] == pytest.approx(0.1, abs=0.03)


def test_weak_views_keep_the_colour_of_an_image() -> None:
    images = torch.randint(0, 255, (3, 3, 1, 1), dtype=torch.uint8).expand(3, 3, 32, 32)
    views = weak_views(images)
    assert views.shape == (3, 8, 3, 32, 32)
    assert torch.equal(views, images[:, None].expand_as(views))


def test_a_measure_in_the_order_of_neighbours_correlates_fully() -> None:
    rows = {
        str(n): {"k-NN": n / 9, "effective rank": n**2, "LiDAR": -n, "neighbours agree": n % 2}
        for n in range(5)
    }
    found = correlations(rows)
    assert found["effective rank"] == pytest.approx(1)
    assert found["LiDAR"] == pytest.approx(-1)
