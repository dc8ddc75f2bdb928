"""The search for settings: who goes on, what is never chosen, and real tiny runs gone on with."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sit_engine import api
from sit_engine.config.build import build, merge
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.toml_file import read
from sit_engine.config.tree import RunConfig
from sit_engine.errors import SitError
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run
from sit_engine.records.studies.comparison import Budget, Comparison, Figure, Gap, Line
from sit_engine.records.studies.tuning import DEFAULT, Candidate, Tuning, shown
from sit_engine.studies.candidates import TABLE, candidates
from sit_engine.studies.tune import next_rung
from tests.tiny import tiny_config

FACTS = DataFacts(images=600, classes=11, median_side_px=300)
DEVICE = DeviceFacts()
TRIED = tuple(
    Candidate(name, factor, {"optim": {"clip_norm": number + 1.0}})
    for number, (name, factor) in enumerate(
        [("A", "a"), ("B", "a"), ("C", "c"), ("D", "d"), ("E", "e"), ("F", "f")]
    )
)


def rung(
    gaps: dict[str, float], *, half: float = 0.1, linear: dict[str, float] | None = None
) -> Any:
    """A comparison whose candidates stand so far from the default, each ± `half`."""
    lines = [Line(DEFAULT, "config", {"knn": Figure(0.5, 1, None)})]
    for name, gap in gaps.items():
        more = (linear or {}).get(name, 0.0)
        lines.append(
            Line(name, "config", {
                "knn": Figure(0.5 + gap, 1, Gap(gap, gap - half, gap + half)),
                "linear": Figure(0.5 + more, 1, Gap(more, more - half, more + half)),
            })
        )  # fmt: skip
    raw = Line("raw pixels", "raw pixels", {"knn": Figure(0.9, 1, Gap(0.4, 0.3, 0.5))})
    return Comparison(
        "photos", (), Budget("minutes", 1.0), 1, 5, (*lines, raw), (), 450, 150, "", True
    )


def tuning(*rungs: Comparison, is_complete: bool = True) -> Tuning:
    """What was found so far."""
    return Tuning("photos", 20.0, TRIED, rungs, is_complete, 19.5)


FIRST = rung({"A": 0.03, "B": 0.05, "C": -0.01, "D": 0.02, "E": -0.2, "F": -0.3})


def test_the_first_rung_has_the_default_and_as_many_candidates_as_time_allows() -> None:
    for minutes, names in ((20, "ABCDEF"), (9, "ABC"), (0.1, "AB")):
        first = next_rung(TRIED, [], minutes, 0.0, 0)
        assert first is not None
        assert first.names == (DEFAULT, *names)
        assert first.minutes * len(first.names) == pytest.approx(minutes / 3, abs=0.01)


def test_the_best_third_goes_on_with_the_default_and_the_best_of_each_factor_together() -> None:
    second = next_rung(TRIED, [FIRST], 20, 6.0, 0)
    assert second is not None
    # A and B are of one factor: there is nothing to join.
    assert second.names == (DEFAULT, "B", "A")
    two = rung({"A": 0.03, "B": 0.02, "C": 0.05, "D": -0.1, "E": -0.1, "F": -0.1})
    second = next_rung(TRIED, [two], 20, 6.0, 0)
    assert second is not None
    assert second.names == (DEFAULT, "C", "A", "C + A")
    # One that did no better than the default is not joined, but has its second chance.
    low = rung({"A": 0.03, "B": -0.02, "C": -0.01, "D": -0.1, "E": -0.1, "F": -0.1})
    second = next_rung(TRIED, [low], 20, 6.0, 0)
    assert second is not None
    assert second.names == (DEFAULT, "A", "C")


def test_where_neighbours_agree_the_linear_probe_decides() -> None:
    tied = rung(dict.fromkeys("ABCDEF", 0.0), linear={"F": 0.2, "C": 0.1})
    second = next_rung(TRIED, [tied], 20, 6.0, 0)
    assert second is not None
    assert second.names == (DEFAULT, "F", "C")


def test_only_the_best_meets_the_default_in_the_end_and_with_new_seeds() -> None:
    second = rung({"A": 0.03, "B": 0.05, "B + C": 0.12})
    last = next_rung(TRIED, [FIRST, second], 20, 13.0, 0)
    assert last is not None
    assert last.names == (DEFAULT, "B + C")
    seeds = [range(1), range(1, 2), range(last.first_seed, last.first_seed + last.seeds)]
    assert len({seed for some in seeds for seed in some}) == 4
    assert next_rung(TRIED, [FIRST, rung({"A": -0.01, "B": 0.0})], 20, 13.0, 0) is None


def test_a_rung_shares_what_is_left_and_never_starves() -> None:
    second = rung({"B": 0.05})
    for spent, whole in ((14.0, 6.0), (40.0, 10 / 3)):
        last = next_rung(TRIED, [FIRST, second], 20, spent, 0)
        assert last is not None
        assert last.minutes * len(last.names) * last.seeds == pytest.approx(whole, abs=0.01)


def test_nothing_within_noise_is_chosen() -> None:
    second = rung({"B": 0.3})
    for gap, half, chosen in ((0.2, 0.1, "B"), (0.2, 0.2, DEFAULT), (-0.3, 0.1, DEFAULT)):
        found = tuning(FIRST, second, rung({"B": gap}, half=half))
        assert found.chosen == chosen
        assert ("beyond what chance explains" in found.sentence) == (chosen == DEFAULT)
    clear = tuning(FIRST, second, replace(rung({"B": 0.2}), seeds=2))
    assert clear.sentence == (
        "B: k-NN +20.0 [+10.0, +30.0] over the default (2 new seeds, 150 watched images each)."
    )
    # Not before the last rung, however clear the others were, nor while that is not whole.
    assert tuning(FIRST, rung({"B": 0.3}), is_complete=False).chosen == DEFAULT
    begun = replace(rung({"B": 0.3}), is_complete=False)
    assert tuning(FIRST, second, begun, is_complete=False).chosen == DEFAULT
    assert tuning(FIRST, rung({"B": -0.1})).chosen == DEFAULT


def test_nothing_is_chosen_where_no_network_has_learnt() -> None:
    """Runs of a few steps fall below the untrained network: who moves least is not the best."""
    last = rung({"B": 0.2})
    for before, chosen in ((0.65, "B"), (0.7, DEFAULT), (0.8, DEFAULT)):
        untrained = tuple(
            Line(f"untrained {name}", "untrained", {"knn": Figure(before, 1, None)})
            for name in (DEFAULT, "B")
        )
        found = tuning(FIRST, FIRST, replace(last, lines=last.lines + untrained))
        assert found.chosen == chosen
        assert ("too short" in found.sentence) == (chosen == DEFAULT)


def test_a_search_reads_back_and_its_table_has_the_best_first() -> None:
    found = tuning(FIRST, rung({"B": 0.3}), rung({"B": 0.2}))
    assert Tuning.from_json(json.loads(json.dumps(found.to_json()))) == found
    assert found.to_json()["chosen"] == "B"
    assert [line.name for line in shown(FIRST).lines] == [
        DEFAULT, "B", "A", "D", "C", "E", "F", "raw pixels"
    ]  # fmt: skip
    text = found.to_text()
    assert text.index("Round 1 of 3") < text.index("Round 3 of 3") < text.index(found.sentence)


# The table of candidates


def test_every_candidate_can_be_had_and_differs_from_the_default_and_the_others() -> None:
    found = candidates(RunConfig(), FACTS, DEVICE)
    names = [one.name for one in found]
    assert len(set(names)) == len(names)
    assert set(names) <= {name for _, name, _ in TABLE}
    assert {one.factor for one in found} == {factor for factor, _, _ in TABLE}
    built = [build(merge(RunConfig().model_dump(), one.change)) for one in found]
    assert all(built.count(config) == 1 and config != RunConfig() for config in built)


def test_a_search_of_usual_length_tries_something_of_each_kind() -> None:
    tried = candidates(RunConfig(), FACTS, DEVICE)
    first = next_rung(tried, [], 20.0, 0.0, 0)
    assert first is not None
    found = {one.factor for one in tried if one.name in first.names}
    assert found == {factor for factor, _, _ in TABLE}


def test_a_candidate_that_is_the_default_by_another_name_drops_out() -> None:
    base = build(
        {
            "method": {
                "views": {"crop_scale_min": 0.08, "colours": "weak"},
                "temperature": 0.2, "corruption": {"kind": "none"}, "reconstruction_weight": 0,
            }
        }
    )  # fmt: skip
    usual = {one.name for one in candidates(RunConfig(), FACTS, DEVICE)}
    names = {one.name for one in candidates(base, FACTS, DEVICE)}
    same = {"Smaller crops", "Compare softer", "Hide nothing", "Keep the colours"}
    assert same <= usual
    assert not names & same
    # Without labels to measure by, "auto" is the published strength.
    assert "Change the colours" not in usual
    assert "Change the colours" in names


def test_what_cannot_be_had_is_left_out() -> None:
    names = {one.name for one in candidates(build({"model": {"patch_size": 1}}), FACTS, DEVICE)}
    assert "Smaller patches" not in names
    assert "Wider network" in names


# Real runs

SEED = 5


def base(**more: Any) -> RunConfig:
    """Tiny settings whose default keeps apart from the first two candidates."""
    small: dict[str, Any] = {
        "data": {"folders": []}, "optim": {"batch_size": 8}, "compute": {"seed": SEED}
    }  # fmt: skip
    return tiny_config(Path("unused"), **merge(small, more))


class Halted(Exception):
    """The process was killed."""


def tune(folder: Path, out: Path, *, halt_at: int = -1, **more: Any) -> tuple[Tuning, list[str]]:
    """The search, and the runs that it began; it dies when the run of that number would begin."""
    began: list[str] = []

    def on_run(number: int, name: str, _: int, __: int) -> None:
        if len(began) == halt_at:
            raise Halted
        began.append(f"{number} {name}")

    asked: dict[str, Any] = {"minutes": 0.1, "base": base()} | more
    return api.tune(str(folder), out, emit=lambda _: None, on_run=on_run, **asked), began


def times(out: Path) -> dict[str, int]:
    """When each file of the runs and cells was last written."""
    files = [*out.glob("rung-*/runs/**/*"), *out.glob("rung-*/cells/**/*")]
    return {str(path): path.stat().st_mtime_ns for path in files if path.is_file()}


@pytest.fixture
def two(few: Path, tmp_path: Path) -> Path:
    """Two classes: more make probes slow."""
    for name in ("cat", "moon"):
        shutil.copytree(few / name, tmp_path / "images" / name)
    return tmp_path / "images"


def test_a_search_that_was_halted_goes_on_where_it_was_and_writes_its_settings(
    two: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    rows = [f"{path.relative_to(two)},{path.parent.name}" for path in two.rglob("*.png")]
    (two / "labels.csv").write_text("\n".join(["path,label", *rows]), "utf-8")
    labels: dict[str, Any] = {"labels_file": str(two / "labels.csv")}
    with pytest.raises(Halted):
        tune(two, out, halt_at=4, **labels)
    assert not is_running(Run(out))
    begun = Tuning.from_json(json.loads((out / "tuning.json").read_text("utf-8")))
    assert [one.is_complete for one in begun.rungs[:1]] == [True]
    assert not begun.is_complete
    before = times(out)
    assert before
    frozen = json.loads((out / "tune.json").read_text("utf-8"))
    # Its images moved meanwhile, and the label file with them.
    two = two.rename(tmp_path / "moved")
    with pytest.raises(SitError, match="with other minutes"):
        tune(two, out, minutes=5, **labels)
    assert not list(out.rglob("moved.json"))

    found, began = tune(two, out, **labels)
    labels = {"labels_file": str(two / "labels.csv")}
    assert found.is_complete
    assert 2 <= len(found.rungs) <= 3
    assert {path: time for path, time in times(out).items() if path in before} == before
    assert not [name for name in began if name.startswith("1 ")]
    again = json.loads((out / "tune.json").read_text("utf-8"))
    assert again["rungs"][:2] == frozen["rungs"][:2]
    assert found.spent_minutes > begun.spent_minutes > 0
    # Each rung has the default first, its own seeds from that of the settings on, and the same
    # share of the images to ask.
    for number, one in enumerate(found.rungs):
        assert one.lines[0].name == DEFAULT
        first = SEED + number
        assert {run.seed for run in one.runs} == set(range(first, first + one.seeds))
        assert one.test_images == 6

    assert read(out / "tuned.toml") == build(
        merge(
            base().model_dump(),
            {"data": {"folders": []}}
            | next((dict(c.change) for c in found.candidates if c.name == found.chosen), {}),
        )
    )
    written = (out / "tuned.toml").read_text("utf-8")
    assert f"# {found.sentence}" in written
    assert all(f"# {line}".rstrip() in written for line in found.to_text().splitlines())
    assert tune(two, out, **labels) == (found, [])
    for change, what in (({"minutes": 5}, "minutes"), ({"base": RunConfig()}, "settings")):
        with pytest.raises(SitError, match=f"other {what}") as refused:
            tune(two, out, **labels, **change)
        assert refused.value.exit_code == 2


def test_where_colour_is_the_class_the_default_keeps_it_and_changing_it_is_tried(
    tmp_path: Path,
) -> None:
    noise = np.random.default_rng(0)
    # As bright as each other.
    for name, colour in (("red", (190, 20, 20)), ("green", (20, 106, 20))):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(60):
            pixels = noise.integers(0, 50, (16, 16, 1)) + colour
            Image.fromarray(pixels.astype(np.uint8)).save(
                tmp_path / "images" / name / f"{number}.png"
            )
    asked = base(method={"views": {"colours": "auto"}})
    with pytest.raises(Halted):
        tune(tmp_path / "images", tmp_path / "out", halt_at=0, base=asked)
    frozen = json.loads((tmp_path / "out" / "tune.json").read_text("utf-8"))
    names = [one["name"] for one in frozen["candidates"]]
    assert "Change the colours" in names
    assert "Keep the colours" not in names


def test_of_few_labels_a_quarter_is_asked_and_the_others_teach(few: Path, tmp_path: Path) -> None:
    labelled = sorted(few.rglob("*.png"))[::2]
    rows = [f"{path},{path.parent.name}" for path in labelled]
    (tmp_path / "labels.csv").write_text("\n".join(["path,label", *rows]), "utf-8")
    with pytest.raises(Halted):
        tune(few, tmp_path / "out", halt_at=0, labels_file=str(tmp_path / "labels.csv"))
    share = json.loads((tmp_path / "out" / "tune.json").read_text("utf-8"))["watch_share"]
    assert share * 48 == pytest.approx(24 / 4)


def test_what_cannot_be_searched_is_a_sentence_and_nothing_is_written(
    few: Path, tmp_path: Path
) -> None:
    out, full, flat = tmp_path / "out", tmp_path / "full", tmp_path / "flat"
    shutil.copytree(few / "cat", flat)
    shutil.copytree(few / "moon", flat, dirs_exist_ok=True, copy_function=_renamed)
    full.mkdir()
    (full / "letter.txt").write_text("kept")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"folder": flat}, "tune.no_labels"),
        ({"minutes": 0}, "tune.minutes"),
        ({"out": full}, "tune.exists"),
        ({"out": few / "out"}, "run.inside"),
    ]
    for given, code in cases:
        with pytest.raises(SitError) as found:
            tune(**{"folder": few, "out": out} | given)
        assert found.value.code == code
        assert not out.exists()
        assert not (few / "out").exists()
    assert [path.name for path in full.iterdir()] == ["letter.txt"]


def _renamed(source: str, target: str) -> None:
    shutil.copy(source, Path(target).with_stem(f"moon-{Path(target).stem}"))
