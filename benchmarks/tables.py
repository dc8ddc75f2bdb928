"""Tables of docs/benchmarks.md that take training runs; what is measured stays and is not redone.

    python -m benchmarks.tables finetune DATA --out DIR [--labels 5,20] [--seeds 3] [--draws 20]
        [--runs DIR]

DATA holds `train` and `test` with one sub-folder a class, or is a tar of such a folder. The table
compares, for each pretraining seed and each draw of labelled images, the pretrained backbone after
finetuning with the same network trained on the same images from nothing: the same steps, each with
the recipe that "auto" gives it.
`--runs` names a folder with pretraining runs seed0, seed1, … (of benchmarks.fifteen) to start from.
The test images are looked at once a cell, at its end; nothing is chosen by them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts
from sit_engine.config.resolve import resolve, total_steps
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.decode.preprocess import load_views
from sit_engine.data.pixel_cache.store import PixelStore
from sit_engine.evaluation.features import probabilities
from sit_engine.machine.device import probe_once
from sit_engine.models.weights import load_weights, read_weights
from sit_engine.records.locking.run_lock import is_running
from sit_engine.records.run import Run
from sit_engine.records.starts import describe_start, find_start
from sit_engine.records.summary import summarise
from sit_engine.studies.paired import interval
from sit_engine.studies.supervised import train_steps
from sit_engine.training.stepper import Stepper

MODEL = {"image_size": 32, "patch_size": 8, "width": 96, "depth": 4, "heads": 3}
WHOLE = {"seeds": 3, "draws": 20}


@dataclass(frozen=True)
class Cell:
    """One finetuning: accuracy on the test images, and what it took."""

    labels: int
    seed: int
    draw: int
    arm: str
    accuracy: float
    seconds: float
    steps: int


@dataclass(frozen=True)
class Part:
    """Views [n,3,V,V] and class numbers of a labelled folder."""

    views: Tensor
    labels: np.ndarray
    paths: list[str]


@cache
def read(folder: Path) -> Part:
    """One sub-folder a class; every file is an image."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    paths = [str(path) for each in classes for path in sorted(each.iterdir())]
    labels = [n for n, each in enumerate(classes) for _ in each.iterdir()]
    return Part(load_views(paths, MODEL["image_size"]), np.array(labels), paths)


def unpacked(data: Path, out: Path) -> Path:
    """The folder with `train` and `test`; a tar is unpacked into `out` once."""
    if not data.is_file():
        return data
    place = out / data.stem
    if not place.is_dir():
        aside = out / f".{data.stem}"
        with tarfile.open(data) as archive:
            archive.extractall(aside, filter="data")
        (aside / data.stem).rename(place)
    return place


def pretrained(chosen: argparse.Namespace, seed: int) -> Path:
    """The pretraining run of a seed, made or finished where it is not."""
    if chosen.runs is not None:
        return Path(chosen.runs / f"seed{seed}")
    return trained(
        chosen.out / f"pretrain-{seed}",
        {
            "data": {"folders": [str((chosen.data / "train").absolute())]},
            "model": MODEL,
            "optim": {"epochs": chosen.epochs},
            "compute": compute(chosen, seed),
        },
    )


def trained(path: Path, settings: dict[str, Any]) -> Path:
    """A run of these settings, made or finished where it is not."""
    run = Run(path)
    if not run.config_file.is_file():
        config = build(settings | {"watch": {"readings": 4, "previews": 0}})
        api.pretrain(config, path, emit=lambda _: None)
    while summarise(run).status != "completed":
        if is_running(run):
            time.sleep(5)
            continue
        api.resume(path, emit=lambda _: None)
    return path


