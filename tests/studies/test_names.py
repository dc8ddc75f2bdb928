"""Paths that are not UTF-8 are themselves in memory, and clean text in what a study writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from sit_engine.records.studies.comparison import Budget, Comparison
from sit_engine.records.studies.tuning import Tuning
from sit_engine.studies.cells import Cell

ODD, STORED = "/k\udce4se\\x41", r"/k\xe4se\x5cx41"


def test_a_comparison_and_a_search_keep_odd_folders() -> None:
    found = Comparison(ODD, (ODD,), Budget("minutes", 1.0), 1, 5, (), (), 9, 9, "", True)
    record = json.loads(json.dumps(found.to_json()))
    assert (record["folder"], record["test"]) == (STORED, [STORED])
    assert Comparison.from_json(record) == found
    search = Tuning(ODD, 1.0, (), (found,), True, 1.0)
    record = json.loads(json.dumps(search.to_json()))
    assert (record["folder"], record["rungs"][0]["folder"]) == (STORED, STORED)
    assert Tuning.from_json(record) == search


def test_a_cell_keeps_odd_images(tmp_path: Path) -> None:
    none = np.zeros(2)
    cell = Cell(np.array([ODD, "/b"]), none, none, none, np.array(1), np.array(2), np.array(""))
    cell.save(tmp_path / "cell.npz")
    with np.load(tmp_path / "cell.npz") as found:
        assert found["images"].tolist() == [STORED, "/b"]
    assert Cell.read(tmp_path / "cell.npz").images.tolist() == [ODD, "/b"]
