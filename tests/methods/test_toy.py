"""A method is a folder and a line: what a toy of 40 lines gets without anyone knowing its name.

On the Train page and on Watch: tests/studio/train/test_toy.py.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from sit_engine import api
from sit_engine.cli.main import main, parser
from sit_engine.config.build import build
from sit_engine.config.methods import METHODS, MethodEntry
from sit_engine.config.schema import settings
from sit_engine.config.tree import RunConfig
from sit_engine.data.feed.batches import Batch
from sit_engine.inspection.shown_views import show
from sit_engine.jobs.networks import load_method
from sit_engine.methods.plain_views import PlainViews
from sit_engine.methods.protocol import StepInfo
from sit_engine.records.event_log import read_events
from sit_engine.records.events import (
    HealthMeasured,
    KnnMeasured,
    PreviewWritten,
    RunFinished,
    StepReported,
)
from sit_engine.records.run import Run
from sit_engine.training.memory import _view_bytes
from sit_engine.training.stepper import build_method
from tests.methods import toy as whole
from tests.tiny import TINY
from tests.training.test_resume import assert_identical, stop_at

ENTRY = MethodEntry("tests.methods.toy:ToyOptions", "tests.methods.toy:Toy")
TOY = {"name": "toy"}


@pytest.fixture(scope="module", autouse=True)
def table() -> Iterator[None]:
    """The line in the table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "toy", ENTRY)
        yield


def tiny_toy(folder: Path) -> RunConfig:
    """As the other methods' tests have it."""
    own = {"method": TOY, "data": {"folders": [str(folder)]}}
    return build(TINY | own)


@pytest.fixture(scope="module")
def run(sample: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run of the toy."""
    path = tmp_path_factory.mktemp("toy") / "run"
    api.pretrain(tiny_toy(sample[0]), path, emit=lambda _: None)
    return path


def test_it_is_written_in_under_40_lines() -> None:
    _, body = Path(whole.__file__).read_text("utf-8").split("\n\n\n", 1)
    assert len([line for line in body.splitlines() if line]) < 40


def test_it_trains_and_is_watched_like_any_other(run: Path) -> None:
    events = [event for event, _ in read_events(Run(run))]
    reports = [event for event in events if isinstance(event, StepReported)]
    assert reports[-1].curves["likeness"] > reports[0].curves["likeness"]
    assert set(reports[0].terms) == {"pull"}
    assert any(isinstance(event, KnnMeasured) for event in events)
    health = [event for event in events if isinstance(event, HealthMeasured)]
    assert health[-1].curves == {}
    assert [event.outcome for event in events if isinstance(event, RunFinished)] == ["completed"]


def test_what_it_does_not_have_is_not_shown(run: Path) -> None:
    previews = [event for event, _ in read_events(Run(run)) if isinstance(event, PreviewWritten)]
    found = {path.name for path in (run / previews[-1].path).iterdir()}
    assert found == {"attention.png", "attention.npz"}


def test_it_resumes_exactly(run: Path, sample: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "stopped"
    config = tiny_toy(sample[0])
    api.pretrain(config, path, emit=lambda _: None, make_control=stop_at(7))
    api.resume(path, emit=lambda _: None)
    assert_identical(path, run)


def test_its_settings_are_in_help_schema_and_config(tmp_path: Path) -> None:
    (pull,) = (item for item in settings("toy") if item.path == "method.pull")
    assert (pull.title, pull.low, pull.high) == ("Pull of toys", 0, 1)
    for verb in ("pretrain", "config"):
        words = ["--method", "toy", "--method.pull", "0.25"]
        assert getattr(parser(verb).parse_args([verb, *words]), "method.pull") == "0.25"
        said = io.StringIO()
        with contextlib.redirect_stdout(said), pytest.raises(SystemExit):
            main([verb, "--help"])
        assert "How much likeness counts." in " ".join(said.getvalue().split())
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert main(["config", "--method", "toy", "--pull", "0.25"]) == 0
    assert "pull = 0.25" in said.getvalue()


def test_it_is_exported_and_checked(run: Path, tmp_path: Path) -> None:
    made = api.export(run, format="torchscript", out=tmp_path / "toy.ts")
    assert made.path.is_file()
    assert "pretrained without labels (toy)" in (tmp_path / "toy.ts.md").read_text("utf-8")


# Views of several sizes in one step


def test_small_views_are_drawn_applied_and_seen_in_their_own_size(run: Path) -> None:
    method, _ = load_method(Run(run))
    assert isinstance(method, whole.Toy)
    config = Run(run).config()
    made = build_method(config, torch.device("cpu"))
    count = 4
    images = torch.from_numpy(
        np.random.default_rng(0).integers(0, 255, (count, 24, 24, 3), dtype=np.uint8)
    )
    batch = Batch(images, torch.ones(count), torch.full((count,), -1), torch.arange(count))
    views = made.make_views(batch, StepInfo(0, 0, 10))
    assert isinstance(views, PlainViews)
    assert [tuple(view.shape[2:]) for view in views.each] == [(16, 16), (16, 16), (8, 8), (8, 8)]
    assert not torch.equal(views.each[0], views.each[1])
    halves = views.split(2)
    assert [len(half.each[2]) for half in halves] == [2, 2]
    made.loss(views).total.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in made.networks.parameters() if p.requires_grad)


def test_a_share_of_a_batch_has_the_views_of_the_whole(run: Path) -> None:
    method = build_method(Run(run).config(), torch.device("cpu"))
    images = torch.arange(4 * 24 * 24 * 3).reshape(4, 24, 24, 3).to(torch.uint8)
    rest = (torch.ones(4), torch.full((4,), -1), torch.arange(4))
    place = StepInfo(0, 3, 10)
    whole_batch = method.make_views(Batch(images, *rest), place)
    share = method.make_views(Batch(images[2:], *rest, own=slice(2, 4)), place)
    assert isinstance(whole_batch, PlainViews)
    assert isinstance(share, PlainViews)
    for mine, all_of_them in zip(share.each, whole_batch.each, strict=True):
        assert torch.equal(mine, all_of_them[2:])


def test_a_dry_run_measures_it(sample: tuple[Path, Path]) -> None:
    found = api.dry_run(tiny_toy(sample[0]), on_progress=lambda *_: None)
    assert found.images_per_s > 0
    assert found.settings["method"]["name"] == "toy"


def test_memory_counts_every_view_once_in_its_size(run: Path) -> None:
    colours, single = 3, 4
    assert _view_bytes(Run(run).config()) == 2 * colours * single * 2 * (16**2 + 8**2)


def test_a_preview_shows_every_view_in_its_size(sample: tuple[Path, Path]) -> None:
    images = [str(path) for path in sorted(sample[0].rglob("000.png"))[:3]]
    found = show(images, {"method": TOY, "model": {"patch_size": 4}}, seed=0, image_size=16)
    assert [view.name for view in found.views] == [f"view {number}" for number in range(4)]
    assert [view.clean.shape for view in found.views] == [(3, n, n, 3) for n in (16, 16, 8, 8)]
    assert found.mask_share is None
