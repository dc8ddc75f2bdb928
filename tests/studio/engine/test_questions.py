"""Questions to a real `sit-engine serve`: answered in order, and never silently lost."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from sit_studio.engine.questions import SPARE, Answer, Asker, Question, ask_once
from sit_studio.models.failure import Failure
from tests.studio.conftest import wait

pytestmark = pytest.mark.cold


class Ears:
    """Everything that was answered."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.failures: list[Failure] = []
        self.phases: list[str] = []
        self.parts: list[Answer] = []

    def question(self, name: str, slot: str = "", **params: object) -> Question:
        return Question(
            name, params, self.answers.append, self.failures.append,
            lambda phase, done, total: self.phases.append(phase), self.parts.append, slot,
        )  # fmt: skip


@pytest.fixture
def asker() -> Iterator[Asker]:
    made = Asker()
    yield made
    made.stop()


def child_of(asker: Asker) -> int:
    assert asker._process is not None
    return int(asker._process.processId())


def test_answers_and_errors_come_in_order_from_one_warm_child(qtbot: QtBot, asker: Asker) -> None:
    ears = Ears()
    asker.ask(ears.question("cache"))
    asker.ask(ears.question("dance"))
    asker.ask(ears.question("cache", clear=False))
    assert asker.is_busy()
    wait(qtbot, lambda: not asker.is_busy())
    assert [sorted(answer) for answer in ears.answers] == [["bytes", "free_bytes", "path"]] * 2
    assert [failure.code for failure in ears.failures] == ["ask.unknown"]
    assert ears.failures[0].values["name"] == "dance"
    first = child_of(asker)
    asker.ask(ears.question("cache"))
    wait(qtbot, lambda: len(ears.answers) == 3)
    assert child_of(asker) == first


def test_a_child_that_nobody_asks_anything_ends_and_the_next_question_has_another(
    qtbot: QtBot,
) -> None:
    asker, ears = Asker(idle_ms=100), Ears()
    asker.ask(ears.question("cache"))
    asker.ask(ears.question("cache"))
    first = child_of(asker)
    wait(qtbot, lambda: len(ears.answers) == 2)
    wait(qtbot, lambda: asker._process is None)
    assert not psutil.pid_exists(first)
    asker.ask(ears.question("cache"))
    wait(qtbot, lambda: len(ears.answers) == 3)
    assert ears.failures == []
    asker.stop()


def test_a_later_question_of_a_slot_replaces_those_that_wait(qtbot: QtBot, asker: Asker) -> None:
    ears = Ears()
    asker.ask(ears.question("cache"))
    for _ in range(50):
        asker.ask(ears.question("cache", slot="preview"))
    asker.ask(ears.question("cache", slot="other"))
    assert asker.is_busy("preview")
    assert not asker.is_busy("device")
    wait(qtbot, lambda: not asker.is_busy())
    assert len(ears.answers) == 3


def test_a_killed_child_is_a_sentence_and_the_next_question_is_answered(
    qtbot: QtBot, asker: Asker
) -> None:
    ears, after = Ears(), Ears()
    asker.ask(ears.question("cache"))
    asker.ask(after.question("cache"))
    os.kill(child_of(asker), signal.SIGKILL)
    wait(qtbot, lambda: after.answers)
    assert [failure.code for failure in ears.failures] == ["studio.engine_died"]
    # Also while it only waits for questions.
    os.kill(child_of(asker), signal.SIGKILL)
    wait(qtbot, lambda: asker._process is None)
    asker.ask(after.question("cache"))
    wait(qtbot, lambda: len(after.answers) == 2)
    assert not after.failures


def test_stopping_ends_the_child_and_its_children_and_nobody_hears_of_it(
    qtbot: QtBot, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    ears = Ears()
    # Never decoded before, so that decoder children are at work.
    folder = tmp_path / "new"
    shutil.copytree(sample[0], folder)
    for path in folder.rglob("*.png"):
        with path.open("ab") as file:
            file.write(b"\0")
    asker = Asker()
    asker.ask(ears.question("scan", folders=[str(folder)], out=str(tmp_path / "out")))
    wait(qtbot, lambda: ears.parts)
    child = psutil.Process(child_of(asker))
    below = child.children(recursive=True)
    asker.stop()
    asker.stop()
    wait(qtbot, lambda: not any(process.is_running() for process in (child, *below)))
    assert not ears.answers
    assert not ears.failures
    assert not asker.is_busy()
    asker.ask(ears.question("cache"))
    wait(qtbot, lambda: ears.answers)
    asker.stop()


def test_a_child_for_one_question_ends_with_it(
    qtbot: QtBot, asker: Asker, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    ears = Ears()
    once = ask_once(
        asker, ears.question("scan", folders=[str(sample[0])], out=str(tmp_path / "out"))
    )
    child = psutil.Process(child_of(once))
    wait(qtbot, lambda: ears.answers)
    assert ears.answers[0]["summary"]["usable"] == 192
    assert "listing" in ears.phases
    wait(qtbot, lambda: not child.is_running())
    wait(qtbot, lambda: not asker.findChildren(Asker))


def test_a_spare_child_takes_the_next_long_question(qtbot: QtBot, asker: Asker) -> None:
    # `asker` stands for whoever has the spare, and then for whoever asks.
    SPARE.make_ready(asker)
    assert SPARE._asker is not None
    first = child_of(SPARE._asker)
    SPARE.make_ready(asker)
    ears = Ears()
    asked = ask_once(asker, ears.question("cache"))
    assert child_of(asked) == first
    assert not SPARE.is_there
    wait(qtbot, lambda: ears.answers)
    wait(qtbot, lambda: not psutil.pid_exists(first))


def test_a_spare_child_that_died_or_has_other_places_is_not_asked(
    qtbot: QtBot, asker: Asker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SPARE.make_ready(asker)
    assert SPARE._asker is not None
    monkeypatch.setenv("SIT_CACHE_DIR", str(tmp_path))
    assert not SPARE.is_there
    SPARE.make_ready(asker)
    os.kill(child_of(SPARE._asker), signal.SIGKILL)
    wait(qtbot, lambda: not SPARE.is_there)
    ears = Ears()
    ask_once(asker, ears.question("cache"))
    wait(qtbot, lambda: ears.answers)
    SPARE.let_go()
