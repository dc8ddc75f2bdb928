"""Measures large folders of small images: `python -m benchmarks.folders 100000 [--json FILE]`.

Run from the repository root. So many files are made in a temporary folder (--dir says where), in
sub-folders of 1,000, and removed at the end. Each part runs in a process of its own, whose peak memory
is that of this part; decoder children are counted apart. The scan's rate stands beside a plain Pillow
loop over the same headers on one core: both are repeated in turn, the ratio is the median of the
repeats' ratios. A run is followed until its first step, once from the cache and once with a cache of
next to nothing, so that it streams.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from sit_engine.data.decode.decode_pool import default_workers
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.folder.saved_index import SavedIndex, save_index
from sit_engine.data.scan.quick_scan import scan
from sit_engine.records.event_log import read_events
from sit_engine.records.events import StepReported
from sit_engine.records.run import Run

CONTENTS, A_FOLDER, REPEATS, COMPARED = 512, 1000, 3, 10_000
BYTES_A_FILE = 4500
"""What a small file takes on a disk, with its entry."""
RUN = [
    "--preset=quick",
    "--model.image-size=16",
    "--model.patch-size=4",
    "--model.width=32",
    "--model.depth=2",
    "--model.heads=2",
    "--optim.epochs=1",
    "--optim.batch-size=64",
    "--compute.device=cpu",
    "--compute.threads=1",
    "--watch.previews=0",
    "--watch.readings=0",
    "--watch.report-every=1",
]
Figures = dict[str, float]


def contents(sides: tuple[int, int], count: int) -> list[tuple[str, bytes]]:
    """Endings and bytes of pictures of some side, half of them JPEG, half PNG."""
    generator, made = np.random.default_rng(0), []
    for number in range(count):
        side = int(generator.integers(*sides))
        y, x = np.mgrid[0:side, 0:side]
        slopes = generator.integers(3, 12, 2)
        planes = [x * slopes[0] + number, y * slopes[1], (x + y) * 2]
        picture = (np.stack(planes, axis=-1) % 256).astype(np.uint8)
        kind, ending = (("PNG", ".png"), ("JPEG", ".jpg"))[number % 2]
        file = io.BytesIO()
        Image.fromarray(picture).save(file, kind)
        made.append((ending, file.getvalue()))
    return made


def write(folder: Path, count: int, made: list[tuple[str, bytes]]) -> None:
    """`count` files of few pictures; a number after each picture's end makes all of them differ."""
    for number in range(count):
        if number % A_FOLDER == 0:
            inside = folder / f"class-{number // A_FOLDER:04d}"
            inside.mkdir(parents=True)
        ending, data = made[number % len(made)]
        (inside / f"image-{number:07d}{ending}").write_bytes(data + b"%08d" % number)


def check_room(place: Path, count: int) -> None:
    """End with a sentence where the disk is too small."""
    free = shutil.disk_usage(place).free
    inodes = os.statvfs(place).f_favail if hasattr(os, "statvfs") else count * 2
    if free < 2 * count * BYTES_A_FILE or 0 < inodes < 1.5 * count:
        sys.exit(f"{place} has room for {free / 1e9:.1f} GB and {inodes:,} files: too little")


# Parts, each in a process of its own


