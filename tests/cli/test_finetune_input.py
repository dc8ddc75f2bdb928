"""Bad labels and bad starts of `finetune`: a sentence and an exit code each, and no run left behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.records.run_folder import open_run
from sit_engine.records.summary import summarise
from tests.cli.test_bad_input import assert_sentence, tell
from tests.tiny import flags, tiny_config

TINY = flags({
    "preset": "quick",
    "model": {"image_size": 16, "patch_size": 4, "width": 32, "depth": 2, "heads": 2},
    "optim": {"epochs": 1, "batch_size": 8},
    "compute": {"device": "cpu", "threads": 1, "precision": "fp32", "matmul": "highest"},
})  # fmt: skip
Write = Callable[[Path, list[str]], None]


@pytest.fixture(scope="module")
def flat(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four images of two classes in one folder, told apart by their names alone."""
    folder = tmp_path_factory.mktemp("flat") / "images"
    folder.mkdir()
    for name in ("brick", "cat"):
        for number, file in enumerate(sorted((sample[0] / name).iterdir())):
            shutil.copy(file, folder / f"{name} {number}.png")
    return folder


def rows(folder: Path) -> list[str]:
    """Lines of a good label file, without its head."""
    return [f"{path.name},{path.name.split()[0]}" for path in sorted(folder.iterdir())]


def text(*lines: str, encoding: str = "utf-8") -> Write:
    """A file of these lines; the good ones stand for ROWS."""

    def write(file: Path, good: list[str]) -> None:
        whole = [part for line in lines for part in (good if line == "ROWS" else [line])]
        file.write_bytes("\r\n".join(whole).encode(encoding))

    return write


@pytest.mark.parametrize(
    ("write", "code", "parts"),
    [
        (text("path,label", "ROWS", "gone.png,cat"), 0, ["name no image that is there: 1"]),
        (text("file,class", "ROWS"), 5, ["file, class", "path and label are needed"]),
        (text("path,label", "ROWS", "cat 1.png,brick"), 5, ["cat 1.png", "two labels", "cat", "brick"]),
        (text("path,label", "ROWS", "cat 1.png,cat"), 0, []),
        (text("path,label", "ROWS", "kätzchen.png,cat", encoding="latin-1"), 5, ["UTF-8"]),
        (text("path,label", "ROWS", encoding="utf-16"), 5, ["UTF-8"]),
        (text('"path";"label"', '"cat 1.png";"a ""cat"""', '"brick 1.png";"b;rick"'), 0, []),
        (text("path,label", 'cat 1.png,"cat'), 5, ["line 2", "not valid CSV"]),
        (text("path,label", "nothing.png,cat"), 5, ["None of the 1 row of"]),
        (text("path,label", "cat 1.png,cat", "cat 2.png,cat"), 5, ["one class only"]),
        (text("path,label", "cat 1.png,", "cat 2.png,"), 5, ["none"]),
    ],
    ids=[
        "a missing file", "unknown columns", "two labels", "the same label twice", "latin-1",
        "utf-16", "quotes and semicolons", "an open quote", "no row fits", "one class", "no label",
    ],
)  # fmt: skip
def test_a_label_file(
    write: Write, code: int, parts: list[str], flat: Path, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    file, out = tmp_path / "my labels.csv", tmp_path / "run"
    write(file, rows(flat))
    more: list[str | Path] = [
        "--data.labels",
        "csv",
        "--data.labels-file",
        file,
        "--data.watch-share",
        "0",
    ]
    more += ["--optim.batch-size", "2"]
    found, told = tell(capfd, "finetune", "scratch", flat, "--out", out, *TINY, *more)
    assert found == code, told
    if code:
        assert_sentence(told, *parts)
        assert not out.exists()
    else:
        for part in parts:
            assert part in (out / "events.jsonl").read_text()
        assert summarise(open_run(out)).status == "completed"


def test_what_it_cannot_start_from(
    flat: Path, sample: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pretrained = tmp_path / "pretrained"
    api.pretrain(tiny_config(sample[0], optim={"epochs": 0.3}), pretrained, emit=lambda _: None)
    (tmp_path / "weights.safetensors").write_bytes(b"not tensors at all")
    cases: tuple[tuple[str | Path, list[str], int, str], ...] = (
        (tmp_path / "nowhere", [], 5, "cannot be opened"),
        (tmp_path / "weights.safetensors", [], 5, "a safetensors file is needed"),
        (pretrained, ["--width", "64"], 4, "model.width = 64 does not fit"),
        (pretrained, ["--mixup", "9"], 4, "from 0 to 8"),
        ("scratch", ["--like", str(pretrained)], 2, "scratch alone"),
        ("scratch", ["--method.trained", "head", "--mixup", "0.5"], 4, "computed once"),
    )
    for start, more, code, part in cases:
        words: list[str | Path] = [start, sample[0], "--out", tmp_path / "run", *TINY, *more]
        found, told = tell(capfd, "finetune", *words)
        assert found == code, told
        assert_sentence(told, part)
        assert not (tmp_path / "run").exists()
    found, told = tell(capfd, "finetune", "scratch", "--like", pretrained)
    assert found == 2
    assert_sentence(told, "was not finetuned")


def test_a_folder_without_classes_says_how_to_give_them(
    flat: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found, told = tell(capfd, "finetune", "scratch", flat, "--out", tmp_path / "run", *TINY)
    assert found == 5
    assert_sentence(told, "sub-folder", "data.labels_file")


def test_pretrain_is_not_for_settings_of_finetuning(
    few: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "classes.toml"
    file.write_text('[method]\nname = "finetune"\n', "utf-8")
    code, told = tell(capfd, "pretrain", few, "--config", file, "--out", tmp_path / "run")
    assert code == 4
    assert "learns from labels" in told
    assert not (tmp_path / "run").exists()
