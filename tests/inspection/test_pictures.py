"""Reconstructions, attention and curves of a real run, as pictures and as arrays."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sit_engine import api
from sit_engine.cli.main import main
from sit_engine.data.decode.preprocess import Preprocess
from sit_engine.inspection.curves import write_curves
from sit_engine.inspection.pictures import GAP, MARGIN, OUTSIDE, TITLE
from sit_engine.jobs.networks import load_method
from sit_engine.records.attention import holding
from sit_engine.records.events import Event, KnnMeasured, RunResumed, StepReported
from sit_engine.records.run_folder import open_run
from tests.tiny import tiny_config

TILE = 96  # 16 px views are shown six times as large.


@pytest.fixture(scope="module")
def run(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tiny run, resumed once."""
    out = tmp_path_factory.mktemp("looked") / "run"
    api.pretrain(tiny_config(sample[0], optim={"epochs": 2}), out, emit=lambda _: None)
    api.resume(out, emit=lambda _: None, epochs=3)
    return out


@pytest.fixture(scope="module")
def pictures(run: Path) -> Path:
    """Written by the verb."""
    out = run.parent / "pictures"
    written = api.inspect(run, images=[], out=out)
    assert sorted(path.name for path in written) == [
        "attention.npz", "attention.png", "reconstructions.npz", "reconstructions.png",
    ]  # fmt: skip
    return out


