"""What methods learn in minutes on a GPU: raced for equal time, then SiT finetuned against from scratch.

    python -m benchmarks gpu-quality DATA --out DIR [--device cuda] [--minutes 1.2]

DATA holds `train` and `test` with one sub-folder a class (cifar10-mid). All train the network of
hananshafi/vits-for-small-scale-datasets but for its MLP ratio (ViT of width 192, depth 9, 12 heads,
patch 4, at 32 px). The minutes given here are meant to let all of it end within nine on one GPU, which
none has shown yet; `--quick` tries the command on a CPU. What others published stands below the table,
with what differs.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from sit_engine import api
from sit_engine.config.build import build
from sit_engine.config.methods import entrants
from sit_engine.config.tree import RunConfig
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.comparison import Budget
from sit_engine.records.studies.comparison_text import to_text

METHODS = ("sit", "dino", "simdino", "mocov3")
NETWORK = {
    "image_size": 32, "backbone": "custom", "width": 192, "depth": 9, "heads": 12, "patch_size": 4,
    "stem": "patch",
}  # fmt: skip
SMALL = NETWORK | {"width": 32, "depth": 2, "heads": 2, "patch_size": 8}
ANCHORS = """
| published | network, images, length | result |
|---|---|---|
| hananshafi/vits-for-small-scale-datasets (BMVC 2022): DINO on CIFAR-10, then finetuned | ViT 192 wide, \
9 deep, patch 4, MLP ratio 2; 50,000 images, 200 epochs of DINO, 100 of finetuning | 96.41, from \
scratch 93.58 |
| stable-pretraining, Imagenette: DINO | ViT-S/16 at 224 px; 9,469 images, 200 epochs | k-NN 83.8, \
linear 86.1 |
| stable-pretraining, Imagenette: MoCo v3 | the same | k-NN 82.6, linear 84.7 |

Those saw each image a hundred times as often or more, other images, or a wider MLP: they tell what the \
methods can come to, not what these minutes should give."""


def main() -> int:
    """Race, finetune, print."""
    about = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu-quality", description=about)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    parser.add_argument("--minutes", type=float, default=1.2, help="of each pretraining")
    parser.add_argument("--finetune-epochs", type=float, default=10)
    parser.add_argument("--quick", action="store_true", help="a small network for some seconds")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.minutes, chosen.finetune_epochs = 0.05, 0.2
    began_s = time.perf_counter()
    raced = api.compare(
        CompareRequest(
            str(chosen.data / "train"),
            {name: config(chosen, name) for name in METHODS},
            Budget("minutes", chosen.minutes),
            seeds=1,
            test=(str(chosen.data / "test"),),
        ),
        chosen.out / "race",
        emit=lambda _: None,
    )
    print(
        f"## Raced, {chosen.minutes:g} minutes each on {chosen.device}\n\n```\n{to_text(raced)}\n```"
    )
    print(finetuned(chosen))
    print(ANCHORS)
    print(f"\nAll of it took {(time.perf_counter() - began_s) / 60:.1f} minutes.")
    return 0


def config(chosen: argparse.Namespace, name: str) -> RunConfig:
    """A method on the network of the table, with what "auto" gives for the rest."""
    return build(
        {
            "method": entrants()[name].values,
            "model": SMALL if chosen.quick else NETWORK,
            "compute": {"device": chosen.device},
        }
    )


def finetuned(chosen: argparse.Namespace) -> str:
    """SiT's network on all labels, against the same from nothing."""
    out = chosen.out / "finetuned"
    train, test = str(chosen.data / "train"), str(chosen.data / "test")
    start = chosen.out / "race" / "runs" / f"{METHODS[0]}-seed0"
    wanted = build(
        {
            "method": {"name": "finetune"},
            "data": {"folders": [train]},
            "model": {"weights": str(start), "image_size": NETWORK["image_size"]},
            "optim": {"epochs": chosen.finetune_epochs},
            "compute": {"device": chosen.device},
        }
    )
    if out.exists():
        parser_words = "is there already; what it holds may be unfinished: take another --out"
        raise SystemExit(f"{out} {parser_words}")
    api.finetune(wanted, out, emit=lambda _: None, with_scratch=True)
    lines = ["\n## Finetuned on all labels, accuracy of the classifier, %\n", "| start | test |"]
    lines.append("|---|---|")
    twin = api.scratch_twin(out)[1]
    for word, run in ((f"after {METHODS[0]}", out), ("from scratch", twin)):
        report, _ = api.evaluate(run, EvaluateRequest(train=[train], test=[test], knn_only=True))
        (row,) = (row for row in report.rows if row.kind == "classifier")
        score = row.scores[report.columns[-1]]
        lines.append(f"| {word} | {100 * score.accuracy:.1f} ± {100 * score.interval:.1f} |")
    return "\n".join(lines)
