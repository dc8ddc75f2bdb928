"""The search for a network: a real tiny one, gone on with, ended early, and what it says of itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sit_engine import api
from sit_engine.cli.main import main
from sit_engine.config.build import build
from sit_engine.config.families.found_network import read_network
from sit_engine.config.families.searched import SearchedOptions
from sit_engine.config.toml_file import to_toml
from sit_engine.errors import ConfigError, RunError, SitError
from sit_engine.records.commands import Command, drop, take_commands
from sit_engine.records.events import Event, StepReported
from sit_engine.records.locking.run_lock import RunLock
from sit_engine.records.run import Run
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.comparison import Budget, Comparison, Figure, Gap, Line
from sit_engine.records.studies.network_search import (
    AskedNetwork,
    Source,
    read_search,
    scores,
)
from sit_engine.records.studies.network_search_text import generation_text, to_text, verdict
from sit_engine.studies.search.request import freeze
from tests.studies.searches import request_of, searched

SOURCES: tuple[Source, ...] = ("uniform", "evolution", "random")
pytestmark = pytest.mark.usefixtures("known_speed")


def test_it_ends_with_a_network_under_the_budget(found: Path) -> None:
    search = read_search(found)
    assert search.asked.is_done
    by = {source: [c for c in search.candidates if c.source == source] for source in
          ("evolution", "random", "uniform")}  # fmt: skip
    assert 4 <= len(by["evolution"]) <= 12
    assert len(by["random"]) == len(by["evolution"])
    assert len(by["uniform"]) == 1
    assert len({one.shape for one in by["evolution"]}) == len(by["evolution"])
    for one in (*by["evolution"], *by["random"]):
        assert 270_000 <= one.cost == one.shape.multiply_adds(16) <= 300_000
        assert one.loss is not None
        assert one.rank is not None
    best = search.best()
    assert best is not None
    evolved = [s for s, c in zip(search.scores, search.candidates, strict=True)
               if c.source == "evolution"]  # fmt: skip
    assert search.best_by_generation()[-1] == max(evolved)
    model = read_network(found)
    assert (model["patch_size"], model["width"]) == (best.patch_size, best.width)
    config = build({"model": model})
    assert config.model.family == "searched"
    assert "evolution" not in to_text(search)
    assert "uniform" in to_text(search)
    assert json.loads(json.dumps(search.to_json()))["networks"] == len(search.candidates)


def test_a_search_that_was_killed_goes_on_and_ends_the_same(
    found: Path, few: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(found, out)
    whole = (out / "journal.jsonl").read_text().splitlines()
    # In the middle of a line, and before it was done.
    (out / "journal.jsonl").write_text("\n".join(whole[:5]) + "\n" + whole[5][:30])
    record = json.loads((out / "search.json").read_text()) | {"is_done": False}
    (out / "search.json").write_text(json.dumps(record))
    (out / "network.toml").unlink()
    told: list[str] = []
    again = searched(
        request_of(few), out,
        on_generation=lambda found, number: told.append(generation_text(found, number)),
    )  # fmt: skip
    assert [line.partition(":")[0] for line in told] == [f"Generation {n} of 3" for n in (1, 2, 3)]
    assert "0.2" in told[-1] or "0.3" in told[-1]
    assert again.candidates == read_search(found).candidates
    assert (out / "network.toml").read_text() == (found / "network.toml").read_text()
    with pytest.raises(SitError, match="asked for with other budget"):
        searched(request_of(few, budget="200k"), out)


def test_it_goes_on_where_its_images_have_moved(found: Path, photos: Path, tmp_path: Path) -> None:
    out, moved = tmp_path / "out", tmp_path / "moved"
    rows = [f"{path.relative_to(photos)},{path.parent.name}" for path in photos.rglob("*.png")]
    (photos / "labels.csv").write_text("\n".join(["path,label", *rows]), "utf-8")
    # The label file is named as it was: it moved along.
    labels = {"labels_file": str(photos / "labels.csv")}
    first = searched(request_of(photos, **labels), out)
    shutil.move(photos, moved)
    lines = (out / "journal.jsonl").read_text().splitlines()
    (out / "journal.jsonl").write_text("\n".join(lines[:-2]) + "\n")
    freeze(replace(first.asked, is_done=False), out)
    again = searched(request_of(moved, seeds=2, **labels), out)
    # How often networks train anew may be asked otherwise.
    assert again.asked.seeds == read_search(out).asked.seeds == 2
    assert again.candidates == first.candidates
    assert again.asked.folder == str(moved)


class _After:
    """A control that says a word once so many networks were asked."""

    def __init__(self, word: Any, count: int) -> None:
        self.word, self.left = word, count

    def poll(self) -> list[Command]:
        self.left -= 1
        return [Command(self.word, -1)] if self.left == 0 else []


@pytest.mark.parametrize("word", ["finish", "stop"])
def test_someone_ends_it_early_and_it_keeps_what_it_has(
    word: str, found: Path, few: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(found, out)
    (out / "journal.jsonl").unlink()
    (out / "network.toml").unlink()
    record = json.loads((out / "search.json").read_text()) | {"is_done": False}
    (out / "search.json").write_text(json.dumps(record))
    ended = searched(request_of(few), out, make_control=lambda _: _After(word, 4))
    assert len(ended.candidates) == 3
    assert ended.asked.is_done is (word == "finish")
    assert (out / "network.toml").exists() is (word == "finish")
    whole = searched(request_of(few), out)
    assert (len(whole.candidates) == 3) is (word == "finish")


def test_labels_judge_by_accuracy_and_the_best_train_anew(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is compared is looked at here, comparing in tests/studies/test_compare.py."""
    out, asked = tmp_path / "out", list[CompareRequest]()
    line = Line("uniform", "config", {"knn": Figure(0.5, 3, None)})
    told = Comparison("f", (), Budget("minutes", 2.0), 2, 5, (line,), (), 10, 10, "", True)

    def compare(request: CompareRequest, place: Path, **_: object) -> None:
        asked.append(request)
        place.mkdir()
        (place / "comparison.json").write_text(json.dumps(told.to_json()))

    monkeypatch.setattr("sit_engine.studies.search.study.compare", compare)
    request = request_of(few, is_labelled=True, objectives=2, sharing="both", generations=2)
    done = searched(replace(request, anew_minutes=2.0, seeds=2), out)
    assert all(one.loss is None and one.accuracy is not None for one in done.candidates)
    assert list(done.scores) == [one.accuracy for one in done.candidates]
    costs = [one.cost for one in done.front]
    assert costs == sorted(costs)
    assert min(costs) < 270_000
    for number, one in enumerate(done.front, 1):
        assert read_network(out / "front" / f"{number}.toml")["width"] == one.width
    assert f"front {len(costs)}" in to_text(done)
    assert done.comparison == told
    (given,) = asked
    assert list(given.configs) == ["uniform", "searched", "random search"]
    assert (given.budget, given.seeds) == (Budget("minutes", 2.0), 2)
    for config, source in zip(given.configs.values(), SOURCES, strict=True):
        best = done.best(source)
        assert best is not None
        assert isinstance(config.model, SearchedOptions)
        assert config.model.width == best.width
        assert config.method.name == "sit"