def compute(chosen: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Where everything runs."""
    settings: dict[str, Any] = {"device": chosen.device, "seed": seed}
    if chosen.device == "cpu":
        settings |= {"threads": chosen.threads, "precision": "fp32", "matmul": "highest"}
    return settings


def draw(train: Part, labels: int, number: int) -> np.ndarray:
    """The labelled images of a draw: the same for both arms and every seed."""
    generator = np.random.default_rng([number, labels])
    return np.concatenate([
        generator.permutation(np.flatnonzero(train.labels == each))[:labels]
        for each in np.unique(train.labels)
    ])  # fmt: skip


def config_for(
    chosen: argparse.Namespace, seed: int, rows: int, labels: int, start: Path | None
) -> ResolvedConfig:
    """What "auto" gives for so few images, without a validation split: every label trains."""
    weights = {} if start is None else {"weights": str(start)}
    config = build({
        "data": {"folders": ["unused"], "watch_share": 0},
        "model": MODEL | weights,
        "method": {"name": "finetune"},
        "compute": compute(chosen, seed),
    })  # fmt: skip
    facts = DataFacts(rows, rows // labels, MODEL["image_size"], labels, labels)
    sizes = None if start is None else describe_start(start).facts
    return resolve(config, facts, probe_once(config.compute), sizes).config


def finetune(
    config: ResolvedConfig, train: Part, rows: np.ndarray, test: Part
) -> tuple[float, int]:
    """Accuracy on the test images after all steps, and how many there were."""
    pixels = train.views[torch.from_numpy(rows)].permute(0, 2, 3, 1).contiguous().numpy()
    everyone = np.arange(len(rows))
    square = np.ones(len(rows), dtype=np.float32)
    store = PixelStore(MODEL["image_size"], pixels, everyone, square, None)
    stepper = Stepper(config, store, everyone, train.labels[rows])
    if config.model.weights is not None:
        weights = read_weights(Path(config.model.weights))
        for which in ("student", "teacher"):
            load_weights(stepper.method.backbone(which), weights)
    stepper.method.prepare(stepper.batches)
    optim, epoch = config.optim, stepper.batches.steps_per_epoch
    steps = total_steps(optim.epochs, len(rows), stepper.batches.batch_size)
    classifier = train_steps(stepper, config, steps, round(optim.warmup_epochs * epoch))
    chances = probabilities(classifier, test.views, device=stepper.device)
    return float(np.mean(chances.argmax(1).numpy() == test.labels)), steps


def cells(
    chosen: argparse.Namespace, labels: int, starts: Callable[[int], dict[str, Path | None]]
) -> Iterator[Cell]:
    """All cells of one number of labels a class, measured now or before; `starts` names a seed's arms."""
    file: Path = chosen.out / f"finetune-{labels}.jsonl"
    known = {
        (found["seed"], found["draw"], found["arm"]): Cell(**found)
        for found in map(json.loads, file.read_text("utf-8").splitlines() if file.exists() else ())
    }
    train, test = read(chosen.data / "train"), read(chosen.data / "test")
    for seed in range(chosen.seeds):
        arms = starts(seed)
        for number in range(chosen.draws):
            rows = draw(train, labels, number)
            for arm, where in arms.items():
                if (seed, number, arm) not in known:
                    config = config_for(chosen, seed, len(rows), labels, where)
                    began_s = time.perf_counter()
                    accuracy, steps = finetune(config, train, rows, test)
                    seconds = time.perf_counter() - began_s
                    cell = Cell(labels, seed, number, arm, accuracy, seconds, steps)
                    with file.open("a", encoding="utf-8") as lines:
                        lines.write(json.dumps(asdict(cell)) + "\n")
                    known[seed, number, arm] = cell
                yield known[seed, number, arm]


def accuracies(found: list[Cell], chosen: argparse.Namespace) -> dict[str, np.ndarray]:
    """Percent of each arm, [seeds, draws]."""
    shape = (chosen.seeds, chosen.draws)
    return {
        arm: 100 * np.array([cell.accuracy for cell in found if cell.arm == arm]).reshape(shape)
        for arm in dict.fromkeys(cell.arm for cell in found)
    }


def starts(chosen: argparse.Namespace, seed: int) -> dict[str, Path | None]:
    """What the arms of the table of finetuning start from."""
    return {"scratch": None, "pretrained": find_start(pretrained(chosen, seed))}


def table(chosen: argparse.Namespace) -> None:
    """Measure what is missing, then print Markdown."""
    lines = []
    minutes: list[float] = []
    for labels in [int(word) for word in chosen.labels.split(",")]:
        found = list(cells(chosen, labels, lambda seed: starts(chosen, seed)))
        arms = accuracies(found, chosen)
        difference = arms["pretrained"] - arms["scratch"]
        low, high = interval(difference)
        verdict = "beats" if low > 0 else "is beaten" if high < 0 else "no sure difference"
        minutes += [cell.seconds / 60 for cell in found]
        lines.append(
            f"| {labels} | {arms['scratch'].mean():.1f} | {arms['pretrained'].mean():.1f} "
            f"| {difference.mean():+.1f} [{low:+.1f}, {high:+.1f}] | {verdict} | {found[0].steps} |"
        )
    is_whole = all(getattr(chosen, name) >= count for name, count in WHOLE.items())
    before = f"{chosen.epochs:g} epochs of pretraining" if chosen.runs is None else "runs given"
    print(
        f"### {'' if is_whole else 'SMALLER TABLE: '}Finetuned after pretraining against from scratch, "
        f"{chosen.data.name}, {chosen.seeds} pretraining seeds × {chosen.draws} draws, "
        f"{before}\n"
    )
    print(
        "| labels a class | from scratch, % | pretrained, % | difference [95 %] | pretrained | steps |"
    )
    print("|---|---|---|---|---|---|")
    print("\n".join(lines))
    print(
        f"\nA cell took {statistics.median(minutes):.2f} minutes (median of {len(minutes)}) on "
        f"{chosen.device}, {chosen.threads} threads; ViT of width {MODEL['width']}, depth "
        f"{MODEL['depth']}; the difference is paired, its interval a bootstrap over seeds and draws."
    )


def main() -> None:
    """Parse and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("table", choices=["finetune"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--labels", default="5,20", help="labels a class, with commas between them")
    parser.add_argument("--seeds", type=int, default=WHOLE["seeds"])
    parser.add_argument("--draws", type=int, default=WHOLE["draws"])
    parser.add_argument("--epochs", type=float, default=30, help="of pretraining")
    parser.add_argument("--runs", type=Path, help="pretraining runs that are there already")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    if not chosen.data.exists():
        parser.error(
            f"{chosen.data} is not there; give a folder or a tar with train and test in it"
        )
    chosen.data = unpacked(chosen.data, chosen.out)
    if chosen.device == "cpu":
        torch.set_num_threads(chosen.threads)
    table(chosen)


if __name__ == "__main__":
    main()