def peak_mb() -> float:
    """The most memory of this process so far; getrusage would count its parent's, before the exec."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) * 1024 / 1e6
    return float("nan")


def bytes_a_file(index: ImageIndex) -> tuple[float, float]:
    """What an index takes for each image, and how much of it are the characters of names."""
    arrays = (index.root_of, index.sizes, index.bytes, index.mtime_ns, index.labels)
    arrays_bytes = sum(a.nbytes for a in (*arrays, index.deep, index.channels))
    texts = sum(sys.getsizeof(path) for path in index.paths) + sys.getsizeof(index.paths)
    names = sum(len(os.fsencode(path)) for path in index.paths)
    return (arrays_bytes + texts) / len(index), names / len(index)


def part_scan(folder: Path, place: Path) -> Figures:
    """Scan all, save the index and open it."""
    before_mb = peak_mb()
    start_s = time.perf_counter()
    index = scan([folder])
    scan_s = time.perf_counter() - start_s
    scan_mb = peak_mb()
    whole, names = bytes_a_file(index)
    start_s = time.perf_counter()
    save_index(index, place / "saved", stage="listed")
    save_s = time.perf_counter() - start_s
    start_s = time.perf_counter()
    saved = SavedIndex.open(place / "saved")
    saved.path(len(saved) - 1)
    return {
        "files": len(index),
        "scan_s": scan_s,
        "files_per_s": len(index) / scan_s,
        "start_mb": before_mb,
        "scan_peak_mb": scan_mb,
        "peak_bytes_a_file": 1e6 * (scan_mb - before_mb) / len(index),
        "index_bytes_a_file": whole,
        "name_bytes_a_file": names,
        "beyond_names": whole - names,
        "save_s": save_s,
        "open_s": time.perf_counter() - start_s,
    }


def part_rate(folder: Path, _: Path) -> Figures:
    """Files a second and core: ours and a Pillow loop in turn over the same files."""
    ours, plain = [], []
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    for _repeat in range(REPEATS):
        start_s = time.perf_counter()
        found = len(scan([folder]))
        ours.append(found / (time.perf_counter() - start_s) / default_workers())
        start_s = time.perf_counter()
        for path in paths:
            with Image.open(path) as image:
                _size = image.size, image.mode
        plain.append(len(paths) / (time.perf_counter() - start_s))
    ratios = [mine / other for mine, other in zip(ours, plain, strict=True)]
    return {
        "files": len(paths),
        "ours_per_s_core": statistics.median(ours),
        "pillow_loop_per_s_core": statistics.median(plain),
        "ratio": statistics.median(ratios),
    }


def part_stream(folder: Path, place: Path) -> Figures:
    """Squares of 258 px a second and core, streamed into batches, and by a plain Pillow loop."""
    import torch

    from sit_engine.data.feed.batches import STEPS_AHEAD, Batches
    from sit_engine.data.pixel_cache.cache import PixelCache

    index = scan([folder])
    cache = PixelCache(place / "nothing")
    _, store = cache.fill(index, side=258, budget_bytes=1, streaming="allowed")
    rows = np.arange(len(index))
    batches = Batches(store, rows, batch_size=64, seed=0, device=torch.device("cpu"))
    batches.at(0)
    ours, plain = [], []
    for repeat in range(REPEATS):
        # What is made ahead is ready when the clock starts, and does not count.
        time.sleep(1)
        start_s = time.perf_counter()
        for step in range(1 + 12 * repeat, 13 + 12 * repeat):
            batches.at(step)
        images = 64 * (12 - STEPS_AHEAD)
        ours.append(images / (time.perf_counter() - start_s) / default_workers())
        time.sleep(1)
        start_s = time.perf_counter()
        for row in rows[:200]:
            with Image.open(index.path(int(row))) as image:
                image.convert("RGB").resize((258, 258), Image.Resampling.BICUBIC)
        plain.append(200 / (time.perf_counter() - start_s))
    ratios = [mine / other for mine, other in zip(ours, plain, strict=True)]
    return {
        "ours_per_s_core": statistics.median(ours),
        "pillow_loop_per_s_core": statistics.median(plain),
        "ratio": statistics.median(ratios),
    }


def part_window(folder: Path, place: Path) -> Figures:
    """Drop the folder on the real window, without a screen; the engine reads it in its own process."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ |= {name: str(place / name) for name in ("SIT_CONFIG_DIR", "XDG_DATA_HOME")}
    from PySide6.QtCore import QTimer

    from sit_studio.app import make_application, open_window

    application = make_application()
    window = open_window(application)
    window.resize(1400, 900)
    beats: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(time.perf_counter()))
    timer.start(10)
    application.processEvents()
    before_mb = psutil.Process().memory_info().rss / 1e6
    start_s = time.perf_counter()
    window.take_paths([str(folder)])
    _turn(application.processEvents, lambda: window.session.dataset.state != "scanning")
    ready_s = time.perf_counter() - start_s
    until_s = time.perf_counter() + 2
    _turn(application.processEvents, lambda: time.perf_counter() > until_s)
    start_s = time.perf_counter()
    window.session.dataset_changed.emit()
    window.repaint()
    show_s = time.perf_counter() - start_s
    index = window.session.dataset.index
    found = {
        "files": 0 if index is None else len(index),
        "ready_s": ready_s,
        "show_s": show_s,
        "longest_stall_ms": 1e3 * float(np.diff(beats).max()),
        "start_mb": before_mb,
        "window_mb": psutil.Process().memory_info().rss / 1e6,
        "window_peak_mb": peak_mb(),
    }
    window.close_now()
    return found


