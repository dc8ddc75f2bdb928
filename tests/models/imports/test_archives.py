"""Archives of others are looked at before they are opened: small ones that grow are refused."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from sit_engine.errors import DataError
from sit_engine.export.graphs import read_extra
from sit_engine.export.program import open_program
from sit_engine.models.archives import OddArchiveError, check_archive, entry_names, read_entries
from sit_engine.models.imports.foreign import open_foreign

BOMB_BYTES = 400 << 20
COUNT = """
import resource, sys, pathlib
from sit_engine.errors import SitError
from sit_engine.export.program import open_program
from sit_engine.models.imports.foreign import open_foreign
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for open_it in (open_program, open_foreign):
    try:
        open_it(pathlib.Path(sys.argv[1]))
    except SitError as error:
        print(error.code)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def bomb(path: Path, *names: str) -> Path:
    """Some hundred kB that say they are 400 MB, and are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            with archive.open(name, "w", force_zip64=True) as entry:
                for _ in range(BOMB_BYTES >> 20):
                    entry.write(bytes(1 << 20))
    return path


def with_flag(path: Path, flag: int, method: int | None = None) -> Path:
    """A small archive whose entries carry that flag, and that way of compressing."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/extra/about.json", "{}")
        archive.writestr("x/data.pkl", b"\x80\x02}.")
    found = bytearray(path.read_bytes())
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = 0
        while (start := found.find(mark, start)) >= 0:
            struct.pack_into("<H", found, start + at, flag)
            if method is not None:
                struct.pack_into("<H", found, start + at + 2, method)
            start += 4
    path.write_bytes(found)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in kB")
def test_a_small_archive_that_grows_takes_no_memory(tmp_path: Path) -> None:
    path = bomb(tmp_path / "a.pt", "a/extra/about.json", "a/extra/labels.json", "a/data.pkl")
    assert path.stat().st_size < 3 << 20
    done = subprocess.run(
        [sys.executable, "-c", COUNT, str(path)], capture_output=True, text=True, check=True
    )
    program, foreign, grown = done.stdout.split()
    assert (program, foreign) == ("data.no_program", "import.unusable")
    assert int(grown) * 1024 < 100 << 20
    with pytest.raises(DataError, match=r"say that they hold 1\.26 GB"):
        open_foreign(path)


def test_sizes_that_lie_are_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    bomb(path, "a/extra/about.json")
    found = bytearray(path.read_bytes())
    at = found.rfind(b"PK\1\2")
    struct.pack_into("<L", found, at + 24, 100)
    path.write_bytes(found)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(read_extra(path).get("about.json", "")) <= 100
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * (1 if sys.platform == "darwin" else 1024) < 100 << 20


@pytest.mark.parametrize(("flag", "method", "why"), [(1, None, "encrypted"), (0, 99, "compressed")])
def test_an_encrypted_or_odd_archive_is_a_sentence(
    tmp_path: Path, flag: int, method: int | None, why: str
) -> None:
    path = with_flag(tmp_path / "a.pt", flag, method)
    with pytest.raises(OddArchiveError, match=why):
        check_archive(path)
    with pytest.raises(DataError, match=why):
        open_foreign(path)
    with pytest.raises(DataError, match="no model that this program exported"):
        open_program(path)


def test_a_list_of_very_many_parts_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"")
    found = bytearray(path.read_bytes())
    at = found.rfind(b"PK\5\6")
    struct.pack_into("<L", found, at + 12, 1 << 30)
    path.write_bytes(found)
    with pytest.raises(OddArchiveError, match="lists"):
        check_archive(path)
    large = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 10**9, 10**9, 10**9, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 4, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0, 0xFFFFFFFF, 0)
    path.write_bytes(b"PK\3\4" + large + locator + end)
    with pytest.raises(OddArchiveError, match="lists 1,000,000,000 parts"):
        check_archive(path)


def test_weights_of_torch_pass_and_what_is_no_archive_has_no_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    torch.save({"zeros": torch.zeros(1 << 20)}, path)
    assert any(name.endswith("data.pkl") for name in check_archive(path))
    assert set(open_foreign(path)) == {"zeros"}
    (tmp_path / "b.pth").write_bytes(b"PK\3\4 and no more")
    assert entry_names(tmp_path / "b.pth") == entry_names(tmp_path / "none") == []
    assert read_entries(tmp_path / "none", lambda _: True, most=10) == {}
    with pytest.raises(DataError, match="it is damaged"):
        open_foreign(tmp_path / "b.pth")


@pytest.mark.parametrize(
    "about",
    [
        '{"value_range": null, "image_size": 1000000, "output": "x"}',
        '{"value_range": null, "image_size": 1e999, "output": "x"}',
        '{"value_range": [1], "image_size": 16, "output": "x"}',
        '{"value_range": [NaN, 1], "image_size": 16, "output": "x"}',
        "[" * 5000,
        "[]",
        "9" * 5000,
    ],
)
def test_what_a_program_says_of_itself_has_bounds(tmp_path: Path, about: str) -> None:
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/extra/about.json", about)
        archive.writestr("a/extra/labels.json", "[]")
    with pytest.raises(DataError, match="no model that this program exported"):
        open_program(path)
