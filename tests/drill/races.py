"""Several processes at once: one lock, one cache, clocks that jump, a writer that is stopped."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable

import numpy as np

from sit_engine.config.build import build
from sit_engine.data.pixel_cache.cache import PixelCache
from sit_engine.data.scan.quick_scan import scan
from sit_engine.errors import RunError
from sit_engine.records.locking.run_lock import RunLock, is_running
from sit_engine.records.run import Run
from sit_engine.records.run_folder import create_run
from sit_engine.records.summary import summarise
from tests.drill import faults
from tests.drill.bench import Bench, Reference
from tests.drill.book import Case, Share
from tests.drill.forks import engine, fork, wait
from tests.drill.jobs import JOBS

CONTENDERS, ROUNDS = 6, 20
CACHES, RESUMES = 5, 5
LOCKED = RunError.exit_code
HOUR_S, DAY_S = 3600, 86_400
SIDE = 19


def work(bench: Bench, share: Share) -> None:
    """All races of this worker's share."""
    if not share.wants("races"):
        return
    reference = bench.reference(JOBS[0])
    for number in range(ROUNDS):
        _try(share, f"lock, {CONTENDERS} at once", number, lambda n: _lock(bench, reference, n))
    for number in range(CACHES):
        _try(share, f"cache, {CONTENDERS} at once", number, lambda _: _cache(bench))
    for number in range(RESUMES):
        _try(share, "two writers", number, lambda _: _two(bench, reference))
        _try(share, "a writer stopped by a signal", number, lambda n: _asleep(bench, reference, n))
    for off_s in (-DAY_S, -HOUR_S, -61, 61, HOUR_S, DAY_S) if faults.has_library() else ():
        _try(share, "clock step, s", off_s, lambda by_s: _clock(bench, reference, by_s))


def _try(share: Share, kind: str, number: int, call: Callable[[int], str]) -> None:
    share.meet(Case("races", kind, str(number)), lambda: call(number))


def _started(bench: Bench, reference: Reference) -> tuple[int, str]:
    """A run that trains in a fork of its own; its id, and what went wrong before it did."""
    bench.restore(reference.template)
    words = [*reference.job.act(bench.place), "--optim.epochs", 200]
    child = fork(engine(*words), bench.said.with_name("writer"))
    until_s = time.monotonic() + 60
    run = Run(bench.place.run)
    while time.monotonic() < until_s:
        if run.path.exists() and summarise(run).last_report is not None:
            return child, ""
        time.sleep(0.01)
    return child, "it never trained"


def _end(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _lock(bench: Bench, reference: Reference, number: int) -> str:
    """Each takes the lock some times, and some are killed while they hold it."""
    bench.restore(reference.template)
    run = create_run(bench.place.run, build({}))
    draw = random.Random(number)
    inside = bench.place.state / "inside"

    def contend() -> int:
        for _ in range(20):
            try:
                with RunLock(run):
                    # Alone, or left by one that was killed in here.
                    if inside.exists() and _alive(int(inside.read_text() or 0)):
                        return 9
                    inside.write_text(str(os.getpid()))
                    time.sleep(0.001)
                    if inside.read_text() != str(os.getpid()):
                        return 9
                    inside.unlink()
            except RunError:
                time.sleep(0.002)
        return 0

    children = [fork(contend, bench.said) for _ in range(CONTENDERS)]
    time.sleep(draw.uniform(0, 0.1))
    os.kill(children[0], signal.SIGKILL)
    codes = [wait(child, bench.said).code for child in children]
    if 9 in codes or set(codes) - {0, -signal.SIGKILL}:
        return f"two at once: {codes}"
    return "held by nobody" if is_running(run) else ""


def _alive(pid: int) -> bool:
    # A killed child that nobody has waited for yet is there, and does nothing.
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _cache(bench: Bench) -> str:
    """All fill the same cache: each image is in one row, and the pixels are those of one alone."""
    shutil.rmtree(bench.place.state / "cache", ignore_errors=True)

    def fill() -> int:
        index = scan([str(bench.place.images)])
        index, store = PixelCache().fill(index, side=SIDE)
        np.save(bench.place.state / f"{os.getpid()}.npy", store.pixels[store.row_of])
        return 0

    for child in [fork(fill, bench.said) for _ in range(CONTENDERS)]:
        if (ended := wait(child, bench.said)).code:
            return f"{ended.code} {ended.said}"
    found = [np.load(path) for path in bench.place.state.glob("*.npy")]
    lines = (bench.place.state / "cache/pixels/side-19/rows.jsonl").read_text("utf-8").splitlines()
    if len(lines) != len(found[0]):
        return f"{len(lines)} rows for {len(found[0])} images"
    same = all(np.array_equal(found[0], other) for other in found[1:])
    return "" if same else "other pixels"


def _two(bench: Bench, reference: Reference) -> str:
    """Of two that resume the same run one trains it, the other is told."""
    child, problem = _started(bench, reference)
    _end(child)
    if problem:
        return problem
    words = ["resume", bench.place.run, "--quiet"]
    children = [fork(engine(*words), bench.said.with_name(f"two{n}")) for n in range(2)]
    ended = [wait(child, bench.said.with_name(f"two{n}")) for n, child in enumerate(children)]
    codes = sorted(one.code for one in ended)
    told = any("being trained by another process" in one.said for one in ended)
    return "" if codes == [0, LOCKED] and told else f"{ended}"


def _refused(bench: Bench, off_s: int = 0) -> str:
    def contend() -> int:
        if off_s:
            faults.set_clock(off_s)
        return engine("resume", bench.place.run, "--quiet")()

    ended = wait(fork(contend, bench.said), bench.said)
    return "" if ended.code == LOCKED else f"taken from its holder: {ended.code} {ended.said}"


def _clock(bench: Bench, reference: Reference, off_s: int) -> str:
    """A contender whose clock is off is refused all the same."""
    child, problem = _started(bench, reference)
    problem = problem or _refused(bench, off_s)
    _end(child)
    return problem


def _asleep(bench: Bench, reference: Reference, number: int) -> str:
    """A writer that was stopped keeps its lock, and goes on to the same end."""
    bench.restore(reference.template)
    child = fork(engine(*reference.job.act(bench.place)), bench.said.with_name("writer"))
    while not is_running(Run(bench.place.run)):
        time.sleep(0.001)
    time.sleep(0.05 * number)
    os.kill(child, signal.SIGSTOP)
    is_held = is_running(Run(bench.place.run))
    problem = _refused(bench) if is_held else ""
    os.kill(child, signal.SIGCONT)
    ended = wait(child, bench.said.with_name("writer"))
    if ended.code:
        return f"{ended.code} {ended.said}"
    return problem or bench.broken(reference)
