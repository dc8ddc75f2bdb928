"""Which children of the product are forks in tests, and which start from nothing.

Decoders, the clean processes of exports and those that train together are forks (tests.decoders,
tests.programs, tests.preloaded) but in the journey and in tests marked as cold, of which they are the
subject. Forks of the engine are told by their environment.
"""

from __future__ import annotations

import os
import sys

from sit_engine.cli import launch
from sit_engine.data.decode import decode_pool
from sit_engine.export import program
from tests import preloaded
from tests.decoders import ForkedDecoder

DECODERS, PROGRAMS, RANKS = "SIT_TESTS_DECODERS", "SIT_TESTS_PROGRAMS", "SIT_TESTS_RANKS"
"""In the environment: where forks are to be had."""
_START, _CLEAN, _ENGINE = decode_pool._start, program._clean, launch._engine


def fork_from_here_on() -> None:
    """In this process and in the forks of the engine that it starts."""
    if sys.platform == "linux":
        os.environ[DECODERS] = preloaded.server("tests.decoders").address
        os.environ[PROGRAMS] = preloaded.server("tests.programs").address
        os.environ[RANKS] = preloaded.server().address
        fork_if_told()


def fork_if_told() -> None:
    """In a fork of the engine: as in the process that started it."""
    if DECODERS in os.environ:
        decode_pool._start = _decoder  # type: ignore[assignment]
        program._clean = _clean
        launch._engine = _rank


def start_from_nothing() -> None:
    """In this process and in the forks of the engine that it starts."""
    for name in (DECODERS, PROGRAMS, RANKS):
        os.environ.pop(name, None)
    decode_pool._start, program._clean, launch._engine = _START, _CLEAN, _ENGINE


def _decoder() -> ForkedDecoder:
    return ForkedDecoder(os.environ[DECODERS])


def without_ours(text: str, *words: str) -> list[str]:
    """The command of a Python program in a process that has loaded nothing of ours."""
    if PROGRAMS not in os.environ:
        return [sys.executable, "-I", "-c", text, *words]
    return preloaded.stand_in("tests.programs", text, *words, address=os.environ[PROGRAMS])


def _clean(words: list[str]) -> list[str]:
    return without_ours(program.CHILD, *words)


def _rank(*words: str) -> list[str]:
    return preloaded.stand_in("sit_engine", *words, address=os.environ[RANKS])
