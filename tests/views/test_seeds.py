"""Seeds of the named streams."""

from __future__ import annotations

from sit_engine.views.seeds import stream_seed


def test_every_part_changes_the_seed() -> None:
    seeds = {
        stream_seed(seed, step, number, name)
        for seed in range(5)
        for step in range(20)
        for number in range(3)
        for name in ("view 0", "view 1", "noise 0")
    }
    assert len(seeds) == 5 * 20 * 3 * 3
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_the_seed_is_the_same_for_ever() -> None:
    # A changed hash would make every stored run continue with other draws
    assert stream_seed(1, 2, 3, "view 0") == 899049956313356080
