"""What the window asks of an index of videos: made, searched, its duplicates listed, written down."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from sit_engine.cli.answers import ask
from sit_engine.cli.question import QuestionContext
from sit_engine.counted import unpacked
from sit_engine.errors import SitError
from sit_engine.records.events import Event
from tests.videos import write_sound


def test_an_index_is_made_and_searched_by_questions(
    clip_run: tuple[Path, list[Event]], films: Path, tmp_path: Path
) -> None:
    said: list[dict[str, Any]] = []
    asked = QuestionContext(said.append, lambda: False)
    (tmp_path / "more").mkdir()
    write_sound(tmp_path / "more" / "mute.mp4")
    place = str(tmp_path / "index")
    folders = [str(films), str(tmp_path / "more")]
    made = ask(asked, "index", {"run": str(clip_run[0]), "folders": folders, "out": place})
    assert made["videos"] == 16
    assert {"phase": "reading clips", "done": 16, "total": 16} in said
    assert [Path(one["path"]).name for one in made["problems"]] == ["mute.mp4"]
    query = str(films / "03.mp4")
    found = json.loads(json.dumps(ask(asked, "find", {"index": place, "queries": [query]})))
    assert found["hits"][0]["path"] == query
    assert found["seconds"][query] == pytest.approx(4.0, abs=0.3)
    assert unpacked(found)["threshold"] == found["threshold"]
    groups = ask(asked, "duplicates", {"index": place})
    assert set(groups) >= {"groups", "threshold", "why"}
    for kind, values in (("csv", found), ("html", groups)):
        out = tmp_path / f"found.{kind}"
        ask(asked, "found_file", {"index": place, "found": values, "out": str(out), "kind": kind})
    with (tmp_path / "found.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["video"] == query
    assert "Near-duplicates" in (tmp_path / "found.html").read_text("utf-8")
    odd = {"index": place, "found": {"hits": 3}, "out": str(tmp_path / "x"), "kind": "csv"}
    with pytest.raises(SitError, match="cannot be asked so"):
        ask(asked, "found_file", odd)
