"""One event, one JSON line, and back."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sit_engine.events import (
    KINDS,
    CommandAnswered,
    Event,
    RunFinished,
    StepReported,
    from_line,
    to_line,
)

TEXT = st.text(max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
BY_NAME: dict[str, st.SearchStrategy[Any]] = {
    "terms": st.dictionaries(TEXT, NUMBERS, max_size=3),
    "curves": st.dictionaries(TEXT, NUMBERS, max_size=3),
    "values": st.dictionaries(TEXT, TEXT, max_size=3),
    "seconds_left": st.none() | NUMBERS,
}
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(),
    float: NUMBERS,
    str: TEXT,
    bool: st.booleans(),
}


def events(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of a kind."""
    hints = get_type_hints(kind)
    return st.builds(
        kind,
        **{
            item.name: BY_NAME.get(item.name, BY_TYPE.get(hints[item.name], TEXT))
            for item in dataclasses.fields(kind)
        },
    )


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_every_event_survives_its_line(kind: type[Event]) -> None:
    @given(events(kind))
    def check(event: Event) -> None:
        line = to_line(event, time=12.5)
        assert "\n" not in line
        assert from_line(line) == (event, 12.5)

    check()


def test_not_a_number_is_written_as_null_and_read_back() -> None:
    event = StepReported(1, 0.1, math.nan, {"a": math.inf}, {}, 0, 0, 0, 0, 0, 0, 0, None)
    line = to_line(event, time=0)
    assert "NaN" not in line
    assert "Infinity" not in line
    read = from_line(line)
    assert read is not None
    assert isinstance(read[0], StepReported)
    assert math.isnan(read[0].loss)


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "3", '{"event": "Unknown", "time": 1}', '{"event": "RunFinished", "time": 1}'],
)
def test_a_torn_or_foreign_line_is_passed_over(line: str) -> None:
    assert from_line(line) is None


def test_a_field_from_a_later_version_is_passed_over() -> None:
    line = to_line(RunFinished("completed", 3, 0), time=1).replace("{", '{"more": 1, ', 1)
    assert from_line(line) == (RunFinished("completed", 3, 0), 1)


def test_a_line_of_an_earlier_version_still_reads() -> None:
    line = '{"event": "CommandAnswered", "time": 1, "command": "stop", "answer": "done"}'
    assert from_line(line) == (CommandAnswered("stop", "done", "", {}), 1)
    line = (
        '{"event": "RunFinished", "time": 1, "outcome": "failed", "step": 3, "leg": 0, "code": "x"}'
    )
    assert from_line(line) == (RunFinished("failed", 3, 0, "x"), 1)
