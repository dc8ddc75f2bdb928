"""Going on from another folder's network, which stands in for public weights; goes on where it stopped.

    python -m benchmarks.stand_in SOURCE TARGET --out DIR [--minutes 3] [--source-minutes 5]
        [--labels 5,20] [--seeds 3] [--draws 5]

Both hold `train` and `test` with one sub-folder a class, or are tars of such folders. SiT is pretrained
on SOURCE, without labels; from there the target's images are gone on with in each way, then each
network is finetuned on the same few labels of the target. Equal minutes are so many images by speeds
that are measured turn about before the first run, so that other work takes nothing from anyone.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from benchmarks.tables import MODEL, accuracies, cells, compute, read, trained, unpacked
from sit_engine.config.build import build
from sit_engine.records.starts import find_start
from sit_engine.studies.paces import measure_paces
from sit_engine.studies.paired import interval

SOURCE = "SOURCE"
SCRATCH = "from scratch"
ALONE = "the foreign network alone"
"""Arms without training on the target's unlabelled images."""
WAYS: dict[str, dict[str, Any]] = {
    "SiT from scratch": {"method": {"name": "sit"}},
    "SiT from the foreign network": {"method": {"name": "sit"}, "model": {"weights": SOURCE}},
    "continue": {"method": {"name": "continue"}, "model": {"weights": SOURCE}},
    "continue, kept copies": {
        "method": {"name": "continue", "copies": 4},
        "model": {"weights": SOURCE},
    },
}


def settings(
    chosen: argparse.Namespace, folder: Path, seed: int, way: dict[str, Any], start: Path | None
) -> dict[str, Any]:
    """What a run of this way is told."""
    own = way.get("model", {})
    model = MODEL | ({"weights": str(start)} if own else {})
    return {
        "data": {"folders": [str((folder / "train").absolute())]},
        "model": model,
        "method": way["method"],
        "compute": compute(chosen, seed),
    }


def paces(chosen: argparse.Namespace, start: Path) -> dict[str, float]:
    """Images/s of each way, measured once."""
    file: Path = chosen.out / "paces.json"
    if not file.exists():
        configs = {
            name: build(settings(chosen, chosen.data, 0, way, start)) for name, way in WAYS.items()
        }
        found = measure_paces(configs, chosen.minutes, lambda *_: None)
        rates = {name: pace.images_per_s for name, pace in found.items()}
        file.write_text(json.dumps(rates), encoding="utf-8")
    return dict(json.loads(file.read_text("utf-8")))


def source(chosen: argparse.Namespace, seed: int) -> Path:
    """The network of the other folder: as many epochs as its minutes give at the speed of seed 0."""
    told = settings(chosen, chosen.source, seed, WAYS["SiT from scratch"], None)
    file: Path = chosen.out / "source-pace.json"
    if not file.exists():
        found = measure_paces({"sit": build(told)}, chosen.source_minutes, lambda *_: None)
        file.write_text(json.dumps(found["sit"].images_per_s), encoding="utf-8")
    rate = float(json.loads(file.read_text("utf-8")))
    images = len(read(chosen.source / "train").paths)
    told["optim"] = {"epochs": rate * 60 * chosen.source_minutes / images}
    return trained(chosen.out / f"source-{seed}", told)


def starts(chosen: argparse.Namespace, seed: int) -> dict[str, Path | None]:
    """What each arm is finetuned from."""
    foreign = find_start(source(chosen, seed))
    images = len(read(chosen.data / "train").paths)
    found: dict[str, Path | None] = {SCRATCH: None, ALONE: foreign}
    for name, way in WAYS.items():
        told = settings(chosen, chosen.data, seed, way, foreign)
        rate = paces(chosen, foreign)[name]
        told["optim"] = {"epochs": rate * 60 * chosen.minutes / images}
        place = name.replace(" ", "-").replace(",", "")
        found[name] = find_start(trained(chosen.out / f"{place}-{seed}", told))
    return found


def main() -> None:
    """Measure what is missing, then print Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("data", type=Path, metavar="target")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=3, help="of each way on the target")
    parser.add_argument("--source-minutes", type=float, default=5)
    parser.add_argument("--labels", default="5,20", help="labels a class, with commas between them")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name in ("source", "data"):
        setattr(chosen, name, unpacked(getattr(chosen, name), chosen.out))
    if chosen.device == "cpu":
        torch.set_num_threads(chosen.threads)
    counts = [int(word) for word in chosen.labels.split(",")]
    arms = [
        accuracies(list(cells(chosen, labels, lambda seed: starts(chosen, seed))), chosen)
        for labels in counts
    ]
    print(
        f"| finetuned from | images/s |{''.join(f' {n} labels, % | over scratch |' for n in counts)}"
    )
    print("|---|---|" + "---|---|" * len(counts))
    rates = json.loads((chosen.out / "paces.json").read_text("utf-8"))
    for name in arms[0]:
        line = f"| {name} | {f'{rates[name]:,.0f}' if name in rates else '–'} |"
        for found in arms:
            difference = found[name] - found[SCRATCH]
            low, high = interval(difference)
            over = f"{difference.mean():+.1f} [{low:+.1f}, {high:+.1f}]"
            line += f" {found[name].mean():.1f} | {'–' if name == SCRATCH else over} |"
        print(line)
    print(
        f"\n{chosen.seeds} seeds × {chosen.draws} draws of labels; {chosen.minutes:g} minutes each way, "
        f"{chosen.source_minutes:g} of the foreign network; intervals paired, over seeds and draws."
    )


if __name__ == "__main__":
    main()
