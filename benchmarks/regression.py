"""Compares two folders of benchmarks' JSON by ratios: which fell, and by how much. Run by hand.

`python -m benchmarks.regression OLD NEW [--tolerance 0.15]` from the repository root; OLD may be
benchmarks/baseline. Times of two machines, or of two days on one, cannot be compared; how many times
as fast ours is as the reference beside it can, on the same kind of processor. Exit code 1 if one fell.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.table import Row, Table, read

Key = tuple[str, ...]


def main(words: list[str] | None = None) -> int:
    """Print what fell; gives the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--tolerance", type=float, default=0.15, help="share that may be lost")
    chosen = parser.parse_args(words)
    for folder in (chosen.old, chosen.new):
        if not folder.is_dir():
            parser.error(f"{folder} is no folder")
    old, new = ratios(chosen.old), ratios(chosen.new)
    both = sorted(old.keys() & new.keys())
    lost = {key: new[key] / old[key] - 1 for key in both if new[key] < old[key]}
    fallen = {key: change for key, change in lost.items() if -change > chosen.tolerance}
    for key, change in sorted(fallen.items(), key=lambda item: item[1]):
        print(f"{' · '.join(key)}: {old[key]:.2f} × before, {new[key]:.2f} × now ({change:+.0%})")
    for key in sorted(old.keys() - new.keys()):
        print(f"{' · '.join(key)}: not measured now")
    print(f"{len(both)} ratios compared; {len(fallen)} fell by more than {chosen.tolerance:.0%}.")
    if not both:
        print("The two folders have no ratio in common.")
    return 1 if fallen or not both else 0


def ratios(folder: Path) -> dict[Key, float]:
    """Every ratio in a folder, by what it is of."""
    tables = [read(path) for path in sorted(folder.glob("*.json"))]
    return {
        (*key_of(table, row), name): value
        for table in tables
        for row in table.rows
        for name, value in row.items()
        if name.startswith("ratio") and isinstance(value, float)
    }


def key_of(table: Table, row: Row) -> Key:
    """The table's name, and the words and whole numbers of a row."""
    return (table.name, *(str(value) for value in row.values() if isinstance(value, str | int)))


if __name__ == "__main__":
    sys.exit(main())
