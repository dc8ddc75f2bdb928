"""The pixel cache's journal beside SQLite: writing a record an image, and reading all of them.

Run from the repository root: `python -m benchmarks.journals [--quick] [--json FILE]`. Both are synced
once a second, as the cache does; SQLite with a write-ahead log. Ratios are to the journal, in one round.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.table import Effort, Row, main, row
from sit_engine.data.pixel_cache.journal import Appender, Record, read_records

AT_ONCE = 64
SYNC_EVERY_S = 1.0
Write = Callable[[Path, list[Record]], None]
Read = Callable[[Path], int]


def measure(effort: Effort) -> list[Row]:
    """Both, by turns."""
    count, rounds = (2_000, 1) if effort.quick else (50_000, 5)
    records = [
        {"row": n, "sha256": f"{n:064x}", "size": [640, 480], "sum": n} for n in range(count)
    ]
    ways: dict[str, tuple[Write, Read]] = {
        "journal": (_write_journal, _read_journal),
        "SQLite": (_write_sqlite, _read_sqlite),
    }
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (write, read) in ways.items():
            found[name].append(_once(write, read, records))
    first = found["journal"]
    return [
        row(
            what=name, records=count,
            write_us=1e6 * statistics.median(one[0] for one in times) / count,
            read_us=1e6 * statistics.median(one[1] for one in times) / count,
            bytes_each=times[0][2] / count,
            write_ratio=statistics.median(a[0] / b[0] for a, b in zip(times, first, strict=True)),
            read_ratio=statistics.median(a[1] / b[1] for a, b in zip(times, first, strict=True)),
        )
        for name, times in found.items()
    ]  # fmt: skip


def _once(write: Write, read: Read, records: list[Record]) -> tuple[float, float, int]:
    """Seconds of both, and bytes on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records"
        began_s = time.perf_counter()
        write(path, records)
        written_s = time.perf_counter()
        assert read(path) == len(records)
        read_s = time.perf_counter()
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
    return written_s - began_s, read_s - written_s, size


def _write_journal(path: Path, records: list[Record]) -> None:
    synced_s = time.perf_counter()
    with Appender(path) as appender:
        for start in range(0, len(records), AT_ONCE):
            appender.append(records[start : start + AT_ONCE])
            if time.perf_counter() - synced_s > SYNC_EVERY_S:
                appender.to_disk()
                synced_s = time.perf_counter()
        appender.to_disk()


def _read_journal(path: Path) -> int:
    return sum(1 for _ in read_records(path))


def _write_sqlite(path: Path, records: list[Record]) -> None:
    file = sqlite3.connect(path)
    file.execute("PRAGMA journal_mode=WAL")
    file.execute("PRAGMA synchronous=NORMAL")
    file.execute("CREATE TABLE record (body TEXT)")
    for start in range(0, len(records), AT_ONCE):
        with file:
            bodies = [(json.dumps(one),) for one in records[start : start + AT_ONCE]]
            file.executemany("INSERT INTO record VALUES (?)", bodies)
    file.close()


def _read_sqlite(path: Path) -> int:
    file = sqlite3.connect(path)
    count = sum(1 for (body,) in file.execute("SELECT body FROM record") if json.loads(body))
    file.close()
    return count


if __name__ == "__main__":
    main("journals", __doc__, measure)
