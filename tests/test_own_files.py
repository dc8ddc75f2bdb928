"""One reader for our own files: regular ones only, within bounds, and a sentence for the rest."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import tomllib
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sit_engine import own_files
from sit_engine.errors import FileError

POSIX = pytest.mark.skipif(os.name != "posix", reason="FIFOs and devices are files of POSIX")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)  # fmt: skip


def read(path: Path) -> str:
    """The code of the sentence, which must name the file; read in a process with a time limit."""
    program = (
        "import sys, pathlib\n"
        "from sit_engine import own_files\n"
        "from sit_engine.errors import FileError\n"
        "try:\n"
        "    own_files.read_json(pathlib.Path(sys.argv[1]))\n"
        "except FileError as error:\n"
        "    assert sys.argv[1] in error.message, error.message\n"
        "    print(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@given(st.dictionaries(st.text(), VALUES))
def test_what_we_write_is_read_back(record: dict[str, object]) -> None:
    text = json.dumps(record)
    assert own_files.parse_json(text) == record
    assert own_files.parse_json("\ufeff" + text) == record


@given(st.text(alphabet='[]{}"\\:,1a ', max_size=200) | st.text())
@example("1" + "0" * 24)
def test_any_text_is_read_as_json_reads_it_or_refused(text: str) -> None:
    # Longer whole numbers than any of ours are refused, which `json` would read.
    is_too_long = re.search(rf"\d{{{own_files.MOST_DIGITS},}}", text)
    try:
        wanted = json.loads(text)
    except ValueError:
        with pytest.raises(ValueError, match=r".+"):
            own_files.parse_json(text)
    else:
        with suppress(ValueError) if is_too_long else nullcontext():
            assert own_files.parse_json(text) == wanted


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_json_and_toml_with_and_without_a_byte_order_mark(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "file"
    path.write_text(mark + '{"a": "ü"}', "utf-8")
    assert own_files.read_json(path) == {"a": "ü"}
    path.write_text(mark + 'a = "ü"\r\n[b.c]\r\nd = 1\r\n', "utf-8", newline="")
    assert own_files.read_toml(path) == {"a": "ü", "b": {"c": {"d": 1}}}
    path.write_text(mark + "one\r\n\ntwo", "utf-8", newline="")
    assert list(own_files.lines(path)) == ["one", "", "two"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file.damaged"),
        (b"{", "file.damaged"),
        (b"[1]", "file.damaged"),
        (b'{"a": "\xff"}', "file.not_text"),
        (b'{"a": ' + b"9" * 400 + b"}", "file.damaged"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "file.damaged"),
        (b'{"a": ' + b"[" * 1_000_000, "file.damaged"),
        (b'{"a": ' + b"[" * 50 + b"]" * 50 + b"}", "file.damaged"),
        (b'{"a":' * 1_000_000, "file.damaged"),
        (b'"' + b'\\"' * 2_000_000 + b"[" * 100, "file.damaged"),
    ],
    ids=["empty", "cut", "list", "bytes", "400", "100000", "deep", "51", "objects", "quotes"],
)
def test_damage_is_a_sentence_that_names_the_file(
    tmp_path: Path, content: bytes, code: str
) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    assert read(path) == code


@POSIX
def test_only_regular_files_are_opened() -> None:
    # A socket's path must be short.
    with tempfile.TemporaryDirectory() as place, socket.socket(socket.AF_UNIX) as listening:
        folder = Path(place)
        os.mkfifo(folder / "fifo")
        (folder / "folder").mkdir()
        (folder / "link").symlink_to(folder / "fifo")
        (folder / "nowhere").symlink_to(folder / "gone")
        listening.bind(str(folder / "socket"))
        for name in ("fifo", "folder", "link", "socket"):
            assert read(folder / name) == "file.not_regular", name
            with pytest.raises(FileError, match="no regular file"):
                own_files.check_regular(folder / name)
        assert read(Path(os.devnull)) == "file.not_regular"
        assert read(folder / "nowhere") == read(folder / "gone") == "file.missing"
        own_files.check_regular(folder / "gone")


def test_a_file_without_end_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(FileError, match="larger than 67108864 bytes"):
        own_files.read_json(path)
    with pytest.raises(FileError, match="larger than 262144 bytes"):
        own_files.read_toml(path)


def test_a_line_without_end_is_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\n" + b"x" * (3 * own_files.MOST_LINE_BYTES) + b"\ntwo\n")
    assert list(own_files.lines(path)) == ["one", "", "two"]


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 100_000,
        "a = " + "[" * 40 + "]" * 40,
        "a = " + "9" * 400,
        "a = " + "9" * 100_000,
        "a" + ".a" * 40 + " = 1",
        "a" + ".a" * 100_000 + " = 1",
        "a = {" + "'a' . " * 40_000 + "a = 1}",
    ],
    ids=["deep", "40", "400", "100000", "dots", "dotted", "quoted"],
)
def test_toml_beyond_the_bounds_is_a_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(FileError, match=r"config\.toml is damaged"):
        own_files.read_toml(path)


def test_what_is_no_toml_is_told_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("a = 1\n[[[")
    with pytest.raises(tomllib.TOMLDecodeError, match="line 2"):
        own_files.read_toml(path)
