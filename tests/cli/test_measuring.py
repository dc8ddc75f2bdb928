"""predict, embed and neighbours through the command line's own door, on real tiny runs."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from sit_engine import api
from sit_engine.cli.answers import ask
from sit_engine.cli.main import main
from sit_engine.cli.question import QuestionContext
from sit_engine.errors import CancelledError, DataError, SitError
from sit_engine.evaluation import reading
from sit_engine.evaluation.kept import MOST_FILES, KeptFeatures
from sit_engine.export.program import ProgramInfo
from sit_engine.jobs import predict as predicting
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.paths import unescape_name
from sit_engine.records.embedding import Embedded
from sit_engine.records.run import Run
from tests.cli.test_bad_input import assert_sentence, tell
from tests.tiny import engine, paths_of, tiny_config, tiny_finetune


@pytest.fixture(scope="module")
def run(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pretrained run."""
    out = tmp_path_factory.mktemp("measured") / "run"
    api.pretrain(tiny_config(sample[0], optim={"epochs": 1}), out, emit=lambda _: None)
    return out


@pytest.fixture(scope="module")
def finetuned(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny run that learnt the sixteen classes."""
    out = tmp_path_factory.mktemp("finetuned") / "run"
    config = tiny_finetune(sample[0], optim={"epochs": 1, "batch_size": 32})
    api.pretrain(config, out, emit=lambda _: None)
    return out


@pytest.fixture(scope="module")
def embedded(
    run: Path, sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The run's training and test images."""
    out = tmp_path_factory.mktemp("embedded") / "all"
    api.embed(run, [str(folder) for folder in sample], out)
    return out


@pytest.fixture
def odd(sample: tuple[Path, Path], tmp_path: Path) -> Path:
    """Five images, one in the root and one whose name is no text, and three files that are none."""
    folder = tmp_path / "odd, «folder»"
    shutil.copytree(sample[1] / "cat", folder / "cat")
    shutil.copy(sample[1] / "moon" / "000.png", folder / "root.png")
    name = os.fsdecode(b'quo"te,\n\xff.png') if os.name == "posix" else "quo'te.png"
    (folder / "cat" / "000.png").rename(folder / "cat" / name)
    (folder / "cat" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    half = (sample[1] / "moon" / "001.png").read_bytes()
    (folder / "half.jpg").write_bytes(half[: len(half) // 8])
    (folder / "notes.txt").write_text("not an image")
    return folder


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


def test_the_questions_of_the_window_are_answered(
    run: Path, finetuned: Path, odd: Path, tmp_path: Path
) -> None:
    said: list[dict[str, Any]] = []
    asked = QuestionContext(said.append, lambda: False)
    folders, place = [str(odd)], str(tmp_path / "e")
    made = ask(asked, "embed", {"run": str(run), "folders": folders, "out": place})
    assert made["folder"] == place
    assert made["about"]["points"] == 5
    drawn = ask(asked, "map", {"embedded": place, "kind": "tsne"})
    assert Path(drawn["file"]) == Path(place) / "map-tsne.npy"
    image = str(odd / "root.png")
    near = ask(asked, "neighbours", {"embedded": place, "image": image, "count": 2})["neighbours"]
    assert [set(found) for found in near] == [{"row", "path", "cosine"}] * 2
    assert image not in [found["path"] for found in near]
    given = {"folders": folders, "out": str(tmp_path / "out.csv")}
    done = ask(asked, "predict", {"run": str(finetuned), **given})
    assert (done["images"], done["problems"]) == (5, 3)
    assert "Answered 5 images" in done["text"]
    assert {"reading features", "near-duplicates", "map", "predicting"} <= {
        record["phase"] for record in said
    }
    with pytest.raises(SitError, match="run or a model"):
        ask(asked, "predict", given)


@pytest.mark.parametrize("question", ["embed", "predict", "evaluate"])
def test_a_question_that_is_over_breaks_off_and_leaves_nothing(
    question: str, finetuned: Path, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    phases: list[str] = []
    wanted = {"embed": "near-duplicates", "predict": "predicting", "evaluate": "reading images"}
    asked = QuestionContext(
        lambda record: phases.append(record["phase"]), lambda: wanted[question] in phases
    )
    folders = [str(sample[1])]
    given: dict[str, dict[str, Any]] = {
        "embed": {"folders": folders, "out": str(tmp_path / "e")},
        "predict": {"folders": folders, "out": str(tmp_path / "out.csv")},
        "evaluate": {"test": folders},
    }
    before = sorted(path.name for path in (finetuned / "evaluations").glob("*"))
    with pytest.raises(CancelledError):
        ask(asked, question, {"run": str(finetuned), **given[question]})
    assert list(tmp_path.iterdir()) == []
    assert sorted(path.name for path in (finetuned / "evaluations").glob("*")) == before


def test_a_fresh_process_does_it_all(finetuned: Path, odd: Path, tmp_path: Path) -> None:
    words: list[str | Path] = ["predict", finetuned, odd, "--csv", tmp_path / "out.csv", "--json"]
    done = engine(*words, check=True, cold=True)
    assert json.loads(done.stdout)["images"] == 5
    assert done.stderr == ""
