"""What a quarter of an hour on this machine gives: several seeds, measured on the way.

Run from the repository root, first the speed on an otherwise idle machine, then the table:

    python -m benchmarks.fifteen rate TRAIN
    python -m benchmarks.fifteen table TRAIN TEST --out DIR --rate 1000 --minutes 15 --marks 2,5,10

`rate` times the steps of a run as it ships and prints images/s; all cores. `table` trains every
seed until it has seen `rate` × 60 × `minutes` images, on one thread, two at a time, so that other
work on the machine changes nothing but the time that it takes; it measures the checkpoints nearest
before each mark, as a share of the run. Runs that are there already go on or are only measured.
Further words go to `pretrain` as they are.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.learning import ENGINE, KEEP_ALL, evaluate, events

ROWS = {"knn": "k-NN", "linear": "linear", 5: "5 labels"}
TIMED_S = 20.0


def rate(train: Path, side: int | None, precision: str) -> float:
    """Images/s of the standard run's steps on all cores, in views of `side` px or as "auto" has them."""
    from benchmarks.training_folder import stepper_on
    from sit_engine.methods.protocol import StepInfo

    stepper = stepper_on(train, {
        "model": {"image_size": side or "auto"},
        "compute": {"parts": 1, "recompute": "off", "precision": precision},
    })  # fmt: skip
    seconds: list[float] = []
    while sum(seconds) < TIMED_S:
        step_s = time.perf_counter()
        stepper.step(StepInfo(0, len(seconds), 10_000), learning_rate=1e-4, weight_decay=0.0)
        seconds.append(time.perf_counter() - step_s)
    return stepper.batches.batch_size / statistics.median(seconds[5:])


def pretrain(chosen: argparse.Namespace, seed: int, more: list[str]) -> Path:
    """One seed's run, made or gone on with until it is complete."""
    run: Path = chosen.out / f"seed{seed}"
    run.parent.mkdir(parents=True, exist_ok=True)
    if (run / "config.toml").is_file():
        if not any(e["outcome"] == "completed" for e in events(run, "RunFinished")):
            subprocess.run([*ENGINE, "resume", str(run), "--quiet"], check=True)
        return run
    files = sum(path.is_file() for path in chosen.train.rglob("*"))
    # A tenth of the images is held out of training.
    epochs = chosen.rate * 60 * chosen.minutes / (0.9 * files)
    words = [str(chosen.train), "--out", str(run), "--epochs", f"{epochs:.2f}", "--quiet"]
    words += ["--seed", str(seed), "--threads", "1", "--watch.previews", "2", *KEEP_ALL]
    words += ["--compute.precision", chosen.precision]
    words += ["--model.image-size", str(chosen.side)] if chosen.side else []
    subprocess.run([*ENGINE, "pretrain", *words, *more], check=True)
    return run


def measure(chosen: argparse.Namespace, run: Path) -> dict[float, dict[str, Any]]:
    """The report at each mark and at the end, by minutes; each is measured once."""
    end = events(run, "RunFinished")[-1]["step"]
    written = sorted(event["step"] for event in events(run, "CheckpointWritten"))
    found: dict[float, dict[str, Any]] = {}
    for mark in [*chosen.marks, chosen.minutes]:
        step = max(s for s in written if s <= mark / chosen.minutes * end + 1)
        kept = run.parent / f"{run.name}-{step}.json"
        if not kept.is_file():
            kept.write_text(json.dumps(evaluate(run, chosen, step, "student", knn_only=False)))
        found[mark] = json.loads(kept.read_text())
    return found


def show(reports: list[dict[float, dict[str, Any]]]) -> None:
    """A line for each mark and measure: means over seeds, and each seed's figure."""
    print("| minutes | | raw pixels | untrained | pretrained | each seed | over raw pixels |")
    print("|---|---|---|---|---|---|---|")
    for mark in reports[0]:
        for key, title in ROWS.items():
            rows = [
                row
                for report in reports
                for row in report[mark]["rows"]
                if key in (row["kind"], row["shots"])
            ]
            if not rows:
                continue
            of = {
                column: [100 * row["scores"][column]["accuracy"] for row in rows]
                for column in ("raw pixels", "untrained", "pretrained")
            }
            spread = statistics.mean(100 * row["scores"]["pretrained"]["interval"] for row in rows)
            means = [statistics.mean(values) for values in of.values()]
            each = ", ".join(f"{value:.1f}" for value in of["pretrained"])
            print(
                f"| {mark:g} | {title} | {means[0]:.1f} | {means[1]:.1f} | "
                f"**{means[2]:.1f}** ± {spread:.1f} | {each} | {means[2] - means[0]:+.1f} |"
            )
    print("\n± is the 95 % interval of one seed's evaluation, the mean over seeds.")


def main() -> None:
    """Time, or train, measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["rate", "table"])
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path, nargs="?")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--marks", default="", help="minutes, with commas between them")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--side", type=int, help='of views, px (default: as "auto" has it)')
    parser.add_argument("--precision", default="auto", help="number format of the steps")
    chosen, more = parser.parse_known_args()
    if chosen.what == "rate":
        print(f"{rate(chosen.train, chosen.side, chosen.precision):.0f} images/s")
        return
    if None in (chosen.test, chosen.out, chosen.rate):
        parser.error("table needs TEST, --out and --rate")
    chosen.marks = [float(mark) for mark in chosen.marks.split(",") if mark]
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda seed: pretrain(chosen, seed, more), range(chosen.seeds)))
        reports = list(pool.map(lambda run: measure(chosen, run), runs))
    seen = [events(run, "RunFinished")[-1]["step"] for run in runs]
    print(f"\n{chosen.rate:g} images/s × {chosen.minutes:g} minutes: {seen[0]:,} steps a run\n")
    show(reports)


if __name__ == "__main__":
    main()
