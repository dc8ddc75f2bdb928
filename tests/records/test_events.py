"""One event, one JSON line, and back."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sit_engine.records.events import (
    KINDS,
    MOST_NUMBER,
    MOST_WHOLE,
    CommandAnswered,
    Event,
    RunFinished,
    RunResumed,
    StepReported,
    read_line,
    to_line,
)

TEXT = st.text(max_size=20)
NUMBERS = st.floats(-MOST_NUMBER, MOST_NUMBER, exclude_min=True, exclude_max=True)
BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "terms": st.dictionaries(TEXT, NUMBERS, max_size=3),
    "curves": st.dictionaries(TEXT, NUMBERS, max_size=3),
    "values": st.dictionaries(TEXT, TEXT, max_size=3),
    "files": st.dictionaries(TEXT, TEXT, max_size=3),
    "seconds_left": st.none() | NUMBERS,
}
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(1 - MOST_WHOLE, MOST_WHOLE - 1),
    float: NUMBERS,
    str: TEXT,
    bool: st.booleans(),
}


def strategy(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    return st.sampled_from(get_args(hint)) if get_origin(hint) is Literal else BY_TYPE[hint]


def events(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of a kind."""
    hints = get_type_hints(kind)
    return st.builds(
        kind,
        **{
            item.name: BY_NAME[item.name] if item.name in BY_NAME else strategy(hints[item.name])
            for item in dataclasses.fields(kind)
        },
    )


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_every_event_survives_its_line(kind: type[Event]) -> None:
    @given(events(kind))
    def check(event: Event) -> None:
        line = to_line(event, time=12.5)
        assert "\n" not in line
        assert read_line(line) == (event, 12.5)

    check()


def test_not_a_number_is_written_as_null_and_read_back() -> None:
    event = StepReported(1, 0.1, math.nan, {"a": math.inf}, {}, 0, 0, 0, 0, 0, 0, 0, None)
    line = to_line(event, time=0)
    assert "NaN" not in line
    assert "Infinity" not in line
    read = read_line(line)
    assert not isinstance(read, str)
    assert isinstance(read[0], StepReported)
    assert math.isnan(read[0].loss)
    assert math.isnan(read[0].terms["a"])


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "3", '{"event": "Unknown", "time": 1}', '{"event": "RunFinished", "time": 1}'],
)
def test_a_torn_or_foreign_line_is_passed_over(line: str) -> None:
    assert isinstance(read_line(line), str)


def test_a_field_from_a_later_version_is_passed_over() -> None:
    line = to_line(RunFinished("completed", 3, 0), time=1).replace("{", '{"more": 1, ', 1)
    assert read_line(line) == (RunFinished("completed", 3, 0), 1)


def test_a_line_of_an_earlier_version_still_reads() -> None:
    line = '{"event": "CommandAnswered", "time": 1, "command": "stop", "answer": "done"}'
    assert read_line(line) == (CommandAnswered("stop", "done", "", {}), 1)
    line = (
        '{"event": "RunFinished", "time": 1, "outcome": "failed", "step": 3, "leg": 0, "code": "x"}'
    )
    assert read_line(line) == (RunFinished("failed", 3, 0, "x"), 1)


STEP = StepReported(1, 0.1, 2.0, {"a": 1.0}, {}, 0, 0, 0, 0, 0, 0, 0, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step", int("9" * 400)),
        ("step", 2**53),
        ("step", 1.5),
        ("step", "1"),
        ("step", True),
        ("step", None),
        ("loss", "2"),
        ("loss", int("9" * 400)),
        ("loss", 1e200),
        ("loss", math.nan),
        ("loss", math.inf),
        ("loss", False),
        ("loss", []),
        ("terms", [1]),
        ("terms", {"a": "b"}),
        ("terms", {"a": {}}),
        ("terms", {f"{i}": 0.0 for i in range(10_000)}),
        ("seconds_left", "soon"),
        ("time", -1.0),
        ("time", 1e99),
        ("time", None),
        ("event", 3),
    ],
)
def test_a_value_of_another_type_or_size_makes_the_line_unfit(name: str, value: object) -> None:
    good = json.loads(to_line(STEP, time=1))
    assert read_line(json.dumps(good)) == (STEP, 1)
    line = json.dumps(good | {name: value})
    assert isinstance(read_line(line), str)
    # A number of 400 digits is no number to our reader of JSON.
    assert read_line(line) == ("torn" if "9" * 400 in line else "unfit")


def test_why_a_line_gives_no_event() -> None:
    resumed = to_line(RunResumed(1, 5, "a", 2), time=1)
    assert read_line(resumed[:-4]) == "torn"
    assert read_line(resumed.replace("RunResumed", "RunDreamt")) == "unknown"
    assert read_line(resumed.replace('"from_step": 5', '"from_step": null')) == "unfit"
    assert read_line(resumed.replace('"from_step": 5, ', "")) == "unfit"
    finished = to_line(RunFinished("completed", 3, 0), time=1)
    assert read_line(finished.replace("completed", "exploded")) == "unfit"
    assert read_line(finished.replace('"values": {}', '"values": {"a": 1}')) == "unfit"
    assert read_line("[" * 1_000_000) == "torn"
    assert read_line("7") == "unfit"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | TEXT, st.lists))
def test_no_value_in_any_field_raises(value: object) -> None:
    for kind in KINDS:
        for name in ("time", *(item.name for item in dataclasses.fields(KINDS[kind]))):
            read_line(json.dumps({"event": kind, "time": 1.0, name: value}))
            read_line(json.dumps(value))
