"""What labels live on is found on images where it is known, and decides what it should."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.config.facts import MEASURED_LATER, CueFacts, DataFacts, DeviceFacts
from sit_engine.config.resolve import Resolved, resolve
from sit_engine.data.pixel_cache.cache import PixelCache
from sit_engine.data.scan.quick_scan import scan
from sit_engine.evaluation.cues import (
    MOST_IMAGES,
    find_cues,
    histograms,
    knn,
    margin,
    measure,
    sample,
)
from sit_engine.evaluation.probes import knn_predict
from sit_engine.methods.sit.options import SitOptions
from sit_engine.methods.view_autos import WEAK
from sit_engine.records.run_folder import open_run
from sit_engine.studies.paired import interval
from tests.evaluation.cue_folders import Labels, Pixels, by_colour, by_direction, by_shape, grey
from tests.tiny import engine, tiny_config


def settled(cues: CueFacts | None, **values: object) -> tuple[SitOptions, Resolved]:
    """What "auto" comes to on a labelled folder with these cues."""
    facts = DataFacts(1000, 3, 32, 300, 400, labelled=1000, cues=cues)
    found = resolve(build(values), facts, DeviceFacts())
    assert isinstance(found.config.method, SitOptions)
    return found.config.method, found


def numbers(method: SitOptions) -> dict[str, float]:
    return {name: getattr(method.views, name) for name in WEAK}


def test_classes_that_are_colours_get_weak_colour_changes() -> None:
    cues = measure(*by_colour())
    assert cues.colour > 0.95
    assert cues.colour - cues.grey > 0.3
    method, found = settled(cues)
    assert (method.views.colours, numbers(method), method.views.flip) == ("weak", WEAK, 0.5)
    why = found.reasons["method.views.colours"]
    assert f"colour alone tells {100 * cues.colour:.0f} % of 240 labelled images apart" in why
    assert f"grey pixels {100 * cues.grey:.0f} %" in why
    assert found.reasons["method.views.hue"] == "of weak colour changes"


@pytest.mark.parametrize("images", [by_shape(), (grey(by_shape()[0]), by_shape()[1])])
def test_classes_that_are_shapes_keep_the_published_colours(images: tuple[Pixels, Labels]) -> None:
    cues = measure(*images)
    assert cues.grey > 0.9
    assert cues.colour < cues.grey - 0.2
    method, _ = settled(cues)
    assert method.views.colours == "published"
    assert numbers(method) == dict(method.views.PUBLISHED)
    assert method.views.flip == 0.5


@pytest.mark.parametrize(("turns", "left"), [((0, 2), 0.5), ((0, 1, 2, 3), 0.75)])
def test_where_mirroring_changes_the_class_views_are_not_mirrored(
    turns: tuple[int, ...], left: float
) -> None:
    """Of four directions up and down stay what they are: half of the classes lose half."""
    cues = measure(*by_direction(turns=turns))
    assert cues.pixels > 0.95
    assert cues.mirrored == pytest.approx(left, abs=0.15)
    method, found = settled(cues)
    assert method.views.flip == 0
    assert found.reasons["method.views.flip"].startswith("mirror images look like other classes")


def test_labels_that_tell_nothing_decide_nothing() -> None:
    """Labels drawn by lot: one cue is as little worth as the other, whatever the draw's noise."""
    images, _ = by_shape()
    for seed in range(10, 18):
        cues = measure(images, np.random.default_rng(seed).integers(0, 3, len(images)))
        assert abs(cues.colour - cues.grey) < 3 * cues.colour_margin
        method, _ = settled(cues)
        assert method.views.flip == 0.5


def test_a_word_of_the_user_wins_over_what_was_measured() -> None:
    cues = measure(*by_colour())
    method, found = settled(cues, method={"views": {"colours": "published", "hue": 0.3}})
    assert numbers(method) == dict(method.views.PUBLISHED) | {"hue": 0.3}
    assert "method.views.colours" not in found.reasons
    assert found.reasons["method.views.grey"] == "of published colour changes"
    method, _ = settled(measure(*by_shape()), method={"views": {"colours": "weak", "flip": 0.1}})
    assert (numbers(method), method.views.flip) == (WEAK, 0.1)


@pytest.mark.parametrize("preset", ["paper-2022", "paper-2021", "small-2021"])
def test_the_published_recipes_keep_their_numbers_on_any_folder(preset: str) -> None:
    method, _ = settled(measure(*by_colour()), preset=preset)
    published = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1, "grey": 0.2}
    if preset != "paper-2022":
        published |= {"saturation": 0.4, "hue": 0.0, "grey": 0.0}
    solarise = 0.2 if preset == "paper-2022" else 0.0
    assert numbers(method) == published | {"solarise": solarise}
    assert method.views.flip == 0.5


