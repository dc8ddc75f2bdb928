"""Public weights through the window and a real child, from a small hub on the loopback address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from sit_engine.records.public_weights import GATED, PUBLIC
from sit_studio.frame.main_window import MainWindow
from sit_studio.widgets.public_weights_dialog import PublicWeightsDialog
from tests.hub import NAME, PIECE, Hub, serving
from tests.studio.conftest import wait


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """What the window's children take for the real one."""
    with serving() as held:
        monkeypatch.setenv("HF_ENDPOINT", held.address)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        yield held


def opened(window: MainWindow, tmp_path: Path) -> PublicWeightsDialog:
    """From the Runs page."""
    window.session.preferences.set("runs/folder", str(tmp_path / "runs"))
    window.show_page("runs")
    window.runs.public.click()
    (dialog,) = window.runs.findChildren(PublicWeightsDialog)
    return dialog


def test_each_says_what_it_saw_its_terms_and_where_and_nothing_is_fetched(
    window: MainWindow, tmp_path: Path
) -> None:
    dialog = opened(window, tmp_path)
    for one in PUBLIC.values():
        dialog.choose(one.name)
        row = dialog.table.lines.cells(dialog.names.index(one.name))
        assert row[:2] == [one.name, one.saw]
        assert row[2].endswith(" MB")
        assert one.terms in dialog.terms.text()
        assert dialog.link.text() == f"https://{one.link}"
        assert dialog.fetch.isEnabled()
    for gated in GATED.values():
        dialog.choose(gated.name)
        assert gated.licence in dialog.terms.text()
        assert "import the file model.safetensors" in dialog.terms.text()
        assert gated.repository in dialog.link.text()
        assert not dialog.fetch.isEnabled()
    assert not dialog.job.is_busy
    assert not dialog.bar.isVisibleTo(dialog)
    dialog.reject()


@pytest.mark.cold
def test_fetched_stopped_fetched_on_and_started_from(
    hub: Hub, window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    hub.stalls_after = PIECE + 1000
    window.session.preferences.set("cache/folder", str(tmp_path / "cache"))
    window.session.preferences.use_cache_place()
    dialog = opened(window, tmp_path)
    dialog.choose(NAME)
    dialog.fetch.click()
    assert dialog.stop.isVisibleTo(dialog)
    wait(qtbot, lambda: dialog.bar.maximum() > 0 and dialog.bar.value() >= PIECE // 10**6)
    assert " of " in dialog.told.text()
    # The library tells of a piece before it writes it.
    (partial,) = (tmp_path / "cache").rglob("model.safetensors.*.partial")
    wait(qtbot, lambda: partial.stat().st_size >= PIECE)
    dialog.stop.click()
    assert not dialog.job.is_busy
    assert partial.stat().st_size >= PIECE

    hub.stalls_after = None
    hub.asked.clear()
    dialog.fetch.click()
    wait(qtbot, lambda: not dialog.job.is_busy)
    assert dialog.notice.text == ""
    assert all(part for method, file, part in hub.asked
               if method == "GET" and file == "model.safetensors")  # fmt: skip
    assert dialog.table.lines.cells(dialog.names.index(NAME))[4] == "fetched"
    place = tmp_path / "runs" / "weights" / NAME
    dialog.use.click()
    assert window.stack.currentWidget() is window.train
    assert window.train.kind == "pretrain"
    assert window.train.start_card.weights == place
    assert window.train.model.start == place


@pytest.mark.cold
def test_offline_is_a_sentence_in_the_dialog(
    monkeypatch: pytest.MonkeyPatch, window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    dialog = opened(window, tmp_path)
    dialog.choose(NAME)
    dialog.fetch.click()
    wait(qtbot, lambda: not dialog.job.is_busy)
    assert f"{NAME} could not be fetched" in dialog.notice.text
    assert "what has come is kept" in dialog.notice.text
    assert dialog.fetch.text() == "Try again"
    dialog.reject()
