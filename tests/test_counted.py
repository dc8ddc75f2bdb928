"""Numbers agree with what they count, in every sentence that is filled; values are never changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sit_engine.counted import filled
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


def test_no_report_counts_without_agreeing() -> None:
    """A number that is put before its noun by an f-string says "1 files" some day."""
    counts = r"\{(?:len\(|[\w.]+)[^{}]*\} (?:[\w-]+ )?(?:images|files|rows|labels|classes)\b(?!/)"
    faults = []
    for path in sorted((ROOT / "sit_engine").rglob("*.py")):
        for found in re.finditer(r'f"[^"\n]*"', path.read_text("utf-8")):
            if re.search(counts, found[0]) and not any(word in found[0] for word in WORDS):
                faults.append(f"{path.relative_to(ROOT)}: {found[0]}")
    assert faults == []
