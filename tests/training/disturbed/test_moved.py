"""A folder of images that moved is found again by the content of its files, and the run is the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sit_engine import api
from sit_engine.data.pixel_cache.cache import PixelCache
from sit_engine.data.scan.finding import find_moved
from sit_engine.errors import DataError, FileError, SitError
from sit_engine.files import file_hash
from sit_engine.jobs.check import check
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.jobs.labelled import load_held_out, load_labelled
from sit_engine.jobs.repair import repair
from sit_engine.records.embedding import Embedded
from sit_engine.records.events import Event, Warned
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run
from tests.studies.test_compare import cell, compare
from tests.tiny import engine, tiny_config, tiny_finetune
from tests.training.test_resume import assert_identical, stop_at


@pytest.fixture(scope="module")
def whole(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "run"
    api.pretrain(tiny_config(few), out, emit=lambda _: None)
    return out


@pytest.fixture(scope="module")
def begun(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that stopped at step 2, and its images, which are not where it was begun."""
    place = tmp_path_factory.mktemp("begun")
    shutil.copytree(few, place / "photos")
    config = tiny_config(place / "photos")
    api.pretrain(config, place / "run", emit=lambda _: None, make_control=stop_at(2))
    (place / "photos").rename(place / "away")
    return place


@pytest.fixture
def run(begun: Path, tmp_path: Path) -> Path:
    """A copy of the run; its images are in `new/photos` now."""
    shutil.copytree(begun / "away", tmp_path / "new" / "photos")
    return shutil.copytree(begun / "run", tmp_path / "run")


def warned(events: list[Event]) -> dict[str, dict[str, str]]:
    """What was told, by code."""
    return {event.code: event.values for event in events if isinstance(event, Warned)}


def names_of(run: Path) -> list[str]:
    """Every image of the run."""
    return [name for part in ("train", "watch") for name in Run(run).split()[part]]


def as_before(run: Path) -> None:
    """As an earlier version left it: no content of the files, and no labels, in any split."""
    for file in [run / "split.json", *run.glob("checkpoints/*/split.json")]:
        record = json.loads(file.read_text())
        del record["images"]
        file.write_text(json.dumps(record))
    for manifest in run.glob("checkpoints/*/manifest.json"):
        known = json.loads(manifest.read_text())
        split = manifest.parent / "split.json"
        known["files"]["split.json"] |= {"sha256": file_hash(split), "bytes": split.stat().st_size}
        manifest.write_text(json.dumps(known))


def test_a_missing_folder_is_a_sentence_that_says_what_to_do(run: Path) -> None:
    with pytest.raises(DataError) as caught:
        api.resume(run, emit=lambda _: None)
    assert caught.value.code == "run.folder_missing"
    assert "--folders" in caught.value.hint


@pytest.mark.parametrize("place", ["new/photos", "new"], ids=["the folder", "a folder above it"])
def test_a_moved_folder_is_believed_for_its_content_and_the_run_is_the_same(
    run: Path, whole: Path, tmp_path: Path, place: str
) -> None:
    before = (run / "config.toml").read_bytes(), (run / "split.json").read_bytes()
    events: list[Event] = []
    api.resume(run, emit=events.append, folders=[str(tmp_path / place)])
    told = warned(events)
    assert told.keys() == {"data.moved"}
    assert (told["data.moved"]["content"], told["data.moved"]["names"]) == ("48", "0")
    assert told["data.moved"]["folders"] == str(tmp_path / "new" / "photos")
    assert_identical(whole, run)
    assert ((run / "config.toml").read_bytes(), (run / "split.json").read_bytes()) == before
    # From then on it is known.
    assert api.resume(run, emit=lambda _: None, epochs=5).outcome == "completed"