def _turn(turn: Callable[[], None], until: Callable[[], bool]) -> None:
    while not until():
        turn()
        time.sleep(0.002)


def part_cached(folder: Path, place: Path) -> Figures:
    """A run whose decoded pixels have room."""
    return follow_run(folder, place / "cached", [])


def part_streamed(folder: Path, place: Path) -> Figures:
    """A run whose decoded pixels have none."""
    os.environ["SIT_CACHE_DIR"] = str(place / "small")
    return follow_run(folder, place / "streamed", ["--data.cache-gb=1e-6"])


def follow_run(folder: Path, out: Path, more: list[str]) -> Figures:
    """Seconds to the first step and to the tenth, and the most memory of the trainer alone."""
    command = [sys.executable, "-m", "sit_engine", "pretrain", str(folder), "--out", str(out), *RUN]
    start_s = time.perf_counter()
    process = subprocess.Popen(
        [*command, *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    watched, peak, private, first_s = psutil.Process(process.pid), 0, 0, 0.0
    reports: list[StepReported] = []
    while process.poll() is None and len(reports) < 30:
        taken = watched.memory_info()
        peak = max(peak, taken.rss)
        # Pages of files that are mapped, such as the decoded pixels, are the system's to take back.
        private = max(private, taken.rss - getattr(taken, "shared", 0))
        if (out / "config.toml").exists():
            reports = [e for e, _ in read_events(Run(out)) if isinstance(e, StepReported)]
            if reports and not first_s:
                first_s = time.perf_counter() - start_s
        time.sleep(0.05)
    if process.poll() is None:
        process.terminate()
    _, said = process.communicate()
    if not reports:
        sys.exit(said)
    late = reports[5:]
    return {
        "first_step_s": first_s,
        "peak_mb": peak / 1e6,
        "peak_private_mb": private / 1e6,
        "images_per_s": statistics.median(report.images_per_s for report in late),
        "waiting_share": statistics.median(report.waiting_share for report in late),
    }


PARTS: dict[str, Callable[[Path, Path], Figures]] = {
    "scan": part_scan,
    "rate, tiny": part_rate,
    "rate, 400 px": part_rate,
    "stream, 400 px": part_stream,
    "window": part_window,
    "run, cached": part_cached,
    "run, streamed": part_streamed,
}


def run_part(name: str, folder: Path, place: Path) -> Figures:
    """In a process of its own, with a cache of its own."""
    command = [sys.executable, "-m", "benchmarks.folders", "--part", name, str(folder), str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name}: {done.stderr or done.stdout}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(count: int, place: Path, wanted: list[str]) -> dict[str, Figures]:
    """All parts, each printed as it is done."""
    tiny = contents((8, 17), CONTENTS)
    start_s = time.perf_counter()
    write(place / "all", count, tiny)
    write(place / "some", min(count, COMPARED), tiny)
    write(place / "400", 1000, contents((400, 401), 16))
    print(f"{count:,} files made in {time.perf_counter() - start_s:.0f} s", flush=True)
    found = {}
    for name in wanted:
        folder = "all"
        if "tiny" in name or "400" in name:
            folder = "some" if "tiny" in name else "400"
        found[name] = run_part(name, place / folder, place)
        print(f"\n{name}")
        for what, value in found[name].items():
            print(f"  {what:<24}{value:>14,.4g}" if value < 1e4 else f"  {what:<24}{value:>14,.0f}")
        sys.stdout.flush()
    return found


def main() -> None:
    """Parse, measure, print, clean up."""
    parser = argparse.ArgumentParser(description="Large folders: scan, window, first step, memory.")
    parser.add_argument("count", type=int, help="how many files, such as 10000 or 1000000")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--json", type=Path)
    if sys.argv[1:2] == ["--part"]:
        print(json.dumps(PARTS[sys.argv[2]](Path(sys.argv[3]), Path(sys.argv[4]))))
        return
    chosen = parser.parse_args()
    check_room(chosen.dir, chosen.count)
    place = Path(tempfile.mkdtemp(prefix="sit-folders-", dir=chosen.dir))
    os.environ["SIT_CACHE_DIR"] = str(place / "cache")
    try:
        found: dict[str, Any] = measure(chosen.count, place, chosen.parts)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if chosen.json:
        about: dict[str, Any] = {"cores": default_workers(), "count": chosen.count}
        chosen.json.write_text(json.dumps(about | found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
