"""Does a supernet rank networks as training each of them alone does? A toy space, trained exhaustively.

    python -m benchmarks.ranking FOLDER --out DIR [--minutes 4] [--epochs 12] [--seeds 1] [--threads 1]
        [--from-labels] [--quick]

FOLDER has one sub-folder a class, or is a tar of a folder with `train` in it. All 64 networks of a space
of eight widths, four depths and two patch sizes train alone for the same epochs; a supernet of each way
of sharing weights trains for the same minutes, by speeds measured turn about. Both answer about the
same held-out images: by nearest neighbours, with --from-labels by their classifiers. The table gives
Kendall's τ of each supernet's scores with those of the networks alone, with its 95 % interval
(networks drawn with replacement). What is there in DIR is not trained again. --quick: eight networks,
for seconds each.

Shapes: n networks.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from scipy.stats import kendalltau

from benchmarks.tables import unpacked
from sit_engine import api
from sit_engine.config.build import build, merge
from sit_engine.config.families.network_shape import NetworkShape
from sit_engine.config.families.searched import as_settings, listed
from sit_engine.config.families.sharing import Sharing
from sit_engine.config.families.space import Space, tenths
from sit_engine.config.tree import RunConfig
from sit_engine.data.folder.folder_facts import facts_of
from sit_engine.records.run import Run
from sit_engine.records.run_folder import is_run
from sit_engine.records.studies.comparison import Budget
from sit_engine.records.summary import summarise
from sit_engine.studies.budget import with_budget
from sit_engine.studies.paces import measure_paces
from sit_engine.studies.search.score import Scorer, network_parts
from sit_engine.training.prepare import list_images

SPACE = Space(32, (8, 16), tenths(96, 3), 1, 4, (4,), (96,), (192,))
SHARINGS: tuple[Sharing, ...] = get_args(Sharing)
IDENTITY = 0.4
RESAMPLES = 2000
QUICK = 8


def networks(space: Space) -> list[NetworkShape]:
    """All of them, each once."""
    drawn = space.draw(2000 * int(space.networks), 0.5, np.random.default_rng(0))
    return [space.shape(code) for code in np.unique(drawn, axis=0)]


def tau(alone_n: Sequence[float], inside_n: Sequence[float]) -> tuple[float, float, float]:
    """Kendall's τ-b of two scores of the same networks, and its 95 % interval over the networks."""
    alone, inside = np.array(alone_n), np.array(inside_n)
    found = float(kendalltau(alone, inside).statistic)
    generator = np.random.default_rng(1)
    drawn = generator.integers(len(alone), size=(RESAMPLES, len(alone)))
    each = [kendalltau(alone[rows], inside[rows]).statistic for rows in drawn]
    low, high = np.nanpercentile(each, [2.5, 97.5])
    return found, float(low), float(high)


def config_of(chosen: argparse.Namespace, seed: int, model: dict[str, Any]) -> RunConfig:
    """The settings that networks alone and supernets share."""
    values: dict[str, Any] = {
        "data": {"folders": [str(chosen.folder)], "watch_share": 0.2},
        "model": model | {"drop_path": 0.0},
        "optim": {"epochs": chosen.epochs, "batch_size": 64, "optimiser": "adamw"},
        "compute": {"device": chosen.device, "seed": seed, "threads": chosen.threads},
        "watch": {"readings": 0, "previews": 0},
    }
    if chosen.from_labels:
        method = {"name": "finetune", "head": "linear", "randaugment": 0, "mixup": 0, "patience": 0}
        values |= {"method": method, "watch": {"previews": 0}}
    return build(values)


def supernet_model(sharing: Sharing) -> dict[str, Any]:
    """All of the space, without a budget."""
    return {
        "family": "supernet", "image_size": SPACE.image_size, "patches": listed(list(SPACE.patches)),
        "widths": listed(list(SPACE.widths)), "least_depth": SPACE.least_depth, "slots": SPACE.slots,
        "heads": listed(list(SPACE.heads)), "attentions": listed(list(SPACE.attentions)),
        "mlps": listed(list(SPACE.mlps)), "sharing": sharing, "low": 0.0, "high": 1e15,
        "identity": IDENTITY,
    }  # fmt: skip


