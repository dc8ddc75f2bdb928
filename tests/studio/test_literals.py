"""What stands in the source: templates are literals, and no shown word passes by the translator."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from sit_engine.config.build import build
from sit_engine.config.facts import CueFacts, DataFacts, DeviceFacts, MemoryFacts
from sit_engine.config.methods import METHODS, traits
from sit_engine.config.presets import presets
from sit_engine.config.resolve import resolve
from sit_engine.counted import Sentence, templates_of, with_templates
from sit_studio.widgets.status import phase_word

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "sit_studio").rglob("*.py"))
ENGINE = sorted((ROOT / "sit_engine").rglob("*.py"))
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


def _literals(text: str) -> set[str]:
    nodes = ast.walk(ast.parse(text))
    return {
        node.value for node in nodes if isinstance(node, ast.Constant) and type(node.value) is str
    }


@pytest.mark.parametrize("method", METHODS)
def test_the_reasons_of_auto_settings_are_templates_and_literals(method: str) -> None:
    known = set[str]().union(*(_literals(path.read_text("utf-8")) for path in ENGINE))
    cues = CueFacts(500, 0.4, 0.2, 0.05, 0.4, 0.1, 0.05)
    memory = MemoryFacts(10**9, 10**8, 10**8, 10**7)
    for images, preset, kind in product((500, 30_000), presets(), ("cpu", "cuda")):
        facts = DataFacts(images, 2, 40, 10, 40, images, cues=cues)
        device = DeviceFacts(kind=kind, images_per_s=100.0, memory=memory, ranks=2)
        start = {"weights": "start.safetensors"} if traits(method).needs_start else {}
        config = build({"preset": preset, "method": {"name": method}, "model": start})
        if config.optim.batch_size != "auto" and config.optim.batch_size > images:
            continue  # A published batch that these images cannot fill.
        reasons = resolve(config, facts, device).reasons
        said = with_templates(reasons, json.loads(json.dumps(templates_of(reasons))))
        assert said == reasons
        assert {
            why.template if isinstance(why, Sentence) else why for why in said.values()
        } <= known


WORDS = re.compile(r"(?<![\w{.])[a-z]{2,} ")
MADE = re.compile(
    r"((?<!Value)Error|Warned|warning|Sentence|damaged|unusable|_failed|_problem|problem)$"
)


def test_templates_are_literals() -> None:
    """Translators' tools read them where they stand; what is filled in stays beside them."""
    found = []
    for path in ENGINE:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                said = [word.value for word in node.keywords if word.arg in ("why", "reason")]
                parts = [*node.args, *said] if MADE.search(name) else said
                texts = [ast.unparse(part) for part in parts if isinstance(part, ast.JoinedStr)]
                found += [(path.name, text) for text in texts if WORDS.search(text)]
    assert not found


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
    # Said before Qt is loaded, or translated as the engine's are.
    if path.name == "app.py" or path.parent.name == "engine":
        return
    found = [
        (line, text)
        for line, text in _shown_literals(ast.parse(path.read_text("utf-8")))
        if re.search(r"[A-Za-z]{2}", text)
        and re.sub(r"\(\*[^)]*\)", "", text).strip() not in NAMES
        and not re.fullmatch(r"[a-z]+\.[a-z_]*", text)
    ]
    assert not found


def phases_of(tree: ast.AST) -> Iterator[str]:
    """Phases that a module tells: as a word, by a constant whose name ends in PHASE, as `phase=`."""
    tellers = {"PhaseChanged": 0, "tell": 0, "on_progress": 0, "ProgressReporter": 1}
    for node in ast.walk(tree):
        said: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            said = [node.value] if any(name.endswith("PHASE") for name in names) else []
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            words = node.args
            if called == "partial" and ast.unparse(words[0]) in tellers:
                called, words = ast.unparse(words[0]), words[1:]
            if called in tellers:
                said = words[tellers[called] :][:1]
            said += [word.value for word in node.keywords if word.arg == "phase"]
        for value in said:
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def test_every_phase_has_a_word() -> None:
    trees = (ast.parse(path.read_text("utf-8")) for path in ENGINE)
    phases = {phase for tree in trees for phase in phases_of(tree)}
    assert {
        "measuring the memory", "looking at what the labels live on", "measuring the times",
        "training from labels alone", "reading images", "headers",
    } <= phases  # fmt: skip
    assert {phase for phase in phases if phase_word(phase) == phase} == set()
