"""Numbers agree with what they count, in every sentence that is filled; values are never changed."""

from __future__ import annotations

import copy
import json
import pickle
import re
from pathlib import Path

import pytest

from sit_engine.counted import Sentence, filled, joined, packed, sentence_of, unpacked
from sit_engine.errors import SitError
from sit_engine.records.events import warning

ROOT = Path(__file__).resolve().parents[1]
WORDS = ("{what}", "{held_out}", "{said}")
"""What stands in braces before such a noun and is no number."""


@pytest.mark.parametrize(
    ("template", "one", "two"),
    [
        ("{n} files", "1 file", "2 files"),
        ("{n:,} test images, 3 classes", "1 test image, 3 classes", "2 test images, 3 classes"),
        ("{n} images are gone", "1 image is gone", "2 images are gone"),
        ("{n} images that this run was started with are missing",
         "1 image that this run was started with is missing",
         "2 images that this run was started with are missing"),
        ("{n} images of the run are gone, and only {n} training images are left",
         "1 image of the run is gone, and only 1 training image is left",
         "2 images of the run are gone, and only 2 training images are left"),
        ("{n} classes have a single image", "1 class has a single image",
         "2 classes have a single image"),
        ("Only the headers of {n} images were read", "Only the headers of 1 image were read",
         "Only the headers of 2 images were read"),
        ("{n} labels a class", "1 label a class", "2 labels a class"),
        ("There are only {n} usable images", "There are only 1 usable image",
         "There are only 2 usable images"),
        ("width {n}, {n} attention heads", "width 1, 1 attention head",
         "width 2, 2 attention heads"),
    ],
)  # fmt: skip
def test_what_is_counted_agrees(template: str, one: str, two: str) -> None:
    assert (filled(template, n=1), filled(template, n=2)) == (one, two)


def test_of_several_the_whole_stays() -> None:
    assert filled("{n} of {all} images were called so.", n=1, all=1) == (
        "1 of 1 images were called so."
    )


def test_a_value_is_never_changed() -> None:
    error = SitError("a.b", "{n} files in {path}.", n=1, path="/data/1 images/21 files")
    assert error.message == "1 file in /data/1 images/21 files."
    assert warning("a.b", "{count} rows", count=1).message == "1 row"


def test_a_sentence_is_text_that_keeps_its_template() -> None:
    inner = Sentence("{n} files are gone", n=1)
    said = Sentence("It cannot: {why} in {folder}.", why=inner, folder="a {b}")
    assert said == "It cannot: 1 file is gone in a {b}."
    for same in (
        copy.deepcopy(said),
        pickle.loads(pickle.dumps(said)),
        unpacked(json.loads(json.dumps(packed({"said": said}))))["said"],
    ):
        assert (same, same.template) == (said, said.template)
        assert getattr(same.values["why"], "template", "") == inner.template
    # What is cut from it or put together with it is text as any other.
    assert type(said[3:]) is type(said + "") is type(str(said)) is str
    assert joined([inner, Sentence("{n} rows", n=2)], "; ") == "1 file is gone; 2 rows"


def _deep(template: str, depth: int) -> dict[str, object]:
    """Ten times as long at each level."""
    inner: object = "x" * 1000
    for _ in range(depth):
        inner = {"template": template, "values": {"a": inner}}
    assert isinstance(inner, dict)
    return inner


@pytest.mark.parametrize(
    "parts",
    [
        None, [], "text", {"template": "{a}"}, {"template": 3, "values": {}},
        {"template": "{a}", "values": {}}, {"template": "{a", "values": {"a": "text"}},
        {"template": "{}", "values": {"": "text"}}, {"template": "{0}", "values": {"0": "text"}},
        {"template": "{a.__class__}", "values": {"a": "text"}},
        {"template": "{a!r}", "values": {"a": "text"}},
        {"template": "{a:>999999999}", "values": {"a": "text"}},
        {"template": "{a}", "values": {"a": 3}}, {"template": "{a}", "values": {"a": None}},
        {"template": "{a}", "values": {"a": "another text"}},
        {"template": "{a}" * 600, "values": {"a": "y" * 1000}}, _deep("{a}" * 10, 25),
        {"template": "text" + "{" * 5000, "values": {}}, _deep("{a}", 5000),
    ],
)  # fmt: skip
def test_what_anyone_may_have_written_beside_a_text_leaves_it(parts: object) -> None:
    """Nothing long is filled, nothing but names is formatted, and the text stays what it is."""
    found = sentence_of("text", parts)
    assert (type(found), found) == (str, "text")


def test_a_field_is_a_name_and_reaches_into_nothing() -> None:
    parts = {"template": "{a.__class__}", "values": {"a.__class__": "", "a": "x"}}
    found = sentence_of("<class 'str'>", parts)
    assert type(found) is str


def test_no_report_counts_without_agreeing() -> None:
    """A number that is put before its noun by an f-string says "1 files" some day."""
    counts = r"\{(?:len\(|[\w.]+)[^{}]*\} (?:[\w-]+ )?(?:images|files|rows|labels|classes)\b(?!/)"
    faults = []
    for path in sorted((ROOT / "sit_engine").rglob("*.py")):
        for found in re.finditer(r'f"[^"\n]*"', path.read_text("utf-8")):
            if re.search(counts, found[0]) and not any(word in found[0] for word in WORDS):
                faults.append(f"{path.relative_to(ROOT)}: {found[0]}")
    assert faults == []
