"""Every sentence can be in the user's language: the engine's by their codes, the window's by tr()."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QApplication, QComboBox

from sit_engine.config.facts import DeviceFacts
from sit_engine.records.events import warning
from sit_studio.frame.main_window import MainWindow
from sit_studio.look.engine_sentences import ENGINE_SENTENCES
from sit_studio.look.sentences import say, say_coded
from sit_studio.models.failure import Failure
from sit_studio.widgets.status import phase_word

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "sit_studio").rglob("*.py"))
UNLABELLED = "Left out, since they have no label: {count} images."
# What puts its words before the user. Words of ours that are names stay as they are.
SHOWING = {
    "setText", "setWindowTitle", "setToolTip", "setPlaceholderText", "setAccessibleName",
    "setAccessibleDescription", "setLabelText", "setInformativeText", "setTitle", "addTab",
    "setTabText", "setTabToolTip", "addAction", "addItem", "addButton", "label", "button", "Card",
    "FigureCard", "EmptyState", "Failure", "getOpenFileName", "getSaveFileName", "show_empty",
    "getExistingDirectory", "show_below", "show_figure", "LineTable", "FolderChooser",
}  # fmt: skip
NAMES = {"SiT Studio", "GB", "px", "CSV", "TOML", "TorchScript"}
# Roles, icons, keys: never shown.
UNSHOWN = {"role", "icon", "kind", "name"}
AT_PLACE = {"label": (0,), "button": (0,), "EmptyState": (1, 2), "Failure": (1, 2), "addItem": (0,)}


def test_every_code_of_the_engine_has_its_sentences() -> None:
    program = ROOT / "packaging" / "engine_sentences.py"
    done = subprocess.run([sys.executable, str(program), "--check"], check=False, cwd=ROOT)
    assert done.returncode == 0, "run: python packaging/engine_sentences.py"
    codes = set()
    for path in (ROOT / "sit_engine").rglob("*.py"):
        codes |= set(
            re.findall(r'"((?:health|command|data|disk|run|train)\.[a-z_]+)"', path.read_text())
        )
    are_no_codes = {code for code in codes if code.split(".")[0] == "data" and _is_setting(code)}
    assert codes - are_no_codes <= set(ENGINE_SENTENCES)


def _is_setting(path: str) -> bool:
    from sit_engine.config.schema import settings

    return path in {item.path for item in settings()}


def test_no_sentence_is_empty() -> None:
    for code, sentences in ENGINE_SENTENCES.items():
        assert sentences, code
        assert all(message for message, _ in sentences), code


class Backwards(QTranslator):
    """A language in which every sentence is said in capitals, its fields as they are."""

    def translate(
        self,
        context: bytes | bytearray | memoryview | str,
        text: bytes | bytearray | memoryview | str,
        disambiguation: object = None,
        n: int = -1,
    ) -> str:
        del disambiguation, n
        said = text if isinstance(text, str) else bytes(text).decode("utf-8")
        if (context if isinstance(context, str) else bytes(context).decode()) != "engine":
            return ""
        return "".join(part if part[:1] == "{" else part.upper() for part in _parts(said))

    def isEmpty(self) -> bool:
        return False


def _parts(text: str) -> list[str]:
    return re.split(r"(\{\w*\})", text)


@pytest.fixture
def capitals(qapp: QApplication) -> Iterator[None]:
    translator = Backwards()
    qapp.installTranslator(translator)
    yield
    qapp.removeTranslator(translator)


@pytest.mark.usefixtures("capitals")
def test_a_failure_is_translated_by_its_code_with_its_values() -> None:
    values = {"folder": "my {leaves}"}
    failure = Failure(
        "data.folder_unreadable",
        "The folder my {leaves} may not be read.",
        "Give yourself the right to read it, or choose another folder.",
        values,
    )
    assert say(failure) == (
        "THE FOLDER my {leaves} MAY NOT BE READ.",
        "GIVE YOURSELF THE RIGHT TO READ IT, OR CHOOSE ANOTHER FOLDER.",
    )
    # The same code stands with a second sentence, which has figures but came without values.
    assert say_coded("data.folder_unreadable", "is a folder that may not be read").isupper()
    english = "took longer than 30 s to read"
    assert say_coded("data.too_slow", english) == "TOOK LONGER THAN 30 S TO READ"
    refused = "refused: the run is at epoch 3 already"
    assert say_coded("command.refused_epoch", refused, {"epoch": "3"}) == refused.upper()


@pytest.mark.usefixtures("capitals")
@pytest.mark.parametrize(
    ("code", "message", "values"),
    [
        ("no.such_code", "As the engine said.", {}),
        ("data.folder_unreadable", "Said by another version of the engine.", {}),
        ("disk.write", "Cannot write to a {place}: it is full.", {}),
    ],
)
def test_what_cannot_be_translated_is_said_as_the_engine_said_it(
    code: str, message: str, values: dict[str, str]
) -> None:
    assert say(Failure(code, message, "A hint.", values))[0] == message


def test_without_a_translation_all_is_english() -> None:
    failure = Failure("disk.write", "Cannot write to x: full.", "Free some.", {"path": "x"})
    assert say(failure) == ("Cannot write to x: full.", "Free some.")


def _shown_literals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name not in SHOWING:
            continue
        places = AT_PLACE.get(name, range(len(node.args)))
        parts = [node.args[place] for place in places if place < len(node.args)]
        parts += [
            word.value for word in node.keywords if word.arg in ("tip", "hint", "about", "text")
        ]
        for part in parts:
            yield from ((node.lineno, text) for text in _bare(part))


def _bare(part: ast.expr) -> Iterator[str]:
    """Literals that reach the user as they stand; what a call gives is the call's own business."""
    match part:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr():
            for piece in part.values:
                if isinstance(piece, ast.Constant):
                    yield str(piece.value)
        case ast.IfExp():
            yield from (*_bare(part.body), *_bare(part.orelse))
        case ast.BinOp():
            yield from (*_bare(part.left), *_bare(part.right))
        case ast.List() | ast.Tuple():
            for piece in part.elts:
                yield from _bare(piece)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_shown_word_passes_by_the_translator(path: Path) -> None:
    # Said before Qt is loaded, or translated by their codes.
    if path.name in ("app.py", "trainer.py", "runner.py", "asker.py"):
        return
    found = [
        (line, text)
        for line, text in _shown_literals(ast.parse(path.read_text("utf-8")))
        if re.search(r"[A-Za-z]{2}", text)
        and re.sub(r"\(\*[^)]*\)", "", text).strip() not in NAMES
        and not re.fullmatch(r"[a-z]+\.[a-z_]*", text)
    ]
    assert not found


def test_the_window_calls_settings_as_their_fields_are_called() -> None:
    said = say(
        Failure("no.such", "Set optim.batch_size to 8, or model.image_size.", "See a.b.", {})
    )
    assert said == ("Set “Batch size” to 8, or “View size”.", "See a.b.")
    # Whoever is sent into the file needs the path.
    assert "optim.batch_size" in say_coded(
        "no.such", "Set optim.batch_size in /runs/a/config.toml."
    )


def test_every_phase_of_a_run_has_a_word() -> None:
    told = re.compile(r'PhaseChanged\(\s*"([a-z][a-z -]*)"')
    sources = (path.read_text("utf-8") for path in (ROOT / "sit_engine").rglob("*.py"))
    phases = {phase for text in sources for phase in told.findall(text)}
    assert "measuring the memory" in phases
    assert {phase for phase in phases if phase_word(phase) == phase} == set()


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


@pytest.mark.usefixtures("capitals")
def test_a_sentence_is_found_by_its_code_whether_it_counts_one_or_more() -> None:
    for count in (1, 2):
        told = warning("data.unlabelled", UNLABELLED, count=count)
        assert say_coded(told.code, told.message, told.values).isupper()
