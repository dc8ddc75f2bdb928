"""How folders are read can be said to every verb that opens some, in the same words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sit_engine.cli.layout_flags import patterns_of, reading_of
from sit_engine.cli.main import parser
from sit_engine.cli.study_screen import with_flags
from sit_engine.config.build import build
from sit_engine.data.folder.label_file import LabelColumns
from sit_engine.data.folder.wanted import Patterns
from sit_engine.data.scan.own_images import how_read
from sit_engine.records.studies.worth import ASKED, WorthAsked
from sit_studio.models.studies.worth_study import WorthStudy, study_of

FLAGS = [
    "--layout", "split", "--include", "*.jpg,photos/*", "--exclude", "masks",
    "--path-column", "file", "--label-column", "kind",
]  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["compare", "F", "standard", "fast", "--out", "O", "--epochs", "1"],
        ["tune", "F", "--out", "O"],
        ["search", "F", "--out", "O"],
    ],
    ids=lambda words: words[0],
)
def test_studies_read_folders_as_their_flags_say(words: list[str]) -> None:
    of_file = build({"data": {"layout": "classes", "exclude": ["cut"]}})
    plain = parser(words[0]).parse_args(words)
    assert with_flags(of_file, plain) == of_file
    given = parser(words[0]).parse_args([*words, *FLAGS, "--threads", "3"])
    assert with_flags(of_file, given).compute.threads == 3
    read = how_read(with_flags(of_file, given).data)
    assert read["layout"] == "split"
    assert read["patterns"] == Patterns(("*.jpg", "photos/*"), ("masks",))
    assert read["columns"] == LabelColumns("file", "kind")


def test_worth_remembers_how_its_folder_is_read(tmp_path: Path) -> None:
    words = ["worth", "F", "--out", "O"]
    assert reading_of(parser("worth").parse_args(words)) == {}
    reading = reading_of(parser("worth").parse_args([*words, *FLAGS]))
    asked = WorthAsked("F", (), 3.0, reading=reading)
    (tmp_path / ASKED).write_text(json.dumps(asked.to_json()))
    study = study_of(tmp_path)
    assert isinstance(study, WorthStudy)
    again = parser("worth").parse_args(study.words([], Path("O")))
    assert reading_of(again) == reading


def test_evaluate_takes_patterns() -> None:
    words = ["evaluate", "RUN", "--test", "T"]
    assert patterns_of(parser("evaluate").parse_args(words)) is None
    given = parser("evaluate").parse_args([*words, "--exclude", "masks"])
    assert patterns_of(given) == Patterns((), ("masks",))
