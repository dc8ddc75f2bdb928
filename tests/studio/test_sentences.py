"""Every sentence can be in the user's language: the engine's by their templates, the window's by tr()."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QApplication, QComboBox
from pytestqt.qtbot import QtBot

from sit_engine.cli.faults import record_of
from sit_engine.config.course import VERDICTS, Course
from sit_engine.config.facts import DeviceFacts
from sit_engine.counted import Sentence
from sit_engine.errors import DataError, SitError
from sit_engine.records.commands import answer_to
from sit_engine.records.events import (
    ConfigChanged,
    Event,
    HealthMeasured,
    RolledBack,
    RunFinished,
    Warned,
    read_line,
    to_line,
    warning,
)
from sit_studio.engine.questions import Asker, Question
from sit_studio.frame.main_window import MainWindow
from sit_studio.look.sentences import say, say_text
from sit_studio.models.failure import Failure, failure_from
from sit_studio.models.history import History
from sit_studio.pages.watch.system import log_words
from tests.studio.conftest import wait

ROOT = Path(__file__).resolve().parents[2]
BEFORE = Path(__file__).with_name("events_before.jsonl").read_text("utf-8").splitlines()
SOURCES = sorted((ROOT / "sit_studio").rglob("*.py"))
ENGINE = sorted((ROOT / "sit_engine").rglob("*.py"))
UNLABELLED = "Left out, since they have no label: {count} images."
BUNDLE = "The step could not be kept: {why}"
UNREADABLE = "The folder {folder} may not be read."
MISSING = "There is no folder {folder}."
UNSTEADY = "{steps} steps in a row were not finite"


class Capitals(QTranslator):
    """A language of these sentences alone, said in capitals, their fields as they are."""

    def __init__(self, *templates: str) -> None:
        super().__init__()
        self.templates = templates

    def translate(
        self,
        context: bytes | bytearray | memoryview | str,
        text: bytes | bytearray | memoryview | str,
        disambiguation: object = None,
        n: int = -1,
    ) -> str | None:
        del disambiguation, n
        said = text if isinstance(text, str) else bytes(text).decode("utf-8")
        where = context if isinstance(context, str) else bytes(context).decode()
        if where != "engine" or said not in self.templates:
            return None  # Unlike "", which would be a translation.
        return "".join(part if part[:1] == "{" else part.upper() for part in _parts(said))

    def isEmpty(self) -> bool:
        return False


def _parts(text: str) -> list[str]:
    return re.split(r"(\{\w*\})", text)


@pytest.fixture
def capitals(qapp: QApplication) -> Iterator[None]:
    translator = Capitals(
        UNLABELLED, BUNDLE, UNREADABLE, MISSING, UNSTEADY, "refused: {why}",
        "the run is at epoch {epoch} already", "it is empty", "Give yourself the right to read it.",
        "there was not enough memory", VERDICTS["health.early"],
    )  # fmt: skip
    qapp.installTranslator(translator)
    yield
    qapp.removeTranslator(translator)


def unreadable(folder: str) -> DataError:
    return DataError(
        "data.folder_unreadable", UNREADABLE, "Give yourself the right to read it.", folder=folder
    )


def early() -> HealthMeasured:
    words = Course(1000, 10, 640).words()
    said = Sentence(VERDICTS["health.early"], **words)
    return HealthMeasured(1, 64, 0.5, 20.0, 384, "unknown", said, "health.early", words)


def failed() -> RunFinished:
    error = unreadable("leaves")
    return RunFinished("failed", 3, 0, error.code, error.message, error.hint, error.values)


EVENTS: dict[str, tuple[Event, str]] = {
    "warned": (
        warning("data.unlabelled", UNLABELLED, count=2),
        "LEFT OUT, SINCE THEY HAVE NO LABEL: 2 IMAGES.",
    ),
    "one": (
        warning("data.unlabelled", UNLABELLED, count=1),
        "LEFT OUT, SINCE THEY HAVE NO LABEL: 1 IMAGES.",
    ),
    "nested": (
        warning("bundle.unwritten", BUNDLE, why=unreadable("a {b} c").message),
        "THE STEP COULD NOT BE KEPT: THE FOLDER a {b} c MAY NOT BE READ.",
    ),
    "why": (
        warning("bundle.unwritten", BUNDLE, why="it is empty"),
        "THE STEP COULD NOT BE KEPT: IT IS EMPTY",
    ),
    "of the system": (
        warning("bundle.unwritten", BUNDLE, why="no space left on device"),
        "THE STEP COULD NOT BE KEPT: no space left on device",
    ),
    "answered": (
        answer_to("extend", "command.refused_epoch", epoch="3"),
        "extend: REFUSED: THE RUN IS AT EPOCH 3 ALREADY",
    ),
    "health": (
        early(),
        (
            "Step 1: IT IS TOO EARLY TO TELL: THAT TAKES UNTIL STEP 300 (EPOCH 30). "
            "SETS OF THIS SIZE NEED ABOUT 1,000 EPOCHS."
        ),
    ),
    "finished": (failed(), "Failed at step 3. THE FOLDER leaves MAY NOT BE READ."),
    "went back": (
        RolledBack(9, 5, 1, 0.1, Sentence(UNSTEADY, steps=5)),
        "Went back from step 9 to 5: 5 STEPS IN A ROW WERE NOT FINITE",
    ),
    "changed": (
        ConfigChanged(9, "compute.parts", "1", "2", "there was not enough memory"),
        "compute.parts: 1 → 2 (THERE WAS NOT ENOUGH MEMORY)",
    ),
}


@pytest.mark.usefixtures("capitals")
@pytest.mark.parametrize("name", EVENTS)
def test_an_event_comes_with_its_template_and_values(name: str) -> None:
    event, words = EVENTS[name]
    found = read_line(to_line(event, time=1.0))
    assert not isinstance(found, str)
    assert found[0] == event
    assert log_words(found[0]) == words


@pytest.mark.usefixtures("capitals")
def test_the_flags_of_the_curves_are_translated_too() -> None:
    history = History()
    for name, words in (
        ("changed", "“Micro-batches”: 1 → 2 (THERE WAS NOT ENOUGH MEMORY)"),
        ("went back", "9 → 5: 5 STEPS IN A ROW WERE NOT FINITE (“Learning rate” 0.1)"),
    ):
        history.add(EVENTS[name][0], 0.0)
        assert say_text(history.marks[-1].text) == words


@pytest.mark.usefixtures("capitals")
@pytest.mark.parametrize("line", BEFORE)
def test_a_line_of_before_is_shown_as_it_stands(line: str) -> None:
    """As it was written when sentences did not carry their templates."""
    record, found = json.loads(line), read_line(line)
    assert not isinstance(found, str)
    (said,) = (record[name] for name in ("message", "answer", "sentence", "why") if name in record)
    assert said in log_words(found[0])


def test_numbers_agree_in_the_window_too() -> None:
    for count, words in ((1, "1 image."), (2, "2 images.")):
        found = read_line(to_line(warning("data.unlabelled", UNLABELLED, count=count), time=1.0))
        assert not isinstance(found, str)
        assert isinstance(found[0], Warned)
        assert say_text(found[0].message).endswith(words)


@pytest.mark.usefixtures("capitals")
def test_an_error_of_a_child_is_translated_by_its_template(qtbot: QtBot, tmp_path: Path) -> None:
    asker, failures = Asker(), list[Failure]()
    folder = str(tmp_path / "not {there}")
    params = {"folders": [folder], "out": str(tmp_path / "out")}
    asker.ask(Question("scan", params, lambda answer: None, failures.append))
    wait(qtbot, lambda: bool(failures))
    asker.stop()
    assert say(failures[0])[0] == f"THERE IS NO FOLDER {folder}."


@pytest.mark.usefixtures("capitals")
def test_an_error_that_was_written_is_translated_or_said_as_it_stands() -> None:
    record = json.loads(json.dumps(record_of(unreadable("my {leaves}"))))
    assert say(failure_from(record)) == (
        "THE FOLDER my {leaves} MAY NOT BE READ.",
        "GIVE YOURSELF THE RIGHT TO READ IT.",
    )
    del record["templates"]
    assert say(failure_from(record))[0] == "The folder my {leaves} may not be read."
    foreign = SitError("no.such", "As the engine said {what}.", "A hint.", what="it")
    assert say(failure_from(record_of(foreign))) == ("As the engine said it.", "A hint.")


@pytest.mark.parametrize("text", ["", "no \udc80 text", "a\0b", "{", "{a}", "100 %"])
def test_whatever_is_no_template_is_shown_as_it_stands(qapp: QApplication, text: str) -> None:
    assert say_text(text) == text
    assert say_text(Sentence(BUNDLE, why=text)) == f"The step could not be kept: {text}"


def test_a_translation_with_other_fields_shows_english(qapp: QApplication) -> None:
    class Odd(Capitals):
        def translate(self, *_: object) -> str:
            return "{folder"

    odd = Odd()
    qapp.installTranslator(odd)
    try:
        assert say_text(unreadable("x").message) == "The folder x may not be read."
    finally:
        qapp.removeTranslator(odd)


def test_the_window_calls_settings_as_their_fields_are_called() -> None:
    said = say(
        Failure("no.such", "Set optim.batch_size to 8, or model.image_size.", "See a.b.", {})
    )
    assert said == ("Set “Batch size” to 8, or “View size”.", "See a.b.")
    # Whoever is sent into the file needs the path.
    assert "optim.batch_size" in say_text("Set optim.batch_size in /runs/a/config.toml.")


def test_a_choice_is_called_by_what_it_does(window: MainWindow) -> None:
    window.train.show_kind("finetune")
    (field,) = window.train.fields.fields["method.trained"]
    assert isinstance(field.editor, QComboBox)
    texts = [field.editor.itemText(row) for row in range(field.editor.count())]
    assert texts == [
        "auto",
        "the whole network",
        "its last blocks",
        "the classifier alone",
    ]
    data = [field.editor.itemData(row) for row in range(field.editor.count())]
    assert data == ["", "all", "blocks", "head"]


def test_one_is_not_several_in_the_window(window: MainWindow) -> None:
    status = window.header
    window.session.device = DeviceFacts(kind="cpu", cores=1)
    status._show_device()
    assert status.device.text() == "CPU, 1 core"