def trained(config: RunConfig, place: Path) -> Run:
    """The run, begun or gone on with as far as it is missing."""
    run = Run(place)
    if not is_run(place):
        api.pretrain(config, place, emit=lambda _: None)
    elif summarise(run).status != "completed":
        api.resume(place, emit=lambda _: None)
    return run


def main() -> None:
    """Train what is missing, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ranking", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--epochs", type=float, default=12.0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--from-labels", action="store_true")
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    chosen.out = chosen.out.absolute()
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.folder.is_file():
        chosen.folder = unpacked(chosen.folder, chosen.out) / "train"
    chosen.folder = chosen.folder.absolute()
    shapes = networks(SPACE)
    if chosen.quick:
        chosen.minutes, chosen.epochs, shapes = 0.1, 1.0, shapes[:: len(shapes) // QUICK]
    alone = [_alone(chosen, shape, number) for number, shape in enumerate(shapes)]
    print("| sharing | τ [95 %] | best network's place alone | steps |\n|---|---|---|---|")
    for sharing, config in _equally_long(chosen).items():
        inside, steps = _inside(chosen, sharing, config, shapes)
        found, low, high = tau(alone, inside)
        place = 1 + sum(value > alone[int(np.argmax(inside))] for value in alone)
        print(
            f"| {sharing} | {found:.2f} [{low:.2f}, {high:.2f}] | {place} of {len(shapes)} | {steps:,} |",
            flush=True,
        )


def _alone(chosen: argparse.Namespace, shape: NetworkShape, number: int) -> float:
    """The mean accuracy over seeds; kept, and the run's folder let go of."""
    found = []
    for seed in range(chosen.seeds):
        kept = chosen.out / "alone" / f"{number}-seed{seed}.json"
        if not kept.exists():
            place = chosen.out / "alone" / f"{number}-seed{seed}"
            run = trained(config_of(chosen, seed, as_settings(shape, SPACE.image_size)), place)
            accuracy = network_parts(run, lambda _: None).accuracy
            kept.write_text(json.dumps({"network": shape, "accuracy": accuracy}))
            shutil.rmtree(place)
        found.append(float(json.loads(kept.read_text())["accuracy"]))
    return float(np.mean(found))


def _equally_long(chosen: argparse.Namespace) -> dict[Sharing, RunConfig]:
    """The supernets' settings, each with as many images as it sees in the minutes; frozen at first."""
    kept = chosen.out / "epochs.json"
    configs = {one: config_of(chosen, 0, supernet_model(one)) for one in SHARINGS}
    if not kept.exists():
        paces = measure_paces({str(one): c for one, c in configs.items()}, chosen.minutes, _quiet)
        facts = facts_of(list_images(configs["ring"], _quiet))
        budget = Budget("minutes", chosen.minutes)
        epochs = {
            one: with_budget(config, budget, paces[one], facts).optim.epochs
            for one, config in configs.items()
        }
        kept.write_text(json.dumps(epochs))
    epochs = json.loads(kept.read_text())
    return {
        one: build(merge(config.model_dump(), {"optim": {"epochs": epochs[one]}}))
        for one, config in configs.items()
    }


def _inside(
    chosen: argparse.Namespace, sharing: Sharing, config: RunConfig, shapes: list[NetworkShape]
) -> tuple[list[float], int]:
    """What each network answers in the supernet, and the steps that it trained."""
    kept = chosen.out / f"inside-{sharing}.json"
    if not kept.exists():
        run = trained(config, chosen.out / f"supernet-{sharing}")
        scorer = Scorer(run, lambda _: None)
        accuracies = [scorer.parts(shape).accuracy for shape in shapes]
        kept.write_text(json.dumps([accuracies, summarise(run).step]))
    accuracies, steps = json.loads(kept.read_text())
    return accuracies, steps


def _quiet(*_: object) -> None:
    """Progress that nobody reads."""


if __name__ == "__main__":
    main()
