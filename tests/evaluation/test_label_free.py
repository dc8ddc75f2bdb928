"""LiDAR on clouds whose answer is known."""

from __future__ import annotations

import pytest
import torch

from sit_engine.evaluation.label_free import lidar


def cloud(means_nD: torch.Tensor, noise: float) -> torch.Tensor:
    """Ten views of each image around its mean."""
    draw = torch.Generator().manual_seed(1)
    shape = (len(means_nD), 10, means_nD.shape[1])
    return means_nD[:, None] + noise * torch.randn(shape, generator=draw)


def test_it_counts_the_directions_in_which_images_differ() -> None:
    draw = torch.Generator().manual_seed(0)
    means = torch.randn(2000, 8, generator=draw)
    assert lidar(cloud(means, 0.1)) == pytest.approx(8, rel=0.02)
    flat = means.clone()
    flat[:, 3:] = 0
    assert lidar(cloud(flat, 0.01)) == pytest.approx(3, rel=0.05)
    # Any invertible map of the features leaves it alone, which an effective rank does not.
    mixed = cloud(means, 0.1) @ torch.diag(torch.logspace(0, 2, 8))
    assert lidar(mixed) == pytest.approx(8, rel=0.03)


def test_what_changes_within_an_image_counts_for_nothing() -> None:
    draw = torch.Generator().manual_seed(0)
    means = torch.randn(500, 6, generator=draw)
    views = cloud(means, 0.05)
    views[..., 3:] += 50 * torch.randn(500, 10, 3, generator=draw)
    assert lidar(views) == pytest.approx(3, rel=0.05)


def test_it_is_at_most_one_less_than_the_images() -> None:
    draw = torch.Generator().manual_seed(0)
    assert lidar(cloud(torch.randn(5, 20, generator=draw), 0.1)) <= 4.001
    assert lidar(torch.zeros(5, 10, 20)) >= 1
