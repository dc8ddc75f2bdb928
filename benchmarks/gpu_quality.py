"""What methods learn in minutes on a GPU: raced for equal time, then SiT finetuned against from scratch.

    python -m benchmarks gpu-quality DATA --out DIR [--report FILE] [--device cuda] [--total-minutes 8.5]

DATA holds `train` and `test` with one sub-folder a class, or is a tar of such a folder (cifar10-mid). All
train the network of hananshafi/vits-for-small-scale-datasets but for its MLP ratio (ViT of width 192,
depth 9, 12 heads, patch 4, at 32 px). `--quick` tries the command on a CPU. What others published stands
below the table, with what differs.

Two minutes a method were wanted, and less than nine for all. Eight of nine would leave one for reading
images, measuring and finetuning twice, and measuring works on the processor: the linear probe of raw
pixels takes one core minutes. So each method trains for a tenth of the whole time, and finetuning takes
two fifths, for each of its two networks, of what the clock says is left after the race. No GPU has shown
yet whether all of it then ends in time. If it does not: the report is written anew after each stage, and
the same command with the same --out goes on.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from benchmarks.tables import unpacked
from sit_engine import api
from sit_engine.config.build import build
from sit_engine.config.methods import entrants
from sit_engine.config.tree import RunConfig
from sit_engine.files import read_json, write_aside
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.records.report import SCRATCH, Report, Score, read_report
from sit_engine.records.run import Run
from sit_engine.records.run_folder import is_run
from sit_engine.records.starts import scratch_of
from sit_engine.records.studies.compare_request import ASKED, CompareRequest
from sit_engine.records.studies.comparison import Budget, Comparison
from sit_engine.records.studies.comparison_text import to_text
from sit_engine.records.summary import summarise
from sit_engine.studies.curves import told

METHODS = ("sit", "dino", "simdino", "mocov3")
NETWORK = {
    "image_size": 32, "backbone": "custom", "width": 192, "depth": 9, "heads": 12, "patch_size": 4,
    "stem": "patch",
}  # fmt: skip
SMALL = NETWORK | {"width": 32, "depth": 2, "heads": 2, "patch_size": 8}
PRETRAINING, FINETUNING, QUICK_MINUTES = 1 / 10, 2 / 5, 0.5
LEAST_FINETUNING = 1 / 4
"""Of the time of a pretraining: what finetuning gets where none is left."""
ANCHORS = """
## What others published

| published | network, images, length | result |
|---|---|---|
| hananshafi/vits-for-small-scale-datasets (BMVC 2022): DINO on CIFAR-10, then finetuned | ViT 192 wide, \
9 deep, patch 4, MLP ratio 2; 50,000 images, 200 epochs of DINO, 100 of finetuning | 96.41, from \
scratch 93.58 |
| stable-pretraining, Imagenette: DINO | ViT-S/16 at 224 px; 9,469 images, 200 epochs | k-NN 83.8, \
linear 86.1 |
| stable-pretraining, Imagenette: MoCo v3 | the same | k-NN 82.6, linear 84.7 |

