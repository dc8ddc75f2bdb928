"""Labels from a CSV: any order, any separator, any slash; and a sentence for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.data.label_file import UNMATCHED_ROWS
from sit_engine.data.scan import ImageIndex, scan
from sit_engine.errors import ConfigError, DataError
from sit_engine.runs import open_run
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
