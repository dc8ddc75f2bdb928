"""The versions that make installs are ones that pyproject.toml allows, on any of our Pythons."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
WANTED = [*PROJECT["dependencies"], *EXTRAS["studio"], *EXTRAS["onnx"], *EXTRAS["test"]]
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text("ascii").splitlines()
    if not line.startswith("#")
)


@pytest.mark.parametrize("text", [text for text in WANTED if not text.startswith("sit-studio")])
def test_what_is_required_has_a_version_that_is_allowed(text: str) -> None:
    required = Requirement(text)
    assert PINS[canonicalize_name(required.name)] in required.specifier


def test_no_version_is_of_one_machine() -> None:
    assert not [name for name, version in PINS.items() if "+" in version]
    assert not [name for name in PINS if name.startswith(("nvidia", "cuda", "triton"))]
