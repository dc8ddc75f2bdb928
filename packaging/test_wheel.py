"""The wheel, built and installed in an environment of its own, does its work from another folder."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


def call(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run and wait; its own cache, nothing from this environment."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    environment["SIT_CACHE_DIR"] = str(cwd / "cache")
    environment["SIT_CONFIG_DIR"] = str(cwd / "settings")
    environment["QT_QPA_PLATFORM"] = "offscreen"
    return subprocess.run(
        [str(word) for word in words],
        capture_output=True, text=True, check=False, cwd=cwd, env=environment, timeout=600,
    )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tree."""
    out = tmp_path_factory.mktemp("dist")
    words: list[str | Path] = [sys.executable, "-m", "build", "--wheel", "--outdir", out]
    # A copy: an earlier build's left-overs in the tree must not come along.
    source = tmp_path_factory.mktemp("source")
    for name in ("sit_engine", "sit_studio", "resources"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    # Without a network there is no isolated build environment: setuptools stands here already.
    done = call(*words, "--no-isolation", "--skip-dependency-check", source, cwd=out)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def place(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; its dependencies are borrowed, ours is not."""
    home = tmp_path_factory.mktemp("clean") / "env"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    done = call(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel, cwd=home.parent)
    assert done.returncode == 0, done.stderr
    (packages,) = (home / "lib").glob("python3.*/site-packages")
    (packages / "borrowed.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return home


def test_the_wheel_holds_engine_window_resources_and_licence_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    tops = {name.partition("/")[0] for name in names}
    (about,) = (top for top in tops if top.endswith(".dist-info"))
    assert tops == {"sit_engine", "sit_studio", about}
    assert any(name.startswith(about) and name.endswith("LICENSE") for name in names)
    ours = {
        str(path.relative_to(ROOT))
        for package in ("sit_engine", "sit_studio")
        # Whoever imports them from the wheel gets their types.
        for path in (*(ROOT / package).rglob("*.py"), ROOT / package / "py.typed")
    } | {
        f"sit_studio/{path.relative_to(ROOT)}"
        for path in (ROOT / "resources").rglob("*")
        if path.is_file()
    }
    assert {name for name in names if not name.startswith(about)} == ours


WINDOW = """
from PySide6.QtTest import QTest
from sit_studio import app
window = app.open_window(app.make_application())
QTest.qWait(500)
print(window.isVisible(), app.__file__)
window.close()
"""


def test_the_installed_window_opens_from_another_folder(place: Path, tmp_path: Path) -> None:
    version = call(place / "bin" / "sit-studio", "--version", cwd=tmp_path)
    assert version.stdout.startswith("sit-studio 0."), version.stderr
    shown = call(place / "bin" / "python", "-c", WINDOW, cwd=tmp_path)
    assert shown.stdout.startswith(f"True {place}"), shown.stderr


def test_the_desktop_entry_starts_the_program_with_its_icon() -> None:
    entry = dict(
        line.split("=", 1)
        for line in (ROOT / "packaging/sit-studio.desktop").read_text("utf-8").splitlines()
        if "=" in line
    )
    assert entry["Exec"].split()[0] == "sit-studio"
    icon = ROOT / "packaging" / f"{entry['Icon']}.svg"
    assert icon.read_bytes() == (ROOT / "resources/sit-studio.svg").read_bytes()


def test_the_installed_program_runs_from_another_folder(place: Path, tmp_path: Path) -> None:
    program = place / "bin" / "sit-engine"
    where = call(place / "bin" / "python", "-c", "import sit_engine.api as a; print(a.__file__)",
                 cwd=tmp_path)  # fmt: skip
    assert str(place) in where.stdout, where.stderr
    version = call(program, "--version", cwd=tmp_path)
    assert version.stdout.startswith("sit-engine 0."), version.stderr
    assert call(program, "--help", cwd=tmp_path).returncode == 0
    (tmp_path / "images" / "a").mkdir(parents=True)
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / "a" / f"{number}.png")
    found = call(program, "scan", "images", "--json", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["usable"] == 3
