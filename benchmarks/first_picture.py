"""How long a person waits: Start to the first picture, Resume to the first step, 33 images predicted.

Run from the repository root: `BEFORE=CHECKOUT python -m benchmarks.first_picture [--quick]`. CHECKOUT
is an older version of this repository; without it only today's is timed. Each command is the one that
the window gives, in a fresh process; today's window has loaded the engine by then, while the person
still chose (sit_studio.frame.preload). The images are decoded and the machine is measured already, as
from the
second run on.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psutil

from benchmarks.table import Effort, Row, main, row
from sit_engine.data.sample import write_sample

POLL_S = 0.01
STILL_S = 1.0
PREDICTED = 33
FLAGS = ["--preset", "quick", "--optim.epochs", "200", "--quiet", "--json"]


def measure(effort: Effort) -> list[Row]:
    """Every wait, of both versions in turn."""
    repeats = 2 if effort.quick else 7
    before = os.environ.get("BEFORE")
    homes = {"before": Path(before).absolute()} if before else {}
    homes["now"] = Path(__file__).absolute().parents[1]
    with tempfile.TemporaryDirectory() as place:
        waits = {
            name: _Waits(home, Path(place, name), name == "now") for name, home in homes.items()
        }
        seconds: dict[str, dict[str, list[float]]] = {}
        for number in range(repeats + 1):
            for name, each in waits.items():
                for what, wait in each.all().items():
                    seconds.setdefault(what, {}).setdefault(name, []).append(wait(number))
    return [
        row(what=what, **{f"{name}_s": statistics.median(s[1:]) for name, s in found.items()})
        | (row(ratio=_ratio(found["now"][1:], found["before"][1:])) if before else {})
        for what, found in seconds.items()
    ]


def _ratio(now_s: list[float], before_s: list[float]) -> float:
    return statistics.median(b / n for n, b in zip(now_s, before_s, strict=True))


class _Waits:
    """Those of one version, in a place of its own."""

    def __init__(self, home: Path, place: Path, is_ahead: bool) -> None:
        self.place, self.is_ahead = place, is_ahead
        names = ("SIT_CONFIG_DIR", "SIT_CACHE_DIR", "XDG_DATA_HOME")
        self.environment = os.environ | {name: str(place / name) for name in names}
        self.environment["PYTHONPATH"] = str(home)
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)
        train, test = write_sample(place / "sample", train_per_class=40, test_per_class=4, side=64)
        self.train = str(train)
        self.few = place / "few"
        self.few.mkdir()
        for number, image in enumerate(sorted(Path(test).rglob("*.png"))[:PREDICTED]):
            (self.few / f"{number}.png").write_bytes(image.read_bytes())
        self.tuned = place / "tuned"
        words = [
            "finetune",
            "scratch",
            self.train,
            "--out",
            str(self.tuned),
            "--optim.epochs",
            "1",
            "--quiet",
        ]
        subprocess.run(self._python("sit_engine", *words), env=self.environment, check=True)

    def all(self) -> dict[str, Callable[[int], float]]:
        """What is waited for, and how long with the number of the repeat."""
        return {
            "Start → first picture": self._start,
            "Resume → training": self._resume,
            f"{PREDICTED} images predicted": self._predict,
        }

    def _start(self, number: int) -> float:
        self.run = self.place / f"run{number}"
        picture = self.run / "previews" / "step-00000000"
        return self._command(
            ["pretrain", self.train, "--out", str(self.run), *FLAGS], picture.is_dir
        )

    def _resume(self, _: int) -> float:
        legs = self._legs()
        return self._command(["resume", str(self.run), *FLAGS[4:]], lambda: self._legs() > legs)

    def _legs(self) -> int:
        """How many have come to their first step."""
        told = self.run / "events.jsonl"
        return told.read_text("utf-8").count('"phase": "training"') if told.exists() else 0

    def _command(self, words: list[str], is_there: Callable[[], bool]) -> float:
        module = "sit_engine.cli.standby" if self.is_ahead else "sit_engine"
        child = subprocess.Popen(
            self._python(module, *([] if self.is_ahead else words)),
            env=self.environment, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        began_s = time.perf_counter()
        if self.is_ahead:
            _until_still(child.pid)
            began_s = time.perf_counter()
            _say(child.stdin, {"words": words, "log": os.devnull})
        while not is_there() and child.poll() is None:
            time.sleep(POLL_S)
        taken_s = time.perf_counter() - began_s
        if child.poll() is not None:
            raise SystemExit(f"{words} ended with {child.returncode}")
        while not self._legs() and child.poll() is None:
            time.sleep(POLL_S)
        child.terminate()
        child.wait()
        return taken_s

    def _predict(self, number: int) -> float:
        words = ["serve", "--ahead"] if self.is_ahead else ["serve"]
        child = subprocess.Popen(
            self._python("sit_engine", *words), env=self.environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        began_s = time.perf_counter()
        if self.is_ahead:
            _until_still(child.pid)
            began_s = time.perf_counter()
        out = str(self.place / f"answers{number}.csv")
        given = {"run": str(self.tuned), "folders": [str(self.few)], "out": out}
        _say(child.stdin, {"id": 1, "ask": "predict"} | given)
        for line in child.stdout or ():
            found = json.loads(line)
            if "error" in found:
                raise SystemExit(found["error"]["message"])
            if "answer" in found:
                break
        taken_s = time.perf_counter() - began_s
        child.kill()
        child.wait()
        return taken_s

    def _python(self, module: str, *words: str) -> list[str]:
        return [sys.executable, "-P", "-m", module, *words]


def _say(pipe: IO[bytes] | None, record: dict[str, object]) -> None:
    assert pipe is not None
    pipe.write(json.dumps(record).encode("ascii") + b"\n")
    pipe.flush()


def _until_still(pid: int) -> None:
    """Until the process has loaded what it loads and waits."""
    process, worked_s, since_s = psutil.Process(pid), -1.0, time.monotonic()
    while time.monotonic() - since_s < STILL_S:
        times = process.cpu_times()
        if times.user + times.system > worked_s + 0.01:
            worked_s, since_s = times.user + times.system, time.monotonic()
        time.sleep(0.1)


if __name__ == "__main__":
    main("first_picture", __doc__, measure)
