"""`make drill`: all of it, some processes at a time, gone on with where it was stopped.

python -m tests.drill --out build/drill
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from pathlib import Path

from tests.drill import faults, forks
from tests.drill.book import Book, Share


def main() -> int:
    """Do what is not done yet, print the counts; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.drill", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/drill"), help="results and work")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth case")
    parser.add_argument(
        "--workers", type=int, choices=(1, 2), default=2, help="processes at a time"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="PART", help="only these parts")
    chosen = parser.parse_args()
    out = chosen.out.absolute()
    faults.preload(out, "tests.drill")
    if not faults.has_library():
        print("No C compiler, or not Linux: Python's hooks stand in, and no write is met.")
    out.mkdir(parents=True, exist_ok=True)
    book, began_s = Book(out / "results.jsonl"), time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"
    forks.load()  # Once for all workers.
    children = []
    for number in range(chosen.workers):
        share = Share(book, number, chosen.workers, every=chosen.every, only=chosen.only)
        if (child := os.fork()) == 0:
            os._exit(_work(out / f"worker{number}", share))
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    print(book.table())
    print(f"{(time.monotonic() - began_s) / 60:.1f} minutes", file=sys.stderr)
    return int(any(codes) or any(found.failure for found in book.read()))


def _work(root: Path, share: Share) -> int:
    """One worker's share of everything."""
    try:
        from tests.drill import calls, damage, kills, races
        from tests.drill.bench import Bench

        bench = Bench(root)
        for part in (kills, races, damage, calls):
            part.work(bench, share)
    except BaseException:  # noqa: BLE001 - a fork must not go on as its parent
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
