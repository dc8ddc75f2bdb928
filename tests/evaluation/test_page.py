"""The page of an evaluation: whole, alone, and safe whatever files and classes are called."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sit_engine.evaluation.html_page import Wrong, page
from sit_engine.evaluation.metrics import judge
from sit_engine.records.report import LeftOut, Report, ReportRow, Score, Scratch

VOID = {"meta", "img", "br"}
SVG_ENDED = {"path", "circle", "polyline", "rect", "line"}
HOSTILE = "<script>alert('\"&\udcff\x07')</script>"


class Checker(HTMLParser):
    """Every element is closed in order; remembers elements, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        assert len({name for name, _ in attrs}) == len(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SVG_ENDED
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def check(text: str) -> Checker:
    """Well-formed, with nothing from elsewhere and no script."""
    text.encode("utf-8")
    found = Checker()
    found.feed(text)
    found.close()
    assert found.open == []
    assert text.startswith("<!DOCTYPE html>")
    assert not re.search(r"https?://|url\(|@import|src=\"(?!data:)|<link|javascript:", text)
    assert "script" not in found.tags
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    return found


def report(classes: int, images: int = 400, *, name: str = "class {}") -> Report:
    """A finetuned run's, of answers that are half right."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, size=images)
    logits = rng.normal(size=(images, classes))
    logits[np.arange(images), labels] += 2
    likely = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    names = tuple(name.format(number) for number in range(classes))
    columns = ("raw pixels", "untrained", name, "finetuned")
    scores = {column: Score(0.1 + 0.2 * n, 0.05) for n, column in enumerate(columns)}
    gains = {column: Score(0.1 * n - 0.1, 0.05) for n, column in enumerate(columns[:-1])}
    few = (ReportRow(f"{n} labels", "few-shot", n, scores, gains) for n in (1, 2, 5))
    only = ReportRow("Classifier", "classifier", None, {"finetuned": scores["finetuned"]}, {})
    return Report(
        main="finetuned", columns=columns, rows=(*few, only), k_sweep={}, train_images=99,
        test_images=images, classes=names, network="teacher", step=7, linear_c={name: 0.1},
        left_out=LeftOut(in_train=2), answers=judge(labels, likely, names, by="classifier"),
        scratch=Scratch(None, f"Make it with: {name}"), page="x.html", train=(name,), test=(name,),
    )  # fmt: skip


def test_the_page_of_a_real_evaluation_is_whole_and_shows_the_surest_mistakes(
    evaluated: tuple[Report, Path],
) -> None:
    found, file = evaluated
    text = file.with_name(found.page).read_text("utf-8")
    checked = check(text)
    assert checked.tags.count("svg") == 2
    for row in found.rows:
        assert row.name in checked.text
    assert found.answers is not None
    wrong = found.test_images - sum(
        row[number] for number, row in enumerate(found.answers.confusion)
    )
    assert wrong > 0
    pictures = [value for name, value in checked.attributes if name == "src"]
    assert len(pictures) == min(wrong, 24)
    for picture in pictures:
        kind, _, data = picture.partition(",")
        assert kind == "data:image/jpeg;base64"
        assert max(Image.open(io.BytesIO(base64.b64decode(data))).size) <= 128
    sure = [int(found) for found in re.findall(r", (\d+) %\s*is ", checked.text)]
    assert len(sure) == len(pictures)
    assert sure == sorted(sure, reverse=True)


def test_names_are_text_whatever_they_hold() -> None:
    wrong = [Wrong(f"/images/{HOSTILE}", HOSTILE, HOSTILE, 0.9, "")]
    checked = check(page(report(3, name=HOSTILE), wrong, run=HOSTILE))
    assert "<script>alert('\"&\ufffd\ufffd')</script>, step 7" in checked.text
    assert checked.text.count("<script>") > 10


@pytest.mark.parametrize(
    ("classes", "is_table"), [(2, True), (30, True), (31, False), (200, False)]
)
def test_many_classes_are_a_picture_and_the_pairs_most_often_confused(
    classes: int, is_table: bool
) -> None:
    made = report(classes, images=1000)
    text = page(made, [], run="run")
    checked = check(text)
    assert ('<table class="matrix">' in text) is is_table
    assert ("image/png" in text) is not is_table
    if is_table:
        assert text.count('<td style="background:') == classes**2
        return
    assert made.answers is not None
    counts = np.array(made.answers.confusion)
    np.fill_diagonal(counts, 0)
    true, answer = np.unravel_index(counts.argmax(), counts.shape)
    row = f"<tr><td>class {true}</td><td>class {answer}</td><td>{counts.max()}</td>"
    assert row in text
    assert "class 30" in checked.text


def test_gains_are_put_in_words_and_what_was_not_measured_is_a_dash() -> None:
    checked = check(page(report(3), [], run="run"))
    assert "over raw pixels: worse" in checked.text
    assert "over untrained: no sure difference" in checked.text
    assert "better" in checked.text
    assert "–" in checked.text
    assert "Make it with" in checked.text
    assert "2 test images that are training images too" in checked.text


def test_a_report_without_answers_has_a_page_too() -> None:
    made = report(3)
    checked = check(page(replace(made, answers=None, rows=made.rows[-1:]), [], run="run"))
    assert "svg" not in checked.tags


def test_one_shot_alone_can_be_plotted() -> None:
    made = report(3)
    checked = check(page(replace(made, rows=made.rows[:1]), [], run="run"))
    assert "svg" in checked.tags
    assert "nan" not in checked.text.lower()