def test_what_is_not_measured_yet_is_said_so() -> None:
    method, found = settled(None)
    assert method.views.colours == "published"
    for name in ("colours", "brightness", "flip"):
        assert found.reasons[f"method.views.{name}"] == MEASURED_LATER
    few = resolve(build({}), DataFacts(1000, 0, 32), DeviceFacts()).reasons
    assert "too few labels" in few["method.views.colours"]
    assert "too few labels" in few["method.views.flip"]


def test_a_histogram_knows_no_place() -> None:
    images, _ = by_colour(4)
    shuffled = np.random.default_rng(0).permutation(images.reshape(4, -1, 3), axis=1)
    assert np.array_equal(histograms(images), histograms(shuffled.reshape(images.shape)))
    assert np.square(histograms(images)).sum(1) == pytest.approx(1)


def test_votes_are_those_of_the_evaluation() -> None:
    generator = np.random.default_rng(0)
    train, asked = (generator.normal(size=(count, 8)).astype(np.float32) for count in (90, 40))
    labels = generator.integers(0, 4, 90)
    train /= np.linalg.norm(train, axis=1, keepdims=True)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    theirs = knn_predict(torch.from_numpy(train), labels, torch.from_numpy(asked), classes=4)
    assert np.array_equal(knn(asked @ train.T, labels, 4), theirs)


def test_the_margin_is_the_interval_of_paired_answers() -> None:
    """Half the bootstrap of studies.paired, over the images asked."""
    generator = np.random.default_rng(0)
    one = generator.random(600) < 0.7
    other = np.where(generator.random(600) < 0.3, ~one, one)
    low, high = interval((one.astype(float) - other)[None])
    assert margin(one, other) == pytest.approx((high - low) / 2, rel=0.05)
    assert margin(one, one) == 0


def test_the_sample_is_labelled_even_and_the_same_each_time() -> None:
    labels = np.where(np.arange(9000) % 3, np.arange(9000) // 900, -1)
    rows = sample(labels)
    assert len(rows) == MOST_IMAGES == len(set(rows.tolist()))
    assert (labels[rows] >= 0).all()
    assert np.bincount(labels[rows]).min() > MOST_IMAGES / 10 - 4 * math.sqrt(MOST_IMAGES / 10)
    assert np.array_equal(rows, sample(labels))
    assert sample(labels[:6]).tolist() == [1, 2, 4, 5]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose classes are colours."""
    folder = tmp_path_factory.mktemp("packages")
    images, labels = by_colour(120)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        place = folder / f"class {label}"
        place.mkdir(exist_ok=True)
        Image.fromarray(image).resize((48, 40)).save(place / f"{number}.png")
    return folder


def test_scan_dry_run_and_run_come_to_the_same(packages: Path, tmp_path: Path) -> None:
    auto = {"views": {"colours": "auto", "flip": "auto"}}
    config = tiny_config(packages, method=auto, optim={"epochs": 1}, watch={"previews": 0})
    phases: list[str] = []
    found = api.scan([str(packages)], on_progress=lambda phase, *_: phases.append(phase))
    assert phases[-1] == "looking at what the labels live on"
    assert found.cues is not None
    assert found.cues.images == 120
    assert found.to_json()["cues"]["colour"] == found.cues.colour > 0.9
    dry = api.dry_run(config, on_progress=lambda *_: None)
    api.pretrain(config, tmp_path / "run", emit=lambda _: None)
    run = open_run(tmp_path / "run")
    views = run.config().method.model_dump()["views"]
    assert (views["colours"], views["hue"], views["flip"]) == ("weak", 0.0, 0.5)
    assert dry.settings["method"]["views"] == views
    told = (run.path / "config.toml").read_text("utf-8")
    assert "colour alone tells" in told
    assert dry.reasons["method.views.colours"] in told


def test_the_command_line_tells_it(packages: Path) -> None:
    text = engine("scan", packages, check=True).stdout
    assert "What tells 120 labelled images apart: colour alone " in text
    assert "apart" not in engine("scan", packages / "class 0", check=True).stdout


def test_too_few_labels_are_not_measured(packages: Path) -> None:
    index = scan([str(packages)])
    some = index.subset(np.arange(99))
    assert find_cues(*PixelCache().fill(some, side=19)) is None
    one = index.subset(np.flatnonzero(index.labels == 0))
    assert find_cues(*PixelCache().fill(one, side=19)) is None


def test_facts_travel_as_plain_values() -> None:
    cues = measure(*by_shape(120))
    facts = DataFacts(120, 3, 32, labelled=120, cues=cues)
    assert DataFacts.of(json.loads(json.dumps(asdict(facts)))) == facts
    assert DataFacts.of({"images": 5, "classes": 0, "median_side_px": 9}) == DataFacts(5, 0, 9)
