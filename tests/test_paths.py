"""File names keep their bytes when stored, and are harmless when shown."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sit_engine.paths import (
    display_name,
    escape_name,
    file_word,
    image_name,
    root_and_path,
    unescape_name,
)


@given(st.text(st.characters(exclude_categories=())))
def test_every_name_comes_back_from_its_escape(name: str) -> None:
    stored = escape_name(name)
    stored.encode("utf-8")
    assert unescape_name(stored) == name


@given(st.binary())
def test_names_of_any_bytes_come_back(raw: bytes) -> None:
    assert os.fsencode(unescape_name(escape_name(os.fsdecode(raw)))) == raw


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("plain.jpg", "plain.jpg"),
        ("caf\udce9.jpg", r"caf\xe9.jpg"),
        ("back\\slash.jpg", r"back\x5cslash.jpg"),
        (r"\xe9.jpg", r"\x5cxe9.jpg"),
        ("日本 😀.jpg", "日本 😀.jpg"),
    ],
)
def test_escapes_look_as_documented(name: str, stored: str) -> None:
    assert escape_name(name) == stored
    assert unescape_name(stored) == name


@given(st.integers(0, 9), st.text(st.characters(exclude_categories=())))
def test_a_split_names_an_image_by_folder_and_path(root: int, path: str) -> None:
    name = image_name(root, path)
    name.encode("utf-8")
    assert root_and_path(name) == (root, path)


def test_a_split_names_images_as_documented() -> None:
    assert image_name(2, "caf\udce9/a:b.jpg") == r"2:caf\xe9/a:b.jpg"


def test_what_cannot_be_shown_becomes_the_replacement_character() -> None:
    assert display_name("caf\udce9\n\x1b[2J.jpg") == "caf\ufffd\ufffd\ufffd[2J.jpg"
    assert display_name("back\\slash 😀.jpg") == "back\\slash 😀.jpg"


def test_a_part_of_a_new_folders_name_is_short_in_bytes_and_whole_letters() -> None:
    assert file_word("My photos (2024)") == "My-photos-2024"
    assert file_word("…/…") == ""
    long = file_word("葉の病気" * 100)
    assert len(long.encode()) <= 80
    assert long + ("葉の病気" * 100)[len(long) :] == "葉の病気" * 100
    assert file_word("a" * 79 + "é" * 5) == "a" * 79