@pytest.mark.long
def test_the_best_train_anew_side_by_side(few: Path, tmp_path: Path) -> None:
    runs: list[str] = []
    request = request_of(few, anew_minutes=0.005, seeds=1)
    done = searched(request, tmp_path / "out", on_run=lambda name, *_: runs.append(name))
    assert runs == ["supernet", "uniform-seed0", "searched-seed0", "random search-seed0"]
    assert verdict(done)
    assert "k-NN" in to_text(done)


# Without training


def test_images_without_labels_are_searched_by_loss_and_rank(few: Path, tmp_path: Path) -> None:
    flat, out = tmp_path / "flat", tmp_path / "out"
    flat.mkdir()
    for number, image in enumerate(sorted(few.rglob("*.*"))):
        shutil.copy(image, flat / f"{number}{image.suffix}")
    for wanting in ({"anew_minutes": 1.0}, {"is_labelled": True}):
        with pytest.raises(SitError, match="no labels of two classes"):
            searched(request_of(flat, **wanting), out)
        assert not out.exists()
    found = searched(request_of(flat, generations=2), out)
    assert {one.accuracy for one in found.candidates} == {None}
    # A tenth is held out to ask about.
    split = Run(out / "supernet").split()
    assert len(split["watch"]) == 5
    assert len(split["train"]) == 43
    assert not set(split["watch"]) & set(split["train"])
    assert all(one.loss and one.rank for one in found.candidates)
    assert found.best() is not None


def candidate(loss: float, accuracy: float | None, rank: float, **more: Any) -> AskedNetwork:
    given: dict[str, Any] = {
        "patch_size": 4, "width": 8, "blocks": ((1, 8, 16),), "cost": 1.0, "multiply_adds": 1,
        "parameters": 1, "source": "evolution", "generation": 0,
    }  # fmt: skip
    return AskedNetwork(**given | more, accuracy=accuracy, loss=loss, rank=rank)


