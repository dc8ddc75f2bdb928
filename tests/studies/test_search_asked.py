"""What a search for a network is asked for: worked out, bounded, refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sit_engine.config.families.supernet import SupernetOptions
from sit_engine.errors import ConfigError, DataError, RunError, SitError
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.comparison import Budget
from sit_engine.records.studies.network_search import (
    NetworkSearch,
    read_search,
)
from sit_engine.records.studies.network_search_text import to_text
from sit_engine.studies.search import request as search_request
from sit_engine.studies.search.study import supernet_config
from tests.studies.searches import request_of, searched

pytestmark = pytest.mark.usefixtures("known_speed")


def test_without_pymoo_it_says_how_to_get_it(few: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SitError) as caught:
        searched(request_of(few), tmp_path / "out")
    assert "sit-studio[search]" in caught.value.hint
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"budget": "much"}, "budget cannot be much"), ({"budget": "0M"}, "budget cannot be 0M"),
        ({"budget": "10"}, "smallest network costs"), ({"objectives": 3}, "cannot be 3"),
        ({"minutes": -1.0}, "cannot be -1"), ({"space": "published"}, "no multiples"),
        ({"memory_mb": 1e-6}, "smallest network takes more memory"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_a_sentence(
    more: dict[str, Any], said: str, few: Path, tmp_path: Path
) -> None:
    given = {"budget": "1G"} | more if "space" in more else more
    with pytest.raises(SitError, match=said):
        searched(request_of(few, **given), tmp_path / "out")
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(SitError, match="holds no search"):
        searched(request_of(few), tmp_path)


def test_a_budget_of_time_is_measured_once_an_operation(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is made up: every operation takes as long."""
    calls: list[int] = []

    def instead(work: Callable[[], object], _: object) -> float:
        if len(calls) % 25 == 0:
            work()
        calls.append(1)
        return 0.01

    monkeypatch.setattr("sit_engine.studies.search.latency.milliseconds", instead)
    # Whole networks take a quarter longer than the sum of their operations.
    monkeypatch.setattr(
        "sit_engine.studies.search.latency.of_network",
        lambda shape, *_: 0.0125 * (1 + 3 * shape.depth),
    )
    request = request_of(few, budget="0.201ms", memory_mb=50.0)
    asked = search_request.asked_for(request, tmp_path / "out", lambda *_: None)
    space = asked.space
    inner = 1 + len(space.attentions) + len(space.mlps)
    operations = len(space.patches) * len(space.widths) * inner
    operations += len(space.patches) * len(space.heads) * len(space.attentions)
    assert operations < len(calls) < operations + 20
    limits = search_request.limits_of(asked)
    config = supernet_config(request, asked)
    assert isinstance(config.model, SupernetOptions)
    assert config.model.times == asked.times
    codes = limits.draw(space, limits.calibrate_each(space), np.random.default_rng(0), 20)
    costs, depths = limits.table.costs(space, codes), space.depths(codes)
    assert costs == pytest.approx(0.0125 * (1 + 3 * depths))
    assert asked.uniform.patch_size == 4
    assert asked.time_error == pytest.approx(0, abs=1e-6)
    told = to_text(NetworkSearch(replace(asked, time_error=0.2), (), None, "training"))
    assert "by 20 % (median)." in told
    assert "was the machine busy" in told
    assert "busy" not in to_text(
        NetworkSearch(replace(asked, time_error=0.04), (), None, "training")
    )


def test_what_began_to_train_anew_goes_on_as_it_began(
    found: Path, few: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(found, out)
    (out / "anew").mkdir()
    begun = CompareRequest(str(few), {}, Budget("minutes", 8.0))
    (out / "anew" / "compare.json").write_text(json.dumps(begun.to_json()))
    for minutes in (8.0, 0.0, 8.0):
        asked = search_request.asked_for(
            request_of(few, anew_minutes=minutes), out, lambda *_: None
        )
        assert asked.anew_minutes == minutes
    with pytest.raises(RunError, match="train anew for 8 minutes each"):
        search_request.asked_for(request_of(few, anew_minutes=4.0), out, lambda *_: None)


def test_to_train_anew_takes_labels_also_of_a_search_that_is_there(
    photos: Path, tmp_path: Path
) -> None:
    flat, out = tmp_path / "flat", tmp_path / "out"
    flat.mkdir()
    for number, path in enumerate(sorted(photos.rglob("*.png"))[:40]):
        shutil.copy(path, flat / f"{number}.png")
    asked = search_request.asked_for(request_of(flat), out, lambda *_: None)
    with pytest.raises(DataError, match="no labels of two classes"):
        search_request.asked_for(request_of(flat, anew_minutes=1.0), out, lambda *_: None)
    assert read_search(out).asked == asked


def test_an_uneven_number_of_minutes_is_refused_before_anything_is_frozen(
    few: Path, tmp_path: Path
) -> None:
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="minutes to train anew cannot be"):
            searched(request_of(few, anew_minutes=wrong), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_uniform_network_keeps_the_memory_too(few: Path, tmp_path: Path) -> None:
    free = search_request.asked_for(request_of(few), tmp_path / "free", lambda *_: None)
    needed = free.uniform.answer_bytes(16) / 1e6
    less = request_of(few, memory_mb=0.98 * needed)
    bound = search_request.asked_for(less, tmp_path / "bound", lambda *_: None)
    assert bound.uniform.answer_bytes(16) <= 0.98e6 * needed
    with pytest.raises(SitError, match=r"answer an image in 0\.01 MB"):
        search_request.asked_for(
            request_of(few, memory_mb=0.01), tmp_path / "none", lambda *_: None
        )
