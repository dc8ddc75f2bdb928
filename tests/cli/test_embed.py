"""embed and neighbours through the command line's own door, on real tiny runs."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sit_engine import api
from sit_engine.cli.main import main
from sit_engine.evaluation import reading
from sit_engine.paths import unescape_name
from sit_engine.records.embedding import Embedded
from sit_engine.records.run import Run
from tests.cli.test_bad_input import assert_sentence, tell
from tests.cli.test_predict import rows_of
from tests.tiny import paths_of


def test_an_embedded_folder_holds_the_features_and_what_is_known_of_each_image(
    run: Path, sample: tuple[Path, Path], embedded: Path
) -> None:
    found = Embedded.open(embedded)
    record = Run(run).split()
    assert len(found) == 16 * (12 + 4) == found.about["points"]
    assert (found.about["run"], found.about["network"]) == (str(run), "student")
    assert found.about["folders"] == [str(folder) for folder in sample]
    assert found.about["classes"] == found.about["sub_folders"] == record["classes"]
    known = {
        "train": set(paths_of(Run(run).config().data.folders, record["train"])),
        "validation": set(paths_of(Run(run).config().data.folders, record["watch"])),
    }
    assert len(known["validation"]) > 0
    for row in range(len(found)):
        path = found.paths[row]
        assert found.about["classes"][found.labels[row]] == Path(path).parent.name
        assert found.labels[row] == found.folder[row]
        part = next((name for name, paths in known.items() if path in paths), "other")
        assert found.about["splits"][found.split[row]] == part
    assert set(found.prediction.tolist()) == {-1}
    points = found.map("pca")
    assert points is not None
    np.testing.assert_allclose(points.mean(0), 0, atol=1e-3)
    assert points[:, 0].std() >= points[:, 1].std() > 0
    pairs = found.near_duplicates()
    cosines = [cosine for *_, cosine in pairs]
    assert cosines == sorted(cosines, reverse=True)
    assert len(pairs) == found.about["near_duplicates"]["kept"]


def test_features_are_read_in_pieces_and_are_those_of_one_reading(
    run: Path, sample: tuple[Path, Path], embedded: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path / "cache"))  # Nothing is known of them here.
    sizes: list[int] = []
    views = reading.Reader.views

    def watched(self: reading.Reader, paths: Any, side: int) -> Any:
        sizes.append(len(paths))
        return views(self, paths, side)

    monkeypatch.setattr(reading.Reader, "views", watched)
    pieces = reading.Reader.pieces
    monkeypatch.setattr(
        reading.Reader, "pieces", lambda *given, **more: pieces(*given, **more, piece=100)
    )
    api.embed(run, [str(folder) for folder in sample], tmp_path / "again")
    assert sizes == [100, 100, 56]
    again, before = Embedded.open(tmp_path / "again"), Embedded.open(embedded)
    np.testing.assert_allclose(again.features, before.features, atol=1e-5)
    one, two = again.map("pca"), before.map("pca")
    assert one is not None
    assert two is not None
    np.testing.assert_allclose(one, two, atol=1e-4)


def test_a_finetuned_run_says_what_it_takes_each_image_for(
    finetuned: Path, odd: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["embed", str(finetuned), str(odd), "--out", str(tmp_path / "e"), "--json"]
    assert main([*words, "--map", "tsne"]) == 0
    about = json.loads(capfd.readouterr().out.splitlines()[-1])
    found = Embedded.open(tmp_path / "e")
    assert about == found.about
    assert (about["points"], about["problems"], about["sub_folders"]) == (5, 3, ["cat"])
    classes = Run(finetuned).split()["classes"]
    assert about["classes"] == classes
    row = found.row_of(str(odd / "root.png"))
    assert row is not None
    assert (found.labels[row], found.folder[row]) == (-1, -1)
    tsne = found.map("tsne")
    assert tsne is not None
    assert tsne.shape == (5, 2)
    api.predict(finetuned, [str(odd)], tmp_path / "out.csv")
    answers = {unescape_name(r["path"]): r["class"] for r in rows_of(tmp_path / "out.csv")}
    assert [classes[number] for number in found.prediction] == [answers[p] for p in found.paths]


def test_a_copy_finds_its_original_and_an_embedded_image_not_itself(
    run: Path, sample: tuple[Path, Path], embedded: Path, tmp_path: Path,
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    original = sample[0] / "cat" / "000.png"
    shutil.copy(original, tmp_path / "copy.png")
    words = ["neighbours", str(embedded), str(tmp_path / "copy.png"), "--count", "3", "--json"]
    assert main(words) == 0
    nearest = json.loads(capfd.readouterr().out)["neighbours"]
    assert (len(nearest), nearest[0]["path"]) == (3, str(original))
    assert nearest[0]["cosine"] == pytest.approx(1, abs=1e-5)
    # Known already: its network is not even loaded.
    monkeypatch.setattr("sit_engine.jobs.embed.load_backbones", lambda *_, **__: 1 / 0)
    others = api.neighbours(embedded, str(original), count=3)
    assert [path for _, path, _ in others][:2] == [found["path"] for found in nearest[1:]]
    assert len(others) == 3
    assert main(["neighbours", str(embedded), str(original)]) == 0
    assert len(capfd.readouterr().out.splitlines()) == 12


def test_an_embedded_image_that_changed_is_read_again(
    run: Path, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    shutil.copytree(sample[1], folder)
    api.embed(run, [str(folder)], tmp_path / "e")
    cat, moon = folder / "cat" / "000.png", folder / "moon" / "000.png"
    cat.write_bytes(moon.read_bytes())
    os.utime(cat, ns=(0, 0))
    row, path, cosine = api.neighbours(tmp_path / "e", str(cat), count=1)[0]
    assert (path, Embedded.open(tmp_path / "e").paths[row]) == (str(moon), str(moon))
    assert cosine == pytest.approx(1, abs=1e-5)


def test_what_cannot_be_embedded_or_found_is_a_sentence(
    run: Path, embedded: Path, odd: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("kept")
    out = tmp_path / "out"
    for words, code, part in (
        (("embed", tmp_path, odd, "--out", out), 2, str(tmp_path)),
        (("embed", run, tmp_path / "none", "--out", out), 5, "none"),
        (("embed", run, odd, "--out", tmp_path / "mine"), 2, "--out"),
        (("embed", run, odd, "--out", odd / "cat" / "e"), 2, "inside"),
        (("embed", run, odd, "--out", tmp_path / "mine" / "letter.txt" / "e"), 8, "letter.txt"),
        (("embed", run, odd, "--out", out, "--duplicates-above", "2"), 4, "2"),
        (("embed", run, odd, "--out", out, "--step", "77"), 5, "77"),
        (("neighbours", odd, odd / "root.png"), 5, "sit-engine embed"),
        (("neighbours", embedded, odd / "notes.txt"), 5, "notes.txt"),
        (("neighbours", embedded, odd / "half.jpg"), 5, "half.jpg"),
        (("neighbours", embedded, tmp_path / "none.png"), 5, "none.png"),
    ):
        found, told = tell(capfd, *words)
        assert found == code, (words, told)
        assert_sentence(told, part)
        assert not out.exists()
    assert (tmp_path / "mine" / "letter.txt").read_text() == "kept"
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]
