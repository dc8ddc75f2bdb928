"""How training fares beside other work, by how long OpenMP's threads spin while they wait.

Run from the repository root: `python -m benchmarks.beside [--quick] [--json FILE]`. Each figure is of a
process of its own, with the variables that the row names, on the network that "auto" takes for small
images and on a ViT-Ti/16 with views of 128 px; beside it runs none or one process that takes a core and
gives nothing back. Ratios are to two threads without variables, in
the same round.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.table import Row, Wish, main, row

WAYS: dict[str, tuple[int, dict[str, str]]] = {
    "2 threads": (2, {}),
    "1 thread": (1, {}),
    "2, passive": (2, {"OMP_WAIT_POLICY": "PASSIVE"}),
    "2, spin 0": (2, {"GOMP_SPINCOUNT": "0"}),
    "2, spin 1000": (2, {"GOMP_SPINCOUNT": "1000"}),
    "2, spin 10000": (2, {"GOMP_SPINCOUNT": "10000"}),
    "2, spin 100000": (2, {"GOMP_SPINCOUNT": "100000"}),
}
SIDES = {"auto, 32 px": 32, "ViT-Ti/16, 128 px": 128}
TRAIN = """
import sys
import numpy, torch
from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.data.cache import PixelStore
from sit_engine.training.heap import kept_heap
from sit_engine.training.stepper import measure_images_per_s
threads, side = int(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(threads)
model = {"backbone": "vit_tiny", "image_size": side, "patch_size": 16} if side > 32 else {}
compute = {"device": "cpu", "threads": threads, "precision": "bf16", "matmul": "medium"}
wish = build({"model": model, "compute": compute, "optim": {"batch_size": 64}})
config = resolve(wish, DataFacts(5000, 0, side), DeviceFacts(kind="cpu", cores=2)).config
kept, rows = round(1.15 * side), numpy.arange(256)
pixels = numpy.random.default_rng(0).integers(0, 256, (256, kept, kept, 3), dtype=numpy.uint8)
store = PixelStore(kept, pixels, rows, numpy.ones(256, dtype=numpy.float32), None)
with kept_heap(config.compute):
    print(measure_images_per_s(config, store, rows))
"""


def measure(wish: Wish) -> list[Row]:
    """Every way in turn, alone and beside one hungry process."""
    rounds = 1 if wish.quick else 5
    return [found for network in SIDES for found in _of(network, rounds)]


def _of(network: str, rounds: int) -> list[Row]:
    rates: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for hungry in (0, 1):
            for name, (threads, environment) in WAYS.items():
                with _others(hungry):
                    found = _rate(threads, SIDES[network], environment)
                rates.setdefault((name, hungry), []).append(found)

    def ratio(name: str, hungry: int) -> float:
        pairs = zip(rates[name, hungry], rates["2 threads", hungry], strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    return [
        row(
            network=network,
            what=name,
            alone_images_per_s=statistics.median(rates[name, 0]),
            ratio_alone=ratio(name, 0),
            beside_images_per_s=statistics.median(rates[name, 1]),
            ratio_beside=ratio(name, 1),
        )
        for name in WAYS
    ]


def _rate(threads: int, side: int, environment: dict[str, str]) -> float:
    command = [sys.executable, "-c", TRAIN, str(threads), str(side)]
    done = subprocess.run(
        command, env=os.environ | environment, check=True, capture_output=True, text=True
    )
    return float(done.stdout)


@contextmanager
def _others(count: int) -> Iterator[None]:
    command = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


if __name__ == "__main__":
    main("beside", __doc__, measure)
