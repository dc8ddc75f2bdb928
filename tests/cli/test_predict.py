"""predict through the command line's own door, on a real tiny run."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any, Literal

import pytest

from sit_engine import api
from sit_engine.cli.main import main
from sit_engine.errors import DataError
from sit_engine.export.program import ProgramInfo
from sit_engine.jobs import predict as predicting
from sit_engine.paths import unescape_name
from sit_engine.records.run import Run
from tests.cli.test_bad_input import assert_sentence, tell
from tests.tiny import engine


def rows_of(file: Path) -> list[dict[str, str]]:
    """The table as dictionaries."""
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_every_file_has_a_row_with_an_answer_or_a_reason(
    finetuned: Path, odd: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "out.csv"
    assert main(["predict", str(finetuned), str(odd), "--csv", str(out)]) == 0
    told = capfd.readouterr().out
    assert "Answered 5 images" in told
    assert "3 files cannot be used" in told
    rows = rows_of(out)
    assert list(rows[0]) == [
        "path", "class", "probability", "class_2", "probability_2", "class_3", "probability_3",
        "class_4", "probability_4", "class_5", "probability_5", "problem",
    ]  # fmt: skip
    paths = [unescape_name(row["path"]) for row in rows]
    assert paths == sorted(map(str, odd.rglob("*.*")), key=os.fsencode)
    broken = {Path(path).name for path, row in zip(paths, rows, strict=True) if row["problem"]}
    assert broken == {"broken.png", "half.jpg", "notes.txt"}
    classes = Run(finetuned).split()["classes"]
    for row in rows:
        likely = [row[f"probability{n}"] for n in ("", "_2", "_3", "_4", "_5")]
        if row["problem"]:
            assert not any(likely)
            continue
        values = [float(text) for text in likely]
        assert values == sorted(values, reverse=True)
        assert 0 < sum(values) <= 1
        assert row["class"] in classes
        assert len({row[f"class{n}"] for n in ("", "_2", "_3", "_4", "_5")}) == 5


def test_answers_are_the_same_in_any_pieces_and_a_lost_file_costs_only_itself(
    finetuned: Path, sample: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "images"
    shutil.copytree(sample[1] / "cat", folder)
    shutil.copytree(sample[1] / "moon", folder / "moon")
    whole = api.predict(finetuned, [str(folder)], tmp_path / "whole.csv")
    assert (whole.images, whole.problems, sum(whole.classes.values())) == (8, 0, 8)
    shapes: list[tuple[int, ...]] = []
    answer = predicting.predictor

    def in_pieces(*given: Any, **more: Any) -> predicting.Predictor:
        found = answer(*given, **more)

        def watched(views: Any) -> Any:
            shapes.append(tuple(views.shape))
            if len(shapes) == 1:
                (folder / "moon" / "003.png").unlink()
            return found.answer(views)

        return predicting.Predictor(found.labels, found.decoding, found.reader, watched, 3)

    monkeypatch.setattr(predicting, "predictor", in_pieces)
    pieces = api.predict(finetuned, [str(folder)], tmp_path / "pieces.csv")
    # Never more than a piece at once: that is what memory is bounded by.
    assert shapes == [(3, 3, 16, 16), (3, 3, 16, 16), (1, 3, 16, 16)]
    assert (pieces.images, pieces.problems) == (7, 1)
    before, after = rows_of(tmp_path / "whole.csv"), rows_of(tmp_path / "pieces.csv")
    assert before[:7] == after[:7]
    assert after[7]["problem"]
    assert not after[7]["class"]


@pytest.mark.parametrize("format", ["onnx", "torchscript"])
def test_an_exported_model_answers_as_its_run_does(
    format: Literal["onnx", "torchscript"], finetuned: Path, odd: Path, tmp_path: Path,
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    model = tmp_path / f"model.{'onnx' if format == 'onnx' else 'pt'}"
    api.export(finetuned, format=format, out=model)
    # As if another machine had made it.
    monkeypatch.setattr("sit_engine.export.program._known_file", lambda: tmp_path / "none")
    trust = []
    if format == "torchscript":
        code, told = tell(capfd, "predict", model, odd, "--csv", tmp_path / "out.csv")
        assert code == 5
        assert_sentence(told, "--trust")
        assert not (tmp_path / "out.csv").exists()
        trust = ["--trust"]
    assert main(["predict", str(model), str(odd), "--csv", str(tmp_path / "out.csv"), *trust]) == 0
    api.predict(finetuned, [str(odd)], tmp_path / "run.csv")
    ours, theirs = rows_of(tmp_path / "run.csv"), rows_of(tmp_path / "out.csv")
    assert len(ours) == 8
    for one, two in zip(ours, theirs, strict=True):
        assert (one["path"], one["class"], one["problem"]) == (
            two["path"], two["class"], two["problem"],
        )  # fmt: skip
        if not one["problem"]:
            assert float(one["probability"]) == pytest.approx(float(two["probability"]), abs=1e-4)
    features = ProgramInfo(format, (), 16, None, "features")
    monkeypatch.setattr(predicting, "open_program", lambda _: features)
    with pytest.raises(DataError, match="gives features"):
        api.predict(model, [str(odd)], tmp_path / "out.csv")


def test_what_cannot_be_predicted_is_a_sentence_and_no_file_is_lost(
    run: Path, finetuned: Path, odd: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("path,label\nx,y\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.pt").write_text("no model")
    for words, code, part in (
        ((run, odd, "--csv", tmp_path / "out.csv"), 2, "sit-engine finetune"),
        ((tmp_path / "none", odd, "--csv", tmp_path / "out.csv"), 2, str(tmp_path / "none")),
        ((tmp_path / "text.pt", odd, "--csv", tmp_path / "out.csv"), 5, "text.pt"),
        ((finetuned, tmp_path / "none", "--csv", tmp_path / "out.csv"), 5, "none"),
        ((finetuned, tmp_path / "empty", "--csv", tmp_path / "out.csv"), 5, "empty"),
        ((finetuned, odd, "--csv", mine), 2, "mine.csv"),
        ((finetuned, odd, "--csv", odd), 2, "--csv"),
        ((finetuned, odd, "--csv", mine / "below.csv"), 8, "mine.csv"),
    ):
        found, told = tell(capfd, "predict", *words)
        assert found == code, (words, told)
        assert_sentence(told, part)
        assert not (tmp_path / "out.csv").exists()
    assert mine.read_text() == "path,label\nx,y\n"
    # A table of ours is replaced.
    for _ in range(2):
        assert main(["predict", str(finetuned), str(odd), "--csv", str(tmp_path / "out.csv")]) == 0


def test_a_fresh_process_does_it_all(finetuned: Path, odd: Path, tmp_path: Path) -> None:
    words: list[str | Path] = ["predict", finetuned, odd, "--csv", tmp_path / "out.csv", "--json"]
    done = engine(*words, check=True, cold=True)
    assert json.loads(done.stdout)["images"] == 5
    assert done.stderr == ""
