"""SIGKILL at random moments, again and again, until the run is let finish: the same bits."""

from __future__ import annotations

import os
import random
import signal
import time
from functools import partial

from tests.drill.bench import Bench, Reference
from tests.drill.book import Case, Share
from tests.drill.forks import engine, fork
from tests.drill.jobs import JOBS

CHAINS, LINKS = 40, 5
"""200 kills."""


def work(bench: Bench, share: Share) -> None:
    """Chains of kills of a run from its first moment on."""
    if not share.wants("kills"):
        return
    reference = bench.reference(JOBS[0])
    began_s = time.monotonic()
    bench.restore(reference.template)
    bench.act(reference.job)
    length_s = time.monotonic() - began_s
    for chain in range(CHAINS):
        case = Case("kills", f"chain of {LINKS}", str(chain))
        share.meet(case, partial(_chain, bench, reference, chain, length_s))


def _chain(bench: Bench, reference: Reference, number: int, length_s: float) -> str:
    draw = random.Random(number)
    bench.restore(reference.template)
    for _ in range(LINKS):
        words = reference.job.go_on(bench.place)
        if words is None:
            break
        child = fork(engine(*words), bench.said)
        time.sleep(draw.uniform(0, 1.1 * length_s))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code not in (0, -signal.SIGKILL):
            return f"link: {code} {bench.said.read_text('utf-8', 'replace').strip()}"
    return bench.broken(reference)
