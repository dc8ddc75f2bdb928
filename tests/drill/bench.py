"""One worker's place: where a job is made ready, done to, gone on with and looked at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.drill.faults import Armed, Fault
from tests.drill.forks import Ended, engine, in_fork
from tests.drill.jobs import Job, Place, Words, furnish, left_behind, lost


@dataclass(frozen=True)
class Reference:
    """A job that nothing was done to: the calls it made, what it started from, and its result."""

    job: Job
    calls: list[list[str]]
    result: str
    template: Path


class Bench:
    """A place of this worker's own, and what its last command said."""

    def __init__(self, root: Path) -> None:
        shutil.rmtree(root, ignore_errors=True)
        self.place, self.said = Place(root / "place"), root / "said"
        self.record, self.templates = root / "record", root / "templates"
        root.mkdir(parents=True)
        os.environ["SIT_CACHE_DIR"] = str(self.place.state / "cache")
        os.environ["SIT_CONFIG_DIR"] = str(root / "config")
        os.environ["XDG_DATA_HOME"] = str(root / "data")
        os.environ["TMPDIR"] = str(root)
        self.must(lambda: furnish(self.place))

    def must(self, call: Callable[[], int]) -> None:
        """Call it in a fork; what nothing is done to must end well."""
        ended = in_fork(call, self.said)
        if ended.code:
            raise AssertionError(ended)

    def command(self, *words: object) -> Ended:
        """A command that nothing is done to."""
        return in_fork(engine(*words), self.said)

    def act(self, job: Job, at: int = 0, fault: Fault = Fault.NOTHING) -> Ended:
        """The job, with a fault at one of its calls."""
        armed = Armed(self.place.state, at, fault, self.record)
        return in_fork(engine(*job.act(self.place)), self.said, armed)

    def reference(self, job: Job) -> Reference:
        """Do a job that nothing is done to."""
        shutil.rmtree(self.place.state, ignore_errors=True)
        for folder in (self.place.run.parent, self.place.out.parent):
            folder.mkdir(parents=True)
        for words in job.ready(self.place):
            self.must(engine(*words))
        template = self.templates / job.name
        shutil.rmtree(template, ignore_errors=True)
        shutil.copytree(self.place.state, template)
        ended = self.act(job)
        if ended.code:
            raise AssertionError(ended)
        calls = [line.split("\t") for line in self.record.read_text("utf-8").splitlines()]
        return Reference(job, calls, job.result(self.place), template)

    def restore(self, template: Path) -> None:
        """The state is what it was then."""
        shutil.rmtree(self.place.state, ignore_errors=True)
        shutil.copytree(template, self.place.state, symlinks=True)

    def broken(self, reference: Reference) -> str:
        """Go on as a user would: the promise that is not kept, or nothing."""
        job = reference.job
        if missing := lost(self.place):
            return f"lost: {missing}"
        words: Words | None = job.go_on(self.place)
        if words is not None and (ended := self.command(*words)).code:
            return f"going on: {ended.code} {ended.said.strip()}"
        if missing := lost(self.place):
            return f"lost by going on: {missing}"
        if job.result(self.place) != reference.result:
            return f"other bits: {job.result(self.place)}"
        # What a disk refused to remove goes at the run's next start.
        if left_behind(self.place) and self.place.run.exists():
            self.command("repair", self.place.run)
        left = left_behind(self.place)
        return f"left behind: {left}" if left else ""
