"""A small search for a network, as the tests ask for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.records.studies.network_request import NetworkRequest
from sit_engine.records.studies.network_search import NetworkSearch
from tests.tiny import tiny_config


def request_of(folder: Path, **more: Any) -> NetworkRequest:
    base = build(tiny_config(folder).model_dump() | {"model": {"image_size": 16, "patch_size": 4}})
    given: dict[str, Any] = {"budget": "300k", "minutes": 0.01, "population": 4, "generations": 3}
    return NetworkRequest(str(folder), base, **given | more)


def searched(request: NetworkRequest, out: Path, **more: Any) -> NetworkSearch:
    return api.search(request, out, emit=lambda _: None, **more)
