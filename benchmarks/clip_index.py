"""Searching an index of clips: ours beside NumPy and faiss, by time and memory.

    python -m benchmarks.clip_index [--clips 100000] [--width 256] [--queries 20] [--quick]

Vectors are random and of unit length, a video has ten clips and a query ten vectors; speed does not
depend on what they are of. Each way works in a process of its own, which tells its peak memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from sit_engine.evaluation import search
from sit_engine.records.clips.clip_index import AboutIndex, ClipIndex, IndexedVideo

A_VIDEO = 10
WAYS = ("numpy", "ours, exact", "faiss flat", "ours, approximate")


def main() -> None:
    """Make the index, ask each way in a process of its own, print Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="5,000 clips")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        print(json.dumps(measure(*chosen.child, queries=chosen.queries)))
        return
    clips = 5000 if chosen.quick else chosen.clips
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "index"
        make(clips // A_VIDEO * A_VIDEO, chosen.width).save(place)
        size = (place / "vectors.npy").stat().st_size
        print(f"{clips:,} clips of {chosen.width}, {size / 1e6:.1f} MB of float16\n")
        print(
            "| way | ready, s | ms a query | peak memory, MB | same first video |\n|---|---|---|---|---|"
        )
        for way in WAYS:
            words = ["--child", way, str(place), "--queries", str(chosen.queries)]
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.clip_index", *words],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            found = json.loads(done.stdout)
            print(
                f"| {way} | {found['ready_s']:.2f} | {found['query_ms']:.1f} | {found['peak_mb']:.0f} | "
                f"{found['right']} of {chosen.queries} |"
            )


def make(clips: int, width: int) -> ClipIndex:
    """Random unit vectors."""
    vectors = np.random.default_rng(0).standard_normal((clips, width), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    videos = tuple(
        IndexedVideo(f"/v/{n:07d}", 1, 1, "", 10.0 * A_VIDEO, 64, 64, n * A_VIDEO, A_VIDEO)
        for n in range(clips // A_VIDEO)
    )
    about = AboutIndex("run", 0, "", 1.0, 8, width)
    times = np.zeros((clips, 2), np.float32)
    return ClipIndex(about, videos, vectors.astype(np.float16), times)


def measure(way: str, place: str, *, queries: int) -> dict[str, float]:
    """Of noisy copies of videos: seconds until ready, milliseconds a query, memory above the start's."""
    rng = np.random.default_rng(1)
    start_mb = _peak_mb()
    index = ClipIndex.open(Path(place))
    count = len(index.videos)
    asked = rng.integers(0, count, queries)
    began_s = time.perf_counter()
    if way == "ours, approximate":
        search.MOST_EXACT = 0
        search.candidates(index, np.zeros((1, index.about.width), np.float32))
    if way == "faiss flat":
        import faiss

        flat = faiss.IndexFlatIP(index.about.width)
        flat.add(np.asarray(index.vectors, np.float32))
    if way == "numpy":
        whole = np.asarray(index.vectors, np.float32)
    ready_s = time.perf_counter() - began_s
    right, took_s = 0, 0.0
    for number in asked.tolist():
        query = np.asarray(index.vectors[index.rows(number)], np.float32)
        query = query + 0.02 * rng.standard_normal(query.shape, dtype=np.float32)
        began_s = time.perf_counter()
        if way == "numpy":
            best = np.maximum.reduceat(query @ whole.T, index.firsts, axis=1).mean(0)
            first = int(best.argmax())
        elif way == "faiss flat":
            near = flat.search(query, search.NEAR)[1]
            first = int(
                np.bincount(np.searchsorted(index.firsts, near[:, 0], "right") - 1).argmax()
            )
        else:
            first = search.rank(index, query, 1)[0][0][0]
        took_s += time.perf_counter() - began_s
        right += first == number
    return {
        "ready_s": ready_s,
        "query_ms": 1000 * took_s / queries,
        "peak_mb": _peak_mb() - start_mb,
        "right": right,
    }


def _peak_mb() -> float:
    """Linux's own count begins anew with a program; getrusage's would begin with the parent's."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise OSError("this system does not tell a process's peak memory")


if __name__ == "__main__":
    main()
