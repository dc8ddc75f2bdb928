"""Does it learn? One timed run on a folder, measured on the way, all through the command line.

Run from the repository root, for example on 32-px images with ten classes:

    python -m benchmarks.learning TRAIN TEST --out DIR --minutes 15 --marks 2,5,10,15

It runs `sit-engine pretrain` with a checkpoint every half minute, picks the last one before each
mark (minutes since the first step) and measures it with `sit-engine evaluate` on the test folder,
student and teacher. Further words go to `pretrain` as they are.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ENGINE = [sys.executable, "-m", "sit_engine"]
KEEP_ALL = ["--watch.keep", "100000", "--watch.checkpoint-minutes", "0.5"]


def pretrain(chosen: argparse.Namespace, run: Path, more: list[str]) -> None:
    """Train with the command line; its live line shows on this terminal."""
    words = [str(chosen.train), "--out", str(run), "--minutes", str(chosen.minutes)]
    subprocess.run([*ENGINE, "pretrain", *words, *KEEP_ALL, *more], check=True)


def events(run: Path, kind: str) -> list[dict[str, Any]]:
    """Events of one kind, as plain records."""
    lines = (run / "events.jsonl").read_text("utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["event"] == kind]


def steps_at(run: Path, marks: list[float]) -> dict[float, int]:
    """The step of the last checkpoint within each mark's minutes of training."""
    phases = events(run, "PhaseChanged")
    started_s = next(e["time"] for e in phases if e["phase"] == "training")
    written = [(e["time"] - started_s, e["step"]) for e in events(run, "CheckpointWritten")]
    return {mark: max(step for at_s, step in written if at_s <= 60 * mark + 1) for mark in marks}


def evaluate(
    run: Path, chosen: argparse.Namespace, step: int, network: str, *, knn_only: bool
) -> dict[str, Any]:
    """The report of one checkpoint."""
    more = ["--knn-only"] if knn_only else []
    words = ["--train", str(chosen.train), "--test", str(chosen.test), "--step", str(step)]
    done = subprocess.run(
        [*ENGINE, "evaluate", str(run), *words, "--network", network, *more, "--json"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return dict(json.loads(done.stdout))


def percent(score: dict[str, float], sign: str = "") -> str:
    """Accuracy with its 95 % interval."""
    return f"{100 * score['accuracy']:{sign}.1f} ± {100 * score['interval']:.1f}"


def main() -> None:
    """Train, measure, print; the reports land in --out as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--marks", default="", help="minutes, with commas between them")
    parser.add_argument("--measure-only", action="store_true", help="the run in --out is done")
    chosen, more = parser.parse_known_args()
    run = chosen.out / "run"
    if not chosen.measure_only:
        pretrain(chosen, run, more)
    finished = events(run, "RunFinished")[-1]
    speed = statistics.median(e["images_per_s"] for e in events(run, "StepReported"))
    marks = [float(mark) for mark in chosen.marks.split(",") if mark]
    steps = steps_at(run, marks) | {float("inf"): finished["step"]}
    reports = {}
    print(f"\nmedian {speed:.0f} images/s, {finished['step']} steps")
    print(f"{'minutes':>8}{'step':>7}{'network':>9}{'measure':>27}{'raw pixels':>13}"
          f"{'untrained':>13}{'pretrained':>13}{'over raw':>13}{'over untrained':>16}")  # fmt: skip
    for mark, step in steps.items():
        for network in ("student", "teacher"):
            is_end = mark == float("inf")
            report = evaluate(run, chosen, step, network, knn_only=not is_end)
            reports[f"{step} {network}"] = report
            for row in report["rows"]:
                cells = "".join(percent(row["scores"][c]).rjust(13)
                                for c in ("raw pixels", "untrained", "pretrained"))  # fmt: skip
                print(f"{'end' if is_end else f'{mark:g}':>8}{step:>7}{network:>9}"
                      f"{row['name']:>27}{cells}{percent(row['gain_over_raw_pixels'], '+'):>13}"
                      f"{percent(row['gain_over_untrained'], '+'):>16}", flush=True)  # fmt: skip
    (chosen.out / "reports.json").write_text(json.dumps(reports, indent=1))


if __name__ == "__main__":
    main()
