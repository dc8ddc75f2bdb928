"""How quick the window stays: `python -m benchmarks.window [--files 100000] [--only NAME]`.

Run from the repository root; without a screen it runs offscreen. A 10 ms timer of the window's own
event loop measures the gaps between two beats while the window works: its p99 and longest gap are
the heartbeat. Each case opens the real window; runs and scans are real engine processes. Prints a
table, with --json FILE writes it too. Targets: p99 at most 20 ms, longest 100 ms.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import struct
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from sit_engine.data.sample import write_sample
from sit_engine.records.events import (
    CheckpointWritten,
    HealthMeasured,
    KnnMeasured,
    PhaseChanged,
    RunStarted,
    StepReported,
)
from sit_engine.records.run import Run
from sit_studio import app
from sit_studio.engine.messages import Heard
from sit_studio.frame.main_window import MainWindow
from sit_studio.models.curve import Curve
from sit_studio.models.history import MOST_POINTS, History
from sit_studio.models.map_points import Embedding, PointGrid

BEAT_MS = 10
DAY_S = 24 * 3600
POINTS = 1_000_000
CASES = ("idle", "training", "scanning", "curves", "map", "day")
Row = dict[str, Any]


class Heart:
    """Gaps between beats of a timer, in milliseconds."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self.last = time.perf_counter()
        self.timer = QTimer()
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.setInterval(BEAT_MS)
        self.timer.timeout.connect(self.beat)

    def beat(self) -> None:
        """One beat."""
        now = time.perf_counter()
        self.gaps.append(1000 * (now - self.last))
        self.last = now

    def row(self, case: str, **more: Any) -> Row:
        """The heartbeat of a case."""
        gaps = np.array(self.gaps or [0.0])
        return {
            "case": case,
            "beats": len(self.gaps),
            "median_ms": round(float(np.median(gaps)), 1),
            "p99_ms": round(float(np.percentile(gaps, 99)), 1),
            "max_ms": round(float(gaps.max()), 1),
        } | more


def beat_while(
    application: QApplication, claim: Callable[[], bool], limit_s: float, each: Callable[[], None]
) -> Heart:
    """Turn the event loop while `claim` holds, calling `each` twenty times a second."""
    heart = Heart()
    worker = QTimer()
    worker.setInterval(50)
    worker.timeout.connect(each)
    heart.timer.start()
    worker.start()
    heart.last = time.perf_counter()
    end_s = time.monotonic() + limit_s
    while claim() and time.monotonic() < end_s:
        application.processEvents()
        time.sleep(0.0005)
    heart.timer.stop()
    worker.stop()
    return heart


def settle(application: QApplication, seconds: float) -> None:
    """Let the window come to rest."""
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        application.processEvents()
        time.sleep(0.005)


def nothing() -> None:
    """For cases in which the window works by itself."""


def training(application: QApplication, window: MainWindow, place: Path, seconds: float) -> Row:
    """Watch while a real run trains, changing tabs as a person would."""
    train, _ = write_sample(place / "sample")
    window.take_paths([str(train)])
    beat_while(application, lambda: window.session.dataset.state != "ready", 120, nothing)
    window.session.start({"preset": "quick", "optim": {"epochs": 1000}})
    window.show_page("watch")
    history = window.session.history
    beat_while(application, lambda: history.step < 10, 180, nothing)
    settle(application, 2)
    ticks = 0

    def each() -> None:
        nonlocal ticks
        ticks += 1
        if ticks % 40 == 0:
            tabs = window.watch.tabs
            tabs.setCurrentIndex((tabs.currentIndex() + 1) % tabs.count())

    first = history.step
    heart = beat_while(application, lambda: history.is_live, seconds, each)
    row = heart.row("a run trains, Watch open", steps=history.step - first)
    window.session.command("stop")
    beat_while(application, lambda: history.is_live, 60, nothing)
    return row


