"""A whole small search, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.studies.searches import request_of, searched


@pytest.fixture
def known_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No clock says how long a supernet trains."""
    _know_speed(monkeypatch)


def _know_speed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("sit_engine.training.prepare.known_speed", lambda *_: 600.0)


@pytest.fixture(scope="session")
def found(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search without labels, and nothing trained anew; to be read, or copied."""
    out = tmp_path_factory.mktemp("search") / "out"
    with pytest.MonkeyPatch.context() as patch:
        _know_speed(patch)
        searched(request_of(few), out)
    return out
