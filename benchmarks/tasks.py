"""Which tasks of SiT help, alone and together: a table of docs/benchmarks.md that takes training runs.

    python -m benchmarks.tasks DATA --out DIR [--minutes 8] [--seeds 2]

DATA holds `train` and `test` with one sub-folder a class, or is a tar of such a folder. Five sets of
tasks of the recipe of 2021 train for the same time, each with each seed, and are measured on frozen
features: it is `sit-engine compare` with five files of settings. What is measured stays and is not
redone; with a GPU `--device cuda --minutes 60 --seeds 3` gives the long table.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from benchmarks.tables import MODEL, compute, unpacked
from sit_engine import api
from sit_engine.config.build import build
from sit_engine.config.tree import RunConfig
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.comparison import Budget, Comparison, Figure

WHOLE = {"seeds": 2, "minutes": 8.0}
FIXED: dict[str, Any] = {"learned_weights": []}
NONE = {"rotation_weight": 0, "contrast_weight": 0, "reconstruction_weight": 0}


def only(task: str) -> dict[str, Any]:
    """One task with weight 1."""
    return FIXED | NONE | {f"{task}_weight": 1}


TASKS: dict[str, dict[str, Any]] = {
    "all, learned weights": {},
    "all, fixed weights": FIXED,
    "reconstruction only": only("reconstruction"),
    "rotation only": only("rotation"),
    "contrast only": only("contrast"),
}


def config_of(method: dict[str, Any], chosen: argparse.Namespace) -> RunConfig:
    """The small recipe of 2021 with these tasks."""
    return build({
        "preset": "small-2021",
        "method": method,
        "model": MODEL,
        "compute": compute(chosen, 0),
        "watch": {"readings": 4, "previews": 0},
    })  # fmt: skip


def print_table(found: Comparison, chosen: argparse.Namespace) -> None:
    """As Markdown."""
    is_whole = all(getattr(chosen, name) >= least for name, least in WHOLE.items())
    print(
        f"### {'' if is_whole else 'SMALLER TABLE: '}Tasks of SiT 2021 on {chosen.data.name}, "
        f"{found.seeds} seeds, {found.budget.amount:g} minutes a run\n"
    )
    print(f"| | k-NN, % | linear, % | {found.shots} labels a class, % | images seen |")
    print("|---|---|---|---|---|")
    for line in found.lines:
        cells = [_cell(line.figures.get(key)) for key in ("knn", "linear", "few_shot")]
        images = [run.images for run in found.runs if run.config == line.name]
        seen = f"{min(images) / 1000:.0f}–{max(images) / 1000:.0f} k" if images else ""
        print(f"| {line.name} | {' | '.join(cells)} | {seen} |")
    minutes = [run.minutes for run in found.runs]
    print(
        f"\nIn brackets the difference to the first line, paired, with its 95 % interval: a bootstrap "
        f"over seeds and test images, or draws. {found.train_images} training and "
        f"{found.test_images} test images; runs took {min(minutes):.1f} to {max(minutes):.1f} minutes "
        f"of wall time on {chosen.device}, {chosen.threads} threads; ViT of width {MODEL['width']}, "
        f"depth {MODEL['depth']}, patch {MODEL['patch_size']}."
    )


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    text = f"{100 * figure.accuracy:.1f}"
    if gap := figure.gap:
        text += f" ({100 * gap.mean:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}])"
    return text


def main() -> None:
    """Parse, measure what is missing, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=WHOLE["minutes"], help="a run trains")
    parser.add_argument("--seeds", type=int, default=WHOLE["seeds"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    if not chosen.data.exists():
        parser.error(
            f"{chosen.data} is not there; give a folder or a tar with train and test in it"
        )
    chosen.out.mkdir(parents=True, exist_ok=True)
    chosen.data = unpacked(chosen.data, chosen.out)
    if chosen.device == "cpu":
        torch.set_num_threads(chosen.threads)
    found = api.compare(
        CompareRequest(
            str((chosen.data / "train").absolute()),
            {name: config_of(method, chosen) for name, method in TASKS.items()},
            budget=Budget("minutes", chosen.minutes),
            seeds=chosen.seeds,
            test=(str((chosen.data / "test").absolute()),),
        ),
        chosen.out / "tasks",
        emit=lambda _: None,
    )
    print_table(found, chosen)


if __name__ == "__main__":
    main()