def test_scores_without_labels_weigh_loss_and_neighbours_alike() -> None:
    first = [candidate(1.0, 0.5, 9), candidate(3.0, 0.7, 1)]
    later = candidate(1.0, 0.7, 0, generation=1)
    assert scores([*first, later], is_labelled=False) == pytest.approx([0.0, 0.0, 1.0])
    broken = candidate(float("nan"), 0.9, 5, generation=1)
    assert scores([*first, broken], is_labelled=False)[:2] == pytest.approx([0.0, 0.0])
    assert scores([*first, broken], is_labelled=False)[2] < -100
    # Where nothing has a label, effective rank stands in the place of neighbours.
    unlabelled = [replace(one, accuracy=None) for one in first]
    assert scores(unlabelled, is_labelled=False) == pytest.approx([1.0, -1.0])


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (Gap(0.03, 0.01, 0.05), "was worth its time"),
        (Gap(-0.03, -0.05, -0.01), "Take the uniform one"),
        (Gap(0.01, -0.02, 0.04), "not ahead of the uniform one of the same cost beyond chance"),
    ],
)
def test_the_verdict_says_whether_it_was_worth_it(gap: Gap, said: str, found: Path) -> None:
    lines = (
        Line("uniform", "config", {"knn": Figure(0.5, 3, None)}),
        Line("searched", "config", {"knn": Figure(0.5 + gap.mean, 3, gap)}),
        Line("random search", "config", {"knn": Figure(0.6, 3, Gap(0.02, 0.0, 0.04))}),
    )
    comparison = Comparison("f", (), Budget("minutes", 1.0), 3, 5, lines, (), 10, 10, "", True)
    search = replace(read_search(found), comparison=comparison)
    first, *rest = verdict(search)
    assert said in first
    assert bool(rest) is (gap.mean < 0.02)
    assert not verdict(replace(search, comparison=replace(comparison, is_complete=False)))


def test_a_search_is_told_to_end_from_elsewhere(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    shutil.copytree(found, out)
    assert main(["finish", str(out)]) == RunError.exit_code
    assert "is not working now" in capsys.readouterr().err
    with RunLock(Run(out)) as run:
        assert main(["finish", str(out), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["answer"] == "sent"
        assert [command.command for command in take_commands(run)] == ["finish"]


def test_a_word_that_came_too_late_means_nothing_to_the_next(
    found: Path, few: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(found, out)
    drop(Run(out), "stop", -1)
    freeze(replace(read_search(out).asked, is_done=False), out)
    assert searched(request_of(few), out).asked.is_done


def test_stop_after_finish_stops_before_a_network_is_asked(few: Path, tmp_path: Path) -> None:
    """While the shared weights train; both words are sent before either is obeyed."""
    out = tmp_path / "out"
    told: list[str] = []

    def emit(event: Event) -> None:
        if isinstance(event, StepReported) and not told:
            api.end_search(out, keep=True)
            api.end_search(out, keep=False)
            told.append("both")

    rested = api.search(request_of(few), out, emit=emit)
    assert told
    assert not rested.candidates
    assert not rested.asked.is_done


def test_a_stop_while_speeds_are_measured_is_heard(found: Path, few: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(found, out)

    def on_progress(phase: str, done: int, _: int) -> None:
        if (phase, done) == ("measuring the speeds", 0):
            api.end_search(out, keep=False)

    rested = searched(request_of(few, anew_minutes=0.01), out, on_progress=on_progress)
    assert rested.asked.is_done
    assert not list((out / "anew").glob("runs/*"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda out: shutil.rmtree(out / "supernet"), "shared weights of the search"),
        (lambda out: _as_if_untrained(out), "before their first step"),
        (lambda out: _with_another_plain(out), "is none of its space"),
    ],
)
def test_what_is_gone_or_makes_no_sense_is_a_sentence(
    found: Path, few: Path, tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    out = tmp_path / "out"
    shutil.copytree(found, out)
    freeze(replace(read_search(out).asked, is_done=False), out)
    damage(out)
    with pytest.raises(SitError) as caught:
        searched(request_of(few), out)
    assert said in caught.value.message + caught.value.hint
    assert caught.value.code != "internal"


def _as_if_untrained(out: Path) -> None:
    """Finished before the first step: the last word of the run says so."""
    run = Run(out / "supernet")
    lines = run.events_file.read_text("utf-8").splitlines()
    kept = [line for line in lines if "StepReported" not in line]
    end = json.loads(kept.pop()) | {"step": 0}
    run.events_file.write_text("\n".join([*kept, json.dumps(end)]) + "\n", "utf-8")


def _with_another_plain(out: Path) -> None:
    record = json.loads((out / "search.json").read_text())
    record["plain"][1] = 9
    (out / "search.json").write_text(json.dumps(record))


def test_the_command_line_searches_and_goes_on(
    found: Path, few: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "base.toml"
    settings.write_text(to_toml(request_of(few).base))
    words = ["search", str(few), "--minutes", "0.01", "--population", "4", "--generations", "3",
             "--config", str(settings), "--out"]  # fmt: skip
    assert main([*words, str(tmp_path / "new"), "--budget", "much"]) == ConfigError.exit_code
    assert "budget cannot be much" in capsys.readouterr().err
    out = tmp_path / "out"
    shutil.copytree(found, out)
    assert main([*words, str(out), "--budget", "300k", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["phase"] == "done"
    assert set(told["best"]) == {"evolution", "random", "uniform"}
    (out / "search.json").write_text('{"folder": 3}')
    assert main([*words, str(out), "--budget", "300k"]) == RunError.exit_code
    assert "cannot be read" in capsys.readouterr().err