def tile(sheet: Image.Image, row: int, column: int, side: int = 16) -> np.ndarray:
    """One picture of a sheet, back at its own size."""
    left, top = MARGIN + column * (TILE + GAP), MARGIN + TITLE + row * (TILE + GAP)
    half = TILE // side // 2
    shown = np.asarray(sheet.crop((left, top, left + TILE, top + TILE)))
    return shown[half :: TILE // side, half :: TILE // side]


def sheet_size(columns: int, rows: int) -> tuple[int, int]:
    """Nothing is cut off and nothing is left over."""
    return (
        2 * MARGIN + columns * (TILE + GAP) - GAP,
        2 * MARGIN + TITLE + rows * (TILE + GAP) - GAP,
    )


def test_only_masked_pixels_are_changed_and_the_difference_is_output_minus_input(
    pictures: Path,
) -> None:
    found = np.load(pictures / "reconstructions.npz")
    before, after, mask = found["input"], found["output"], found["mask"]
    assert before.shape == (8, 16, 16, 3)
    assert mask.shape == (8, 16, 16)
    assert 0.05 < mask.mean() < 0.95
    assert np.array_equal(before[~mask], after[~mask])
    assert not np.array_equal(before[mask], after[mask])
    assert np.array_equal(found["corrupted"][~mask], before[~mask])
    assert np.array_equal(found["difference"], after.astype(int) - before.astype(int))


def test_the_reconstruction_sheet_shows_the_arrays(pictures: Path) -> None:
    found = np.load(pictures / "reconstructions.npz")
    with Image.open(pictures / "reconstructions.png") as sheet:
        assert sheet.size == sheet_size(4, 8)
        for row in range(8):
            for column, name in enumerate(("input", "corrupted", "output")):
                assert np.array_equal(tile(sheet, row, column), found[name][row])
            # No difference is the middle of the colour scale: white.
            unchanged = tile(sheet, row, 3)[(found["difference"][row] == 0).all(-1)]
            assert unchanged.min() > 240


def test_attention_arrays_are_the_last_blocks_class_token(run: Path, pictures: Path) -> None:
    found = np.load(pictures / "attention.npz")
    method, _ = load_method(open_run(run))
    vit = method.backbone(open_run(run).config().method.features).eval()
    views = torch.from_numpy(found["input"]).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = vit.attention(Preprocess(16).normalise(views))
    assert expected is not None
    assert np.allclose(found["heads"], expected.numpy(), atol=1e-6)
    assert np.allclose(found["mean"], found["heads"].mean(1))
    shares = found["heads"].sum((2, 3))
    assert shares.max() < 1
    assert shares.min() > 0.3
    with Image.open(pictures / "attention.png") as sheet:
        assert sheet.size == sheet_size(4, 8)
        assert np.array_equal(tile(sheet, 5, 0), found["input"][5])


def test_images_of_any_size_can_be_inspected(
    run: Path, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    image = Image.open(next(sample[1].glob("cat/*.png"))).resize((300, 90))
    image.save(tmp_path / "wide.png")
    api.inspect(run, images=[str(tmp_path / "wide.png")], out=tmp_path / "out")
    assert np.load(tmp_path / "out" / "attention.npz")["heads"].shape == (1, 2, 4, 4)


# Curves


def step(number: int, value: float) -> StepReported:
    """A report whose loss is `value`."""
    return StepReported(
        step=number, epoch=0.1 * number, loss=value, learning_rate=1e-3, weight_decay=0.1,
        terms={"contrast": value, "reconstruction": value / 2}, curves={}, gradient_norm=1.0,
        images_per_s=10.0, waiting_share=0.0, skipped_steps=0, memory_bytes=0, seconds_left=None,
    )  # fmt: skip


NAN = math.nan
CASES: dict[str, list[Event]] = {
    "no event": [],
    "one report": [step(1, 2.0)],
    "NaN between": [step(n, NAN if 10 < n < 20 else 1 / n) for n in range(1, 30)],
    "NaN alone": [step(n, NAN) for n in range(1, 5)],
    "resumed": [*(step(n, 2.0) for n in range(9)), RunResumed(1, 8, "x", 1), step(9, 1.0)],
    "k-NN": [step(1, 2.0), KnnMeasured(1, 0.4, 0.2, 0.05, 0.1, "teacher")],
}


@pytest.mark.parametrize("case", list(CASES))
def test_curves_are_drawn_for_every_kind_of_run(case: str, tmp_path: Path) -> None:
    write_curves(CASES[case], tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size[0] == 960
        assert picture.size[1] >= 280
        pixels = np.asarray(picture.convert("L"))
    # Titles and axes, or "No point yet.", stand there; the border is free: nothing is clipped.
    assert (pixels < 128).sum() > 200
    assert pixels[[0, -1]].min() > 250
    assert pixels[:, [0, -1]].min() > 250


def test_a_gap_and_a_resume_change_the_picture(tmp_path: Path) -> None:
    def drawn(events: list[Event], name: str) -> np.ndarray:
        write_curves(events, tmp_path / name)
        with Image.open(tmp_path / name) as picture:
            return np.asarray(picture.convert("L"), dtype=int)

    whole = [step(n, 1.0 + n) for n in range(30)]
    gap: list[Event] = [step(n, NAN if 10 < n < 20 else 1.0 + n) for n in range(30)]
    resumed: list[Event] = [*whole[:15], RunResumed(1, 14, "x", 1), *whole[15:]]
    plain = drawn([*whole], "whole.png")
    assert (drawn(gap, "gap.png") != plain).sum() > 100
    assert (drawn(resumed, "resumed.png") != plain).sum() > 100


def test_the_curves_of_a_resumed_run_are_drawn_from_its_folder(run: Path, tmp_path: Path) -> None:
    assert api.draw_curves(run, tmp_path / "curves.png").stat().st_size > 10_000


def test_a_mask_shows_the_image_where_the_share_lies_and_darkens_the_rest(
    run: Path, tmp_path: Path
) -> None:
    api.inspect(run, images=[], out=tmp_path, keep=0.6)
    found = np.load(tmp_path / "attention.npz")
    with Image.open(tmp_path / "attention.png") as sheet:
        assert sheet.size == sheet_size(4, 8)
        for column, maps in ((1, found["mean"]), (2, found["heads"][:, 0])):
            kept = np.kron(holding(maps[3], 0.6), np.ones((4, 4), dtype=bool))
            assert 0 < kept.sum() < kept.size
            shown, image = tile(sheet, 3, column), found["input"][3]
            assert np.array_equal(shown[kept], image[kept])
            assert np.array_equal(shown[~kept], image[~kept] // OUTSIDE)


@pytest.mark.parametrize("share", ["0", "1.5", "nan", "most"])
def test_what_is_no_share_is_a_sentence(share: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["inspect", "run", "--out", "pictures", "--keep", share])
    assert ended.value.code == 2
    assert f"{share} is no share above 0 and up to 1" in capfd.readouterr().err
