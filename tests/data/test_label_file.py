"""Labels from a CSV: any order, any separator, any slash; and a sentence for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.label_file import UNMATCHED_ROWS, LabelColumns
from sit_engine.data.scan.quick_scan import scan
from sit_engine.errors import ConfigError, DataError
from sit_engine.records.run_folder import open_run
from tests.tiny import engine, tiny_config


def labelled(photos: Path, text: str | bytes, name: str = "labels.csv") -> ImageIndex:
    """A scan with labels from a file of this text beside the images."""
    file = photos / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return scan([photos], labels="csv", labels_file=file)


def names(index: ImageIndex) -> dict[str, str]:
    """Path → class, of the labelled images."""
    found = zip(index.paths, index.labels.tolist(), strict=True)
    return {path: index.classes[label] for path, label in found if label >= 0}


@pytest.mark.parametrize(
    "text",
    [
        "path,label\ncats/0.png,tom\ndogs/1.png,rex\n",
        "\ufeffLabel;Path\r\ntom;cats\\0.png\r\n\r\nrex;dogs\\1.png\r\n",
        'id\tLABEL\tpath\n1\t tom \t"cats/0.png"\n2\trex\tdogs/./1.png\n3\t\tcats/1.png\n',
        'path, label\n"cats/0.png", "tom"\ncats/0.png, tom\ndogs/1.png, rex',
    ],
)
def test_columns_come_in_any_order_case_and_separator(photos: Path, text: str) -> None:
    index = labelled(photos, text)
    assert names(index) == {"cats/0.png": "tom", "dogs/1.png": "rex"}
    assert index.classes == ("rex", "tom")
    assert len(index) == 6
    assert index.problems == ()  # The file lies beside its images, and is no broken one.
    assert index.notes == ()


def test_paths_are_whole_or_relative_to_the_file_or_to_a_folder(photos: Path) -> None:
    file = photos.parent / "labels.csv"
    file.write_text(f"path,label\n{photos}/cats/0.png,a\nphotos/cats/1.png,b\n2.png,c\n", "utf-8")
    index = scan([photos / "cats"], labels="csv", labels_file=file)
    assert names(index) == {"0.png": "a", "1.png": "b", "2.png": "c"}
    with pytest.raises(DataError, match=r"Line 4 .* names 2\.png, which stands in several folders"):
        scan([photos / "cats", photos / "dogs"], labels="csv", labels_file=file)


def test_rows_without_an_image_are_counted_unless_all_are(photos: Path) -> None:
    index = labelled(photos, "path,label\ncats/0.png,tom\ncats/9.png,tom\n")
    assert index.notes == ((UNMATCHED_ROWS, 1),)
    with pytest.raises(DataError, match="None of the 2 rows"):
        labelled(photos, "path,label\ncats/8.png,tom\ncats/9.png,tom\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has the columns none; path and label are needed"),
        ("file,label\na,b\n", "has the columns file, label; path and label are needed"),
        ("path,label\ncats/0.png,\xe9".encode("latin-1"), r"is not UTF-8 text \(byte 22\)"),
        ('path,label\ncats/0.png,"tom\n', "line 2 is not valid CSV"),
        (
            "path,label\ncats/0.png,tom\ndogs/0.png,rex\ncats\\0.png,rex\n",
            r"gives cats\\0.png two labels: tom in line 2, rex in line 4",
        ),
    ],
)
def test_a_file_that_is_wrong_is_a_sentence(photos: Path, text: str | bytes, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        labelled(photos, text)


def test_a_missing_file_is_a_sentence(photos: Path) -> None:
    with pytest.raises(ConfigError) as error:
        scan([photos], labels="csv")
    assert error.value.code == "config.labels_file"
    with pytest.raises(ConfigError, match="no file is named"):
        build({"data": {"labels": "csv"}})
    with pytest.raises(DataError, match="no such file"):
        scan([photos], labels="csv", labels_file=photos / "none.csv")


def test_the_command_line_takes_a_label_file(photos: Path) -> None:
    file = photos.parent / "labels.csv"
    file.write_text("path,label\ncats/0.png,tom\ncats/9.png,tom\n", "utf-8")
    words = ("scan", photos, "--labels-file", file)
    assert "Classes: tom 1" in engine(*words, check=True).stdout
    wrong = engine("scan", photos, "--labels", "csv")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (4, 2)


def test_a_run_is_watched_and_resumed_with_labels_from_a_file(
    sample: tuple[Path, Path], tmp_path: Path
) -> None:
    """The folders' own classes are passed over: two halves are the classes."""
    images = sorted(path.relative_to(sample[0]).as_posix() for path in sample[0].rglob("*.png"))
    rows = [f"{path},{'left' if path < 'f' else 'right'}\n" for path in images]
    file = tmp_path / "labels \\x41.csv"
    file.write_text("path,label\n" + "".join(rows), "utf-8")
    folder = str(file).replace("\\", r"\x5c")
    config = tiny_config(
        sample[0],
        data={"labels": "csv", "labels_file": folder},
        optim={"epochs": 1},
        watch={"readings": 1, "previews": 0},
    )
    events: list[object] = []
    out = tmp_path / "run"
    api.pretrain(config, out, emit=events.append)
    assert "KnnMeasured" in {type(event).__name__ for event in events}
    assert open_run(out).split()["classes"] == ["left", "right"]
    assert api.resume(out, emit=events.append, epochs=2).outcome == "completed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Ids without an ending, and an ending in another case.
        ("path,label\ncats/0,tom\ndogs/1.PNG,rex\n", {"cats/0.png": "tom", "dogs/1.png": "rex"}),
        ("path,label\nsolo,tom\nSOLO2.png,rex\n", {"cats/solo.png": "tom"}),
        # Whole paths of another machine: by the longest end that is here, then by a name of its own.
        (
            "path,label\nC:\\Users\\me\\photos\\cats\\0.png,tom\n/home/me/x/solo.jpeg.png,rex\n",
            {"cats/0.png": "tom"},
        ),
        ("path,label\n/elsewhere/solo.png,tom\n", {"cats/solo.png": "tom"}),
        # A spreadsheet's own line.
        ("sep=;\r\npath;label\r\ncats/0.png;a, b\r\n", {"cats/0.png": "a, b"}),
    ],
)
def test_what_other_programs_write_finds_its_image(
    photos: Path, text: str, expected: dict[str, str]
) -> None:
    (photos / "cats" / "2.png").rename(photos / "cats" / "solo.png")
    assert names(labelled(photos, text)) == expected