def test_renamed_files_and_classes_are_found_and_keep_their_labels(
    run: Path, whole: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "new" / "photos"
    (photos / "cat").rename(photos / "Felis")
    for file in sorted((photos / "moon").iterdir()):
        file.rename(photos / f"IMG-{file.name}")
    events: list[Event] = []
    api.resume(run, emit=events.append, folders=[str(photos)])
    assert warned(events)["data.moved"]["renamed"] == "24"
    assert "data.changed" not in warned(events)
    assert_identical(whole, run)


def test_files_renamed_inside_the_folder_need_no_word(
    few: Path, whole: Path, tmp_path: Path
) -> None:
    photos, out = shutil.copytree(few, tmp_path / "photos"), tmp_path / "run"
    api.pretrain(tiny_config(photos), out, emit=lambda _: None, make_control=stop_at(2))
    (photos / "cat").rename(photos / "Felis")
    events: list[Event] = []
    api.resume(out, emit=events.append)
    assert warned(events)["data.renamed"] == {"renamed": "12"}
    assert "data.moved" not in warned(events)
    assert_identical(whole, out)


def test_another_folder_is_not_believed_though_its_names_are_the_same(
    run: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "new" / "photos"
    for file in photos.rglob("*.png"):
        file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(DataError) as caught:
        api.resume(run, emit=lambda _: None, folders=[str(photos)])
    assert caught.value.code == "data.not_there"
    assert not (run / "moved.json").exists()


def test_images_deleted_meanwhile_are_asked_about_and_left_out(run: Path, tmp_path: Path) -> None:
    photos = tmp_path / "new" / "photos"
    gone = Run(run).split()["train"][:2]
    for name in gone:
        (photos / name.partition(":")[2]).unlink()
    with pytest.raises(DataError) as caught:
        api.resume(run, emit=lambda _: None, folders=[str(photos)])
    assert (caught.value.code, caught.value.values["count"]) == ("data.gone", "2")
    assert not (run / "moved.json").exists()
    events: list[Event] = []
    api.resume(run, emit=events.append, folders=[str(photos)], without_missing=True)
    assert warned(events)["data.problems"]["count"] == "2"
    record = Run(run).split()
    assert record["images"].keys() == {*record["train"], *record["watch"]}
    assert not set(gone) & record["images"].keys()


def test_a_run_of_before_takes_the_content_from_the_pixel_cache(
    run: Path, whole: Path, tmp_path: Path
) -> None:
    as_before(run)
    events: list[Event] = []
    api.resume(run, emit=events.append, folders=[str(tmp_path / "new")])
    assert warned(events)["data.moved"]["content"] == "48"
    assert_identical(whole, run)


def test_where_nothing_is_known_of_its_content_names_have_to_do_and_that_is_told(
    run: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_before(run)
    monkeypatch.setattr(PixelCache, "hashes", lambda *_, **__: {})
    events: list[Event] = []
    photos = tmp_path / "new" / "photos"
    api.resume(run, emit=events.append, folders=[str(photos)])
    told = warned(events)["data.moved"]
    assert (told["content"], told["names"]) == ("0", "48")
    assert "data.changed" not in warned(events)
    assert_identical(whole, run)


def test_several_folders_are_told_apart_whatever_their_order(few: Path, tmp_path: Path) -> None:
    old = [tmp_path / "a", tmp_path / "b"]
    for place, names in zip(old, (("cat", "moon"), ("brick", "grass")), strict=True):
        for name in names:
            shutil.copytree(few / name, place / name)
    config = tiny_config(old[0], data={"folders": [str(place) for place in old]})
    out = tmp_path / "run"
    api.pretrain(config, out, emit=lambda _: None, make_control=stop_at(2))
    api.resume(out, emit=lambda _: None, make_control=stop_at(1))
    new = [place.rename(tmp_path / f"new-{place.name}") for place in old]
    events: list[Event] = []
    api.resume(out, emit=events.append, folders=[str(place) for place in reversed(new)])
    assert warned(events)["data.moved"]["renamed"] == "0"
    assert json.loads((out / "moved.json").read_text())["folders"] == list(map(str, new))


@pytest.mark.parametrize("is_of_before", [False, True], ids=["by content", "by name"])
def test_what_did_not_move_stays_an_image_of_the_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_of_before: bool
) -> None:
    photos, other = tmp_path / "new" / "photos", tmp_path / "other"
    api.find_folders(run, [str(photos)])
    if is_of_before:
        as_before(run)
        monkeypatch.setattr(PixelCache, "hashes", lambda *_, **__: {})
    (other / "cat").mkdir(parents=True)
    for file in sorted((photos / "cat").iterdir())[:3]:
        file.rename(other / "cat" / file.name)
    found = find_moved(Run(run), [str(other)], on_progress=None)
    assert found.gone == ()
    assert found.places.folders == (str(photos), str(other))
    assert len(found.places.renamed) == 3
    assert sorted(map(found.places.path, names_of(run))) == sorted(
        str(file) for folder in (photos, other) for file in folder.rglob("*.png")
    )
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="None of the 48 images"):
        find_moved(Run(run), [str(empty)], on_progress=None)


def test_only_given_folders_are_listed_from_then_on(run: Path, tmp_path: Path) -> None:
    home = (tmp_path / "new" / "photos").rename(tmp_path / "home")
    given = tuple(str(home / name) for name in ("cat", "moon", "brick", "grass"))
    found = find_moved(Run(run), given, on_progress=None)
    assert found.gone == ()
    assert sorted(found.places.folders) == sorted(given)


def test_every_verb_that_reads_the_runs_own_images_finds_them(few: Path, tmp_path: Path) -> None:
    photos, out = shutil.copytree(few, tmp_path / "photos"), tmp_path / "run"
    api.finetune(tiny_finetune(photos, optim={"epochs": 1}), out, emit=lambda _: None)
    api.embed(out, [str(photos)], tmp_path / "embedded")
    test = shutil.copytree(few, tmp_path / "test")
    for file in test.rglob("*.png"):
        file.write_bytes(file.read_bytes() + b"\0")
    new = photos.rename(tmp_path / "new")
    verbs: list[Callable[[], object]] = [
        lambda: load_labelled(Run(out), None, [str(test)], None),
        lambda: api.inspect(out, images=[], out=tmp_path / "o"),
        lambda: api.scratch_twin(out),
    ]
    for verb in verbs:
        with pytest.raises(SitError, match="images is not there") as caught:
            verb()
        assert "--folders" in caught.value.hint
    done = engine("repair", out, "--folders", new)
    assert done.returncode == 0, done.stderr
    assert "Found by their content: 48 of 48;" in done.stdout
    for verb in verbs:
        verb()
    assert api.scratch_twin(out)[0].data.folders == (str(new),)
    assert len(load_held_out(Run(out), None).train) == len(Run(out).split()["train"])
    assert Embedded.open(tmp_path / "embedded").paths[0] == str(new / "brick" / "000.png")
    photos.mkdir()
    assert Embedded.open(tmp_path / "embedded").paths[0] == str(photos / "brick" / "000.png")
    # Its own images are measured with as far as they are there.
    (new / Run(out).split()["train"][0].partition(":")[2]).unlink()
    with pytest.raises(DataError, match="now: 1 image of the run;"):
        load_labelled(Run(out), None, [str(test)], None)
    report, _ = api.evaluate(
        out, EvaluateRequest(test=[str(test)], knn_only=True, without_missing=True)
    )
    assert report.train == (str(new),)
    assert "1 image of the run now gone" in str(report.left_out)


def test_a_comparison_goes_on_where_its_images_are_now(few: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    for name in ("cat", "moon"):
        shutil.copytree(few / name, photos / name)
    compare(photos, out, shots=1, seeds=1)
    before = cell(out, "trained", "same", 0).images.tolist()
    (out / "cells" / "trained" / "same-seed0.npz").unlink()
    new = photos.rename(tmp_path / "new")
    strange = shutil.copytree(few / "brick", tmp_path / "strange" / "brick").parent
    with pytest.raises(DataError) as caught:
        compare(strange, out, shots=1, seeds=2)
    assert caught.value.code == "data.not_there"
    # One was killed before it began.
    wanted = Run(out / "runs" / "all-seed0").wanted()
    compute = wanted.compute.model_copy(update={"seed": 1})
    create_run(out / "runs" / "all-seed1", wanted.model_copy(update={"compute": compute}))
    found, trained, _ = compare(new, out, shots=1, seeds=2)
    assert (found.is_complete, found.seeds) == (True, 2)
    assert trained == ["all-seed1", "same-seed1"]
    assert compare(new, out, shots=1, seeds=2)[1] == []
    # What is measured now is paired with what was measured before.
    assert cell(out, "trained", "same", 0).images.tolist() == before


def test_a_comparisons_test_folder_and_label_file_move_along(few: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    for name in ("cat", "moon"):
        shutil.copytree(few / name, data / "photos" / name)
        (data / "test" / name).mkdir(parents=True)
        for file in sorted((few / name).iterdir())[:3]:
            (data / "test" / name / file.name).write_bytes(file.read_bytes() + b"\0")
    rows = [f"{file.relative_to(data)},{file.parent.name}" for file in data.rglob("*.png")]
    (data / "labels.csv").write_text("\n".join(["path,label", *rows]), "utf-8")
    given: dict[str, Any] = {"labels_file": str(data / "labels.csv"), "test": [str(data / "test")]}
    compare(data / "photos", out, shots=1, seeds=1, **given)
    before = cell(out, "trained", "same", 0).images.tolist()
    (out / "cells" / "trained" / "same-seed0.npz").unlink()
    new = data.rename(tmp_path / "new")
    with pytest.raises(SitError, match="with other shots"):
        compare(new / "photos", out, shots=2, seeds=1, **given)
    assert not list(out.rglob("moved.json"))
    # As the window asks: of all that was asked for it knows the new folder.
    found, trained, _ = compare(new / "photos", out, shots=1, seeds=1, **given)
    assert (found.is_complete, found.test, trained) == (True, (str(new / "test"),), [])
    assert cell(out, "trained", "same", 0).images.tolist() == before
    # Given anew, as in a terminal; the test folder moves alone.
    given = {"labels_file": str(new / "labels.csv"), "test": [str(tmp_path / "test")]}
    (new / "test").rename(tmp_path / "test")
    (new / "photos" / "cat" / "000.png").unlink()
    (out / "cells" / "trained" / "same-seed0.npz").unlink()
    with pytest.raises(DataError, match="the same command") as caught:
        compare((new / "photos").rename(tmp_path / "last"), out, shots=1, seeds=1, **given)
    assert caught.value.code == "compare.gone"
    assert "--" not in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"folders": []}',
        '{"folders": ["/a"], "renamed": {}}',
        '{"folders": ["/a"], "labels_file": null, "renamed": {"0:a": "7:b"}}',
    ],
)
def test_a_damaged_note_of_the_move_is_a_sentence_and_is_put_aside(run: Path, text: str) -> None:
    (run / "moved.json").write_text(text)
    with pytest.raises(FileError, match=r"moved\.json"):
        api.resume(run, emit=lambda _: None)
    assert [problem.code for problem in check(run).problems] == ["run.moved_damaged"]
    assert any("moved.json.aside-1" in told.message for told in repair(run))
    assert not (run / "moved.json").exists()