The first finetunes what DINO learnt, this run what SiT learnt. Its DINO had a learning rate of 1e-4 for \
256 images, batches of 512 (two GPUs), a warm-up of 30 epochs, two crops of 0.7 to 1 of an image and \
eight of 0.2 to 0.5; its finetuning AutoAugment, mixup, cutmix and each image three times a batch. The \
other two are of larger networks and other images, the best of a run on the images that judge it. How \
long this run trained, and with which batches and learning rates, its own tables say."""


@dataclass
class Told:
    """The report so far: each part is printed when it stands, and all of them are in the file."""

    file: Path | None
    parts: dict[str, str] = field(default_factory=dict)

    def tell(self, name: str, text: str, *, is_whole: bool = True) -> None:
        """A part, or what there is of it so far."""
        self.parts[name] = text
        if is_whole:
            print(text + "\n", flush=True)
        if self.file is not None:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_aside(self.file, "\n\n".join(self.parts.values()) + "\n")


def main() -> int:
    """Race, finetune, tell."""
    began_s = time.perf_counter()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks gpu-quality", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("data", type=Path, help="a folder with train and test in it, or its tar")
    parser.add_argument("--out", type=Path, required=True, help="given again, it goes on")
    parser.add_argument("--report", type=Path, help="Markdown, written anew after each stage")
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    parser.add_argument("--total-minutes", type=float, default=8.5, help="in which all should end")
    parser.add_argument("--quick", action="store_true", help="a small network for some seconds")
    chosen = parser.parse_args()
    if not chosen.data.exists():
        parser.error(f"{chosen.data} is not there")
    if chosen.quick:
        chosen.total_minutes = QUICK_MINUTES
    chosen.out.mkdir(parents=True, exist_ok=True)
    chosen.data = unpacked(chosen.data, chosen.out)
    told = Told(chosen.report)
    told.tell("head", head(chosen))
    raced = race(chosen, told)
    told.tell("race", race_part(chosen, raced))
    finetuned(chosen, told, began_s)
    told.tell("anchors", ANCHORS.strip())
    told.tell("end", f"This call took {(time.perf_counter() - began_s) / 60:.1f} minutes.")
    return 0


def head(chosen: argparse.Namespace) -> str:
    """What was asked for, and where."""
    where = torch.cuda.get_device_name() if chosen.device == "cuda" else platform.machine()
    network = SMALL if chosen.quick else NETWORK
    return (
        f"# Quality in minutes: {chosen.data.name} on {chosen.device} ({where})\n\n"
        f"ViT of width {network['width']}, depth {network['depth']}, patch {network['patch_size']}, "
        f"{network['image_size']} px; torch {torch.__version__}."
    )


# Raced


def race(chosen: argparse.Namespace, told: Told) -> Comparison:
    """Each method for equal time, measured; what is there of it stays."""
    out = chosen.out / "race"
    minutes = chosen.total_minutes * PRETRAINING
    if (out / ASKED).is_file():
        # It goes on only as it began, however long all of it may take now.
        minutes = CompareRequest.of_folder(out).budget.amount

    def so_far(name: str, number: int, count: int) -> None:
        print(f"{name}: {number} of {count}", flush=True)
        if (out / "comparison.json").is_file():
            found = Comparison.from_json(read_json(out / "comparison.json"))
            told.tell("race", race_part(chosen, found), is_whole=False)

    request = CompareRequest(
        str(chosen.data / "train"),
        {name: config(chosen, name) for name in METHODS},
        Budget("minutes", minutes),
        seeds=1,
        test=(str(chosen.data / "test"),),
    )
    return api.compare(request, out, emit=lambda _: None, on_run=so_far)


def config(chosen: argparse.Namespace, name: str) -> RunConfig:
    """A method on the network of the table, with what "auto" gives for the rest."""
    return build(
        {
            "method": entrants()[name].values,
            "model": SMALL if chosen.quick else NETWORK,
            "compute": {"device": chosen.device},
        }
    )


def race_part(chosen: argparse.Namespace, found: Comparison) -> str:
    """The table of a race, and how each method trained."""
    lines = [f"## Raced, {found.budget.amount:.2g} minutes of training each", ""]
    if not found.is_complete:
        lines += [f"NOT COMPLETE: {len(found.runs)} of {len(METHODS)} methods so far.", ""]
    lines += [
        "```",
        to_text(found),
        "```",
        "",
        "| method | epochs | steps | batch | learning rate |",
    ]
    lines.append("|---|---:|---:|---:|---:|")
    for run in found.runs:
        optim = Run(chosen.out / "race" / run.run).config().optim
        lines.append(
            f"| {run.config} | {run.images / found.train_images:.3g} | {run.step} "
            f"| {optim.batch_size} | {optim.learning_rate:.3g} |"
        )
    return "\n".join([*lines, "", "The learning rates are for 256 images a step."])


# Finetuned


def finetuned(chosen: argparse.Namespace, told: Told, began_s: float) -> None:
    """SiT's network on all labels, against the same from nothing; what is there of it stays."""
    out = chosen.out / "finetuned"
    if not is_run(out):
        left = chosen.total_minutes - (time.perf_counter() - began_s) / 60
        least = chosen.total_minutes * PRETRAINING * LEAST_FINETUNING
        values = {
            "method": {"name": "finetune"},
            "data": {"folders": [str(chosen.data / "train")]},
            "model": {
                "weights": str(chosen.out / "race" / "runs" / f"{METHODS[0]}-seed0"),
                "image_size": NETWORK["image_size"],
            },
            "compute": {"device": chosen.device},
        }
        minutes = max(left * FINETUNING, least)
        print(f"finetuning, {minutes:.2g} minutes", flush=True)
        api.pretrain(build(values | {"optim": {"minutes": minutes}}), out, emit=lambda _: None)
    ended(out)
    twin = scratch_of(out)
    if not is_run(twin):
        print("the same from scratch", flush=True)
        api.pretrain(api.scratch_twin(out)[0], twin, emit=lambda _: None)
    ended(twin)
    told.tell("finetuned", "\n".join(finetuned_part(out, measured(chosen, out))))


def ended(place: Path) -> None:
    """A run trained to its end, from where it was."""
    if summarise(Run(place)).status != "completed":
        api.resume(place, emit=lambda _: None)


def measured(chosen: argparse.Namespace, out: Path) -> Report:
    """The report on the test images with both networks in it, made now or before."""
    for file in sorted((out / "evaluations").glob("*.json")):
        before = read_report(file)
        if before is not None and SCRATCH in before.columns:
            return before
    train, test = str(chosen.data / "train"), str(chosen.data / "test")
    return api.evaluate(out, EvaluateRequest(train=[train], test=[test], knn_only=True))[0]


def finetuned_part(out: Path, report: Report) -> Iterator[str]:
    """Accuracy of both classifiers, and their paired difference."""
    (row,) = (row for row in report.rows if row.kind == "classifier")
    yield "## Finetuned on all labels\n"
    yield "| start | epochs | minutes | batch | learning rate | test accuracy, % |"
    yield "|---|---:|---:|---:|---:|---:|"
    for word, place, column in (
        (f"after {METHODS[0]}", out, report.columns[-1]), ("from scratch", scratch_of(out), SCRATCH),
    ):  # fmt: skip
        run = Run(place)
        optim = run.config().optim
        yield (
            f"| {word} | {optim.epochs:.3g} | {told(run).seconds / 60:.2f} | {optim.batch_size} "
            f"| {optim.learning_rate:.3g} | {percent(row.scores[column])} |"
        )
    gain = percent(row.gains[SCRATCH], "+")
    yield f"\nAfter {METHODS[0]} over from scratch, paired over test images: {gain} points."


def percent(score: Score, sign: str = "") -> str:
    """Accuracy with its 95 % interval."""
    return f"{100 * score.accuracy:{sign}.1f} ± {100 * score.interval:.1f}"
