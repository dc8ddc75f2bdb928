"""Files of ours that lie loose among images are counted; they are no images and no problems."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sit_engine import api
from sit_engine.data.scan.ours import is_our_text
from sit_engine.data.scan.quick_scan import scan
from tests.tiny import tiny_finetune


@pytest.fixture(scope="module")
def written(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the verbs write of a run, all in one folder beside images."""
    base = tmp_path_factory.mktemp("written")
    run, loose = base / "run", shutil.copytree(few, base / "loose")
    api.finetune(tiny_finetune(few, optim={"epochs": 1}), run, emit=lambda _: None)
    api.export(run, format="torchscript", out=loose / "model.pt")
    api.predict(run, [str(few / "cat")], loose / "answers.csv")
    api.inspect(run, images=[], out=loose)
    api.embed(run, [str(few / "cat")], base / "embedded")
    for name in ("images.csv", "near-duplicates.csv"):
        shutil.copy(base / "embedded" / name, loose)
    shutil.copy(run / "config.toml", loose / "mine.toml")
    shutil.copy(next(run.glob("checkpoints/*/model.safetensors")), loose / "net.safetensors")
    return loose


def test_they_are_counted_as_ours(written: Path, few: Path) -> None:
    names = {path.name for path in written.iterdir() if path.is_file()}
    assert {"model.pt", "model.pt.md", "attention.npz"} <= names
    index = scan([written])
    assert index.problems == ()
    assert index.paths == scan([few]).paths
    assert dict(index.not_looked_at) == {"ours": len(names)}
    assert index.files == len(index)


def test_what_only_bears_such_a_name_is_looked_at(few: Path, tmp_path: Path) -> None:
    shutil.copy(few / "cat" / "000.png", tmp_path / "attention.png")
    (tmp_path / "labels.csv").write_text("path,label\na.png,cat\n")
    (tmp_path / "notes.md").write_text("# my notes, step 1\n")
    index = scan([tmp_path])
    assert index.paths == ["attention.png"]
    assert [problem.path for problem in index.problems] == ["labels.csv", "notes.md"]
    assert not is_our_text(str(tmp_path / "gone.csv"))


def test_a_card_as_it_began_in_earlier_versions_is_ours(few: Path, tmp_path: Path) -> None:
    shutil.copy(few / "cat" / "000.png", tmp_path)
    (tmp_path / "README.md").write_text(
        "# mine, step 9\n\nA vision transformer pretrained without labels (sit); student network, "
        "output: class token after the final norm.\n"
    )
    assert dict(scan([tmp_path]).not_looked_at) == {"ours": 1}
