"""Settings that name files hold the names themselves; in text they are escaped."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sit_engine.cli.main import main
from sit_engine.config.build import build
from sit_engine.config.toml_file import read, to_toml
from sit_engine.config.tree import RunConfig
from sit_engine.errors import ConfigError
from sit_engine.paths import escape_name

# As a version wrote it that kept escaped names in memory too.
BEFORE = r"""
[data]
folders = [
    "/bilder/k\\xe4se  # 1",
    "/a\\x5cb/\\ud800",
]
labels_file = "/t\\xff.csv"

[model]
weights = "/runs/\\x5cx41/step-00000020"
"""
FOLDERS = ("/bilder/k\udce4se  # 1", "/a\\b/\ud800")


def lines(text: str) -> list[str]:
    """Those that name files."""
    kept, is_list = [], False
    for line in text.splitlines():
        is_list = line.startswith("folders") or (is_list and not line.startswith("]"))
        if is_list or line.startswith(("]", "labels_file", "weights")):
            kept.append(line)
    return kept[: kept.index("]") + 1] + [line for line in kept if line[0] in "lw"]


def check(config: RunConfig) -> None:
    """They are as the file system has them."""
    assert config.data.folders == FOLDERS
    assert config.data.labels_file == "/t\udcff.csv"
    assert config.model.weights == r"/runs/\x41/step-00000020"


def test_a_file_of_before_means_the_same_and_is_written_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(BEFORE, "utf-8")
    config = read(file)
    check(config)
    assert lines(to_toml(config)) == lines(BEFORE)
    for mode in ("python", "json"):
        check(build(config.model_dump(mode=mode)))
    check(RunConfig.model_validate_json(config.model_dump_json()))


@given(st.lists(st.text(st.characters(exclude_categories=()), min_size=1), min_size=1))
def test_every_name_comes_back(names: list[str]) -> None:
    data = RunConfig().data.model_copy(update={"folders": tuple(names), "labels_file": names[0]})
    config = RunConfig().model_copy(update={"data": data})
    text = to_toml(config)
    text.encode("utf-8")
    dumped = config.model_dump(mode="json")
    assert build(dumped) == config
    assert dumped["data"]["folders"] == [escape_name(name) for name in names]


@pytest.mark.parametrize("values", [{"folders": [3]}, {"labels_file": 3}, {"folders": "x"}])
def test_what_is_no_text_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="cannot be"):
        build({"data": values})


def test_a_path_is_taken_as_it_is() -> None:
    """Text is escaped, as in a file; whoever has a path gives the path."""
    name = r"/runs/\x41"
    assert build({"model": {"weights": name}}).model.weights == "/runs/A"
    config = build({"model": {"weights": Path(name)}, "data": {"folders": [Path(FOLDERS[1])]}})
    assert (config.model.weights, config.data.folders) == (name, (FOLDERS[1],))


def test_a_flag_names_the_file_that_the_file_system_has(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.toml"
    name = r"/runs/\x41"
    assert main(["config", "--model.weights", name]) == 0
    file.write_text(capfd.readouterr().out, "utf-8")
    assert read(file).model.weights == name