@pytest.mark.parametrize("row", ["0.png", "0", "/elsewhere/0.png", "birds/0.png", "other/solo.png"])
def test_what_may_mean_several_images_or_another_one_means_none(photos: Path, row: str) -> None:
    (photos / "cats" / "2.png").rename(photos / "cats" / "solo.png")
    index = labelled(photos, f"path,label\n{row},tom\ncats/1.png,rex\n")
    assert names(index) == {"cats/1.png": "rex"}
    assert dict(index.notes) == {UNMATCHED_ROWS: 1}


def test_columns_of_other_names_are_told_and_kept_by_a_run(photos: Path, tmp_path: Path) -> None:
    rows = "".join(f"{kind}/{n}.png,{kind}\n" for kind in ("cats", "dogs") for n in range(3))
    file = tmp_path / "labels.csv"
    file.write_text("File name,Species\n" + rows)
    with pytest.raises(DataError, match="path and label are needed") as raised:
        scan([photos], labels="csv", labels_file=file)
    assert "--path-column" in (raised.value.hint or "")
    done = engine(
        "scan", photos, "--labels-file", file, "--path-column", "file name",
        "--label-column", "Species",
    )  # fmt: skip
    assert "Classes: cats 3, dogs 3" in done.stdout
    data = {"labels": "csv", "labels_file": str(file), "path_column": "File name"}
    config = tiny_config(photos, data=data | {"label_column": "species"})
    index = scan(
        [photos],
        labels="csv",
        labels_file=file,
        columns=LabelColumns(config.data.path_column, config.data.label_column),
    )
    assert index.classes == ("cats", "dogs")


def test_one_usable_image_scans(photos: Path) -> None:
    for path in sorted(photos.rglob("*.png"))[1:]:
        path.unlink()
    assert len(api.scan([str(photos)]).index) == 1
