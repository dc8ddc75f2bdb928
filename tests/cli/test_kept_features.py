"""Features once read are kept, and are those of the image and network that they were read of."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sit_engine import api
from sit_engine.evaluation import reading
from sit_engine.evaluation.kept import MOST_FILES, KeptFeatures
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.records.embedding import Embedded


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The names of images as they are read; nothing is known of any at the start."""
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path / "cache"))
    names: list[str] = []
    views = reading.Reader.views

    def told(self: reading.Reader, paths: Any, side: int) -> Any:
        names.extend(Path(path).name for path in paths)
        return views(self, paths, side)

    monkeypatch.setattr(reading.Reader, "views", told)
    return names


def test_the_map_after_an_evaluation_reads_no_image_again(
    run: Path, sample: tuple[Path, Path], embedded: Path, tmp_path: Path, read: list[str]
) -> None:
    test = tmp_path / "test"
    shutil.copytree(sample[1], test)
    api.evaluate(run, EvaluateRequest(train=[str(sample[0])], test=[str(test)], knn_only=True))
    read.clear()
    os.utime(test / "cat" / "000.png", ns=(0, 0))
    (test / "cat" / "new.png").write_bytes((test / "cat" / "001.png").read_bytes())
    api.embed(run, [str(sample[0]), str(test)], tmp_path / "e")
    assert sorted(read) == ["000.png", "new.png"]
    found, fresh = Embedded.open(tmp_path / "e"), Embedded.open(embedded)
    rows = np.array([found.row_of(path) for path in fresh.paths[:192]], dtype=np.int64)
    np.testing.assert_allclose(found.features[rows], fresh.features[:192], atol=1e-5)
    read.clear()
    (kept,) = (tmp_path / "cache" / "pixels" / "features").iterdir()
    kept.write_bytes(kept.read_bytes()[:-500])
    api.embed(run, [str(test)], tmp_path / "f")
    assert len(read) == 65


def test_answers_of_a_classifier_are_known_of_what_was_asked_only(
    finetuned: Path, sample: tuple[Path, Path], tmp_path: Path, read: list[str]
) -> None:
    api.evaluate(finetuned, EvaluateRequest(test=[str(sample[1])], knn_only=True))
    read.clear()
    folders = [str(folder) for folder in sample]
    api.embed(finetuned, folders, tmp_path / "e")
    assert len(read) == 192
    first = np.array(Embedded.open(tmp_path / "e").prediction)
    read.clear()
    api.embed(finetuned, folders, tmp_path / "f")
    assert read == []
    assert np.array(Embedded.open(tmp_path / "f").prediction).tolist() == first.tolist()
    assert (first >= 0).all()


def test_another_classifier_on_the_same_network_has_answers_of_its_own(
    tmp_path: Path, read: list[str]
) -> None:
    del read
    (tmp_path / "a.png").write_bytes(b"1")
    paths, network = [str(tmp_path / "a.png")], torch.nn.Linear(2, 2)
    one, other = torch.nn.Linear(2, 3), torch.nn.Linear(2, 3)
    kept = KeptFeatures(network, one, 32, reading.Reader())
    kept.keep(paths, np.ones((1, 3), np.float32), np.full(1, 2, np.int32))
    for classifier, unknown in ((one, []), (other, [0]), (None, [0])):
        features, answers = np.zeros((1, 3), np.float32), np.full(1, -1, np.int32)
        again = KeptFeatures(network, classifier, 32, reading.Reader())
        assert again.fill(paths, features, answers, has_answers=True).tolist() == unknown


def test_an_image_that_is_gone_has_not_the_features_of_another(
    tmp_path: Path, read: list[str]
) -> None:
    del read
    gone, other, network = tmp_path / "gone.png", tmp_path / "other.png", torch.nn.Linear(2, 2)
    KeptFeatures(network, None, 32, reading.Reader()).keep(
        [str(gone)], np.ones((1, 3), np.float32), np.zeros(1, np.int32)
    )
    features, answers = np.zeros((1, 3), np.float32), np.zeros(1, np.int32)
    again = KeptFeatures(network, None, 32, reading.Reader())
    assert again.fill([str(other)], features, answers, has_answers=False).tolist() == [0]


def test_only_the_features_of_some_networks_are_kept(tmp_path: Path, read: list[str]) -> None:
    del read
    image = tmp_path / "a.png"
    image.write_bytes(b"1")
    for seed in range(MOST_FILES + 1):
        network = torch.nn.Linear(2, 2)
        torch.nn.init.constant_(network.weight, seed)
        kept = KeptFeatures(network, None, 32, reading.Reader())
        kept.keep([str(image)], np.ones((1, 3), np.float32), np.zeros(1, np.int32))
    files = sorted(
        (tmp_path / "cache" / "pixels" / "features").iterdir(),
        key=lambda file: file.stat().st_mtime,
    )
    assert len(files) == MOST_FILES
    api.cache(clear=True)
    assert not any(file.exists() for file in files)
