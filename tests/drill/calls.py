"""A kill or a fault at every call that changes a file, in every job."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.drill import faults, order
from tests.drill.bench import Bench, Reference
from tests.drill.book import Case, Share
from tests.drill.faults import Fault
from tests.drill.jobs import JOBS

OF_WRITES = (Fault.INTERRUPTED, Fault.SHORT)


def work(bench: Bench, share: Share) -> None:
    """Every case of this worker's share."""
    for job in JOBS:
        if not share.wants(job.name):
            continue
        reference = bench.reference(job)
        if faults.has_library():
            case = Case(job.name, "order of syncs", "")
            share.meet(case, partial(order.wrong, reference.calls))
        for case, fault, at in cases(reference):
            about = " ".join(reference.calls[at - 1]).strip()
            share.meet(case, partial(meet, bench, reference, fault, at), about)


def cases(reference: Reference) -> Iterator[tuple[Case, Fault, int]]:
    """Every fault at every call that it can strike."""
    for fault in Fault:
        if fault == Fault.NOTHING:
            continue
        if not faults.has_library() and fault not in faults.SEEN_BY_HOOKS:
            continue
        for at, (what, path, *_) in enumerate(reference.calls, 1):
            if reference.job.own(path) and (fault not in OF_WRITES or what == "write"):
                yield Case(reference.job.name, fault.name.lower(), str(at)), fault, at


def meet(bench: Bench, reference: Reference, fault: Fault, at: int) -> str:
    """The promise that was not kept, or nothing."""
    bench.restore(reference.template)
    ended = bench.act(reference.job, at, fault)
    if ended.is_our_fault and not ended.was_killed:
        return f"no sentence: {ended.code} {ended.said.strip()}"
    return bench.broken(reference)