def tiny_png(number: int) -> bytes:
    """A valid 4 × 4 grey PNG, different for each number."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    pixels = np.random.default_rng(number).integers(0, 256, (4, 4), dtype=np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )  # fmt: skip


def scanning(application: QApplication, window: MainWindow, place: Path, files: int) -> list[Row]:
    """Scan many files, then scroll through their grid."""
    folder = place / "many"
    for number in range(files):
        inside = folder / f"class {number % 20}"
        if number < 20:
            inside.mkdir(parents=True)
        (inside / f"{number:07d}.png").write_bytes(tiny_png(number))
    window.show_page("dataset")
    window.take_paths([str(folder)])
    started_s = time.monotonic()
    dataset = window.session.dataset
    heart = beat_while(application, lambda: dataset.state == "scanning", 1800, nothing)
    took_s = round(time.monotonic() - started_s, 1)
    rows = [heart.row(f"{files:,} files are scanned", seconds=took_s, state=dataset.state)]
    bar = window.dataset.grid.verticalScrollBar()

    def each() -> None:
        bar.setValue((bar.value() + max(1, bar.maximum() // 300)) % max(1, bar.maximum()))

    heart = beat_while(application, lambda: True, 15, each)
    rows.append(heart.row(f"their grid of {files:,} is scrolled"))
    return rows


def curves(application: QApplication, most_points: int) -> Row:
    """Six curves that were fed a million points and go on growing."""
    from sit_studio.widgets.plot.plot import CurvePlot

    generator = np.random.default_rng(0)
    steps = np.arange(POINTS, dtype=np.float64)
    made: dict[str, Curve] = {}
    for number in range(6):
        curve = Curve(most_points)
        curve.extend(steps, np.exp(-steps / 3e5) + number + generator.normal(0, 0.05, POINTS))
        # One more, so that the doubling of its arrays at a million points is not what is measured.
        curve.append(float(POINTS), 1.0)
        made[f"curve {number}"] = curve
    plot = CurvePlot("Six curves", "")
    plot.resize(1000, 600)
    plot.set_smoothing(0.6)
    plot.set_curves(made)
    plot.show()
    plot.refresh()
    settle(application, 1)
    step = float(POINTS)

    def each() -> None:
        nonlocal step
        step += 1
        for curve in made.values():
            curve.append(step, 1.0)
        # The window draws at most ten times a second.
        if step % 2:
            plot.refresh()

    heart = beat_while(application, lambda: True, 15, each)
    kept = len(made["curve 0"])
    row = heart.row(f"6 curves fed 1,000,000 points, {kept:,} kept")
    plot.close()
    return row


def moving_map(application: QApplication, points: int) -> Row:
    """A hand that drags and zooms the embedding map without a rest."""
    from sit_studio.widgets.map.view import MapView

    generator = np.random.default_rng(0)
    labels = generator.integers(0, 40, points).astype(np.int32)
    middles = generator.normal(0, 4, (40, 2))
    places = (middles[labels] + generator.normal(0, 0.6, (points, 2))).astype(np.float32)
    none = np.full(points, -1, np.int32)
    embedding = Embedding(
        [""] * points, tuple(f"class {number}" for number in range(40)), (), ("train",),
        labels, none, np.zeros(points, np.int8), none,
    )  # fmt: skip
    view = MapView()
    view.resize(1000, 600)
    view.show_map(embedding, PointGrid(places), keep=False)
    view.colour_by("class")
    view.show()
    settle(application, 1)
    ticks, pictures, last = 0, 0, view._shown
    gesture = QTimer(interval=16)  # as often as a mouse tells

    def move() -> None:
        nonlocal ticks, pictures, last
        ticks += 1
        pictures += view._shown is not last
        last = view._shown
        swing = ticks / 20
        here = QPointF(500 + 200 * np.sin(swing), 300 + 120 * np.cos(swing))
        if ticks % 3 == 0:
            turn = 30 if (ticks // 120) % 2 == 0 else -30
            QApplication.sendEvent(view, wheel(here, turn))
        else:
            QApplication.sendEvent(view, mouse(QEvent.Type.MouseMove, here))
        if ticks % 400 == 0:
            view.fit()
            QApplication.sendEvent(view, mouse(QEvent.Type.MouseButtonPress, here))

    QApplication.sendEvent(view, mouse(QEvent.Type.MouseButtonPress, QPointF(500, 420)))
    gesture.timeout.connect(move)
    gesture.start()
    heart = beat_while(application, lambda: True, 15, nothing)
    gesture.stop()
    row = heart.row(f"a map of {points:,} is dragged and zoomed", moves=ticks, pictures=pictures)
    view.shut_down()
    view.close()
    return row


def mouse(kind: QEvent.Type, place: QPointF) -> QMouseEvent:
    """The left button is down."""
    left = Qt.MouseButton.LeftButton
    return QMouseEvent(kind, place, place, left, left, Qt.KeyboardModifier.NoModifier)


def wheel(place: QPointF, turn: int) -> QWheelEvent:
    """A quarter of a notch, as touch pads tell."""
    none = Qt.MouseButton.NoButton
    return QWheelEvent(
        place, place, QPoint(), QPoint(0, turn), none, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip


def a_day(per_s: float) -> list[Heard]:
    """What a run tells in 24 hours, a report each 1 / `per_s` seconds."""
    total = round(DAY_S * per_s)
    told: list[Heard] = [
        Heard(RunStarted("day", "sit", "cpu", 10_000, total, 100, 64, 1), 0.0),
        Heard(PhaseChanged("training", 0, total), 0.0),
    ]
    for number in range(1, total):
        now = number / per_s
        loss = 4 * float(np.exp(-number / total)) + 0.1 * ((number * 7919) % 13) / 13
        report = StepReported(
            step=number, epoch=number / 100, loss=loss,
            terms={"contrast": loss * 0.8, "reconstruction": loss * 0.2},
            curves={"teacher_momentum": 0.99, "agreement": 0.5, "mask_share": 0.4},
            learning_rate=1e-3, weight_decay=0.05, gradient_norm=1.0, images_per_s=300.0,
            waiting_share=0.01, skipped_steps=0, memory_bytes=10**9, seconds_left=100.0,
        )  # fmt: skip
        told.append(Heard(report, now))
        if number % max(1, total // 500) == 0:
            told.append(Heard(KnnMeasured(number, 0.4, 0.3, 0.02, 0.2, "student"), now))
            told.append(
                Heard(
                    HealthMeasured(number, 256, 0.3, 40.0, 128, "learning", "It learns."),
                    now,
                )
            )
            told.append(Heard(CheckpointWritten(number, f"checkpoints/step-{number:08d}"), now))
    return told


def day(application: QApplication, window: MainWindow, place: Path, per_s: float) -> list[Row]:
    """Replay a day's events through the messages; memory after an hour's worth against the end."""
    told = a_day(per_s)
    session = window.session
    session.close_run()
    run = place / "day"
    run.mkdir()
    session.run, session.history = Run(run), History()
    session.history.state = "training"
    session.run_opened.emit()
    session.run_changed.emit()
    window.show_page("watch")
    session._timer.start()
    settle(application, 2)
    box, process = session.messages, psutil.Process()
    first_hour = len(told) // 24
    memory: list[int] = []
    place_in_day = 0

    def each() -> None:
        nonlocal place_in_day
        if len(box) < 400:
            box.put(told[place_in_day : place_in_day + 400])
            place_in_day += 400
            if place_in_day >= first_hour and not memory:
                gc.collect()
                memory.append(process.memory_info().rss)

    heart = beat_while(application, lambda: place_in_day < len(told), 900, each)
    settle(application, 2)
    gc.collect()
    memory.append(process.memory_info().rss)
    growth = 100 * (memory[-1] / memory[0] - 1)
    return [
        heart.row(
            f"24 hours of events replayed ({len(told):,})",
            memory_after_first_hour_mb=round(memory[0] / 1e6),
            memory_at_end_mb=round(memory[-1] / 1e6),
            growth_percent=round(growth, 1),
        )
    ]


def main() -> None:
    """Open the window, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to watch a run")
    parser.add_argument("--per-second", type=float, default=1.0, help="reports a second of the day")
    parser.add_argument("--points", type=int, default=100_000, help="on the map")
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="sit-window-") as name:
        place = Path(name)
        os.environ["SIT_CONFIG_DIR"] = str(place / "settings")
        os.environ["SIT_CACHE_DIR"] = str(place / "cache")
        started_s = time.perf_counter()
        application = app.make_application()
        window = app.open_window(application)
        application.processEvents()
        shown_s = time.perf_counter() - started_s
        loaded = [name for name in ("torch", "timm", "sklearn", "pyqtgraph") if name in sys.modules]
        print(f"shown after {shown_s:.2f} s; heavy modules loaded: {loaded or 'none'}")
        window.session.preferences.set("runs/folder", str(place / "runs"))
        window.resize(1280, 800)
        settle(application, 8)
        wanted = {chosen.only} if chosen.only else set(CASES)
        if "idle" in wanted:
            rows.append(beat_while(application, lambda: True, 10, nothing).row("idle"))
        if "training" in wanted:
            rows.append(training(application, window, place, chosen.seconds))
        if "curves" in wanted:
            # All points held; and as many as the window's own curves hold.
            rows += [curves(application, most) for most in (2 * POINTS, MOST_POINTS)]
        if "map" in wanted:
            rows.append(moving_map(application, chosen.points))
        if "day" in wanted:
            rows += day(application, window, place, chosen.per_second)
        if "scanning" in wanted:
            rows += scanning(application, window, place, chosen.files)
        window._may_close = True
        window.close()
    for row in rows:
        more = {key: value for key, value in row.items() if key not in ("case",)}
        print(f"{row['case']:<48} " + "  ".join(f"{key} {value}" for key, value in more.items()))
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
