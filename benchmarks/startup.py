"""How long programs take to be there: `sit-engine --help` and `doctor`, the window, its first answer.

Run from the repository root: `python -m benchmarks.startup [--quick] [--json FILE]`. Each is a fresh
process on a warm disk cache, beside an empty Python process. The window counts as visible when its
first events were worked off, offscreen where there is no screen. What comes after, from Start to the
first picture, Resume and predicting, is measured by `benchmarks.first_picture`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

from benchmarks.table import Effort, Row, Work, alternate, main, row

HEAVY = ("torch", "torchvision", "timm", "sklearn", "PIL", "numpy", "pyqtgraph")
WINDOW = """
from sit_studio import app
application = app.make_application()
window = app.open_window(application)
application.processEvents()
"""
HELP = """
import sys
from sit_engine.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
"""
ANSWER = """
import os
from sit_engine.cli.main import main
reads, asks = os.pipe()
os.write(asks, b'{"id": 1, "ask": "device", "device": "auto"}\\n')
os.close(asks)
os.dup2(reads, 0)
main(["serve"])
"""
"""What the window asks first, in a process of its own."""
TELL = """
import sys, os
print("MODULES", len(sys.modules), *[name for name in {heavy!r} if name in sys.modules])
"""
LEAVE = "sys.stdout.flush(); os._exit(0)\n"  # Closing a window is not part of opening it.


def measure(effort: Effort) -> list[Row]:
    """Every program in turn."""
    repeats = 2 if effort.quick else 9
    with tempfile.TemporaryDirectory() as place:
        folders = {"SIT_CONFIG_DIR": place, "SIT_CACHE_DIR": place, "XDG_DATA_HOME": place}
        environment = {"QT_QPA_PLATFORM": "offscreen"} | os.environ | folders
        # Compiled modules are kept, as on a user's machine; else every start would compile ours anew.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        commands = {
            "python, empty": ["-c", "pass"],
            "sit-engine --help": ["-m", "sit_engine", "--help"],
            "window visible": ["-c", WINDOW + "import os, sys\n" + LEAVE],
            "device answered": ["-c", ANSWER],
            "sit-engine doctor": ["-m", "sit_engine", "doctor"],
        }
        works = {name: _run(words, environment) for name, words in commands.items()}
        seconds = alternate(works, repeats)
        loaded = {
            "sit-engine --help": _loaded(HELP, environment),
            "window visible": _loaded(WINDOW, environment),
        }
    return [
        row(what=name, seconds=statistics.median(times), slowest_s=max(times))
        | row(modules=loaded.get(name, ("", ""))[0], heavy_modules=loaded.get(name, ("", ""))[1])
        for name, times in seconds.items()
    ]


def _run(words: list[str], environment: dict[str, str]) -> Work:
    def run(_: int) -> None:
        command = [sys.executable, *words]
        subprocess.run(command, env=environment, check=True, capture_output=True)

    return run


def _loaded(program: str, environment: dict[str, str]) -> tuple[str, str]:
    """How many modules a program loads, and which of the heavy ones."""
    command = [sys.executable, "-c", program + TELL.format(heavy=HEAVY) + LEAVE]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    told = next(line for line in done.stdout.splitlines() if line.startswith("MODULES"))
    _, count, *heavy = told.split()
    return count, ", ".join(heavy) or "none"


if __name__ == "__main__":
    main("startup", __doc__, measure)
