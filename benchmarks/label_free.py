"""Do measures without labels rank settings as k-NN does? Asked before `tune` may choose by one.

    python -m benchmarks.label_free FOLDER… --out DIR [--images 700] [--steps 150] [--seeds 1]

Each FOLDER has one sub-folder a class. Unlike settings train alike on it; then k-NN asks the images
held out, and three measures look at the same features without their labels. The table gives
Spearman's rank correlation of each with k-NN over the settings, the untrained network among them.

Shapes: n images, q views of each, D width.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn import functional

from sit_engine import api
from sit_engine.config.build import build, merge
from sit_engine.evaluation.features import extract
from sit_engine.evaluation.probes import knn_predict
from sit_engine.jobs.labelled import load_held_out
from sit_engine.jobs.networks import load_backbones
from sit_engine.models.backbone import Backbone
from sit_engine.records.run import Run
from sit_engine.records.summary import summarise
from sit_engine.watching.health import measure

SIDE = 32
VIEWS = 8
MOST_ASKED = 200
NEIGHBOURS = 10
RIDGE = 1e-4
MEASURES = ("effective rank", "LiDAR", "neighbours agree")
BASE: dict[str, Any] = {
    "data": {"watch_share": 0.3},
    "model": {"image_size": SIDE, "patch_size": 8, "width": 96, "depth": 4},
    "method": {
        "contrast_loss": "nt_xent", "temperature": 0.1, "reconstruction_weight": 0,
        "corruption": {"kind": "none"}, "views": {"crop_scale_min": 0.3},
    },
    "optim": {"batch_size": 64},
    "compute": {"threads": 1, "device": "cpu"},
    "watch": {"readings": 0, "previews": 0},
}  # fmt: skip
HIDDEN = {"corruption": {"kind": "gmml"}, "reconstruction_weight": 1.0}
SETTINGS: dict[str, dict[str, Any]] = {
    "base": {},
    "colours kept": {"method": {"views": {
        "brightness": 0.3, "contrast": 0.3, "saturation": 0.1, "hue": 0, "grey": 0, "solarise": 0}}},
    "colours wild": {"method": {"views": {
        "brightness": 0.8, "contrast": 0.8, "saturation": 0.8, "hue": 0.5, "grey": 0.5}}},
    "small crops": {"method": {"views": {"crop_scale_min": 0.08}}},
    "large crops": {"method": {"views": {"crop_scale_min": 0.6}}},
    "blocks": {"method": HIDDEN},
    "teacher": {"method": {"contrast_loss": "info_nce", "temperature": 0.2, **HIDDEN}},
    "soft": {"method": {"temperature": 0.5}},
    "slow": {"optim": {"learning_rate": 1e-4}},
}  # fmt: skip


def lidar(feature_nqD: Tensor) -> float:
    """Effective rank of what tells images apart against what tells views of one image apart.

    Thilak et al. 2023 (arXiv 2312.04000): λ the eigenvalues of Σw^-½ Σb Σw^-½, Σb of the means of
    images and Σw within them, plus δI with δ = 1e-4; exp of the entropy of λ / Σλ.
    """
    feature_nqD = feature_nqD.double()
    images, views, width = feature_nqD.shape
    mean_nD = feature_nqD.mean(1)
    within = (feature_nqD - mean_nD[:, None]).reshape(-1, width)
    centred = mean_nD - mean_nD.mean(0)
    within_DD = within.T @ within / (images * (views - 1)) + RIDGE * torch.eye(width).double()
    between_DD = centred.T @ centred / (images - 1)
    values, vectors = torch.linalg.eigh(within_DD)
    root_DD = vectors @ torch.diag(values.clamp(min=1e-12).rsqrt()) @ vectors.T
    found = torch.linalg.eigvalsh(root_DD @ between_DD @ root_DD).clamp(min=0)
    shares = found / found.sum().clamp(min=1e-12)
    return math.exp(-float((shares * shares.clamp(min=1e-12).log()).sum()))


def agreement(feature_nqD: Tensor, clean_mD: Tensor) -> float:
    """Share of the nearest clean images that two views of one image have in common, a mean over pairs."""
    clean_mD = functional.normalize(clean_mD)
    near = [
        (functional.normalize(feature_nqD[:, view]) @ clean_mD.T).topk(NEIGHBOURS).indices
        for view in range(feature_nqD.shape[1])
    ]
    shares = [
        float((near[a][:, :, None] == near[b][:, None, :]).any(2).float().mean())
        for a in range(len(near))
        for b in range(a)
    ]
    return float(np.mean(shares))


def weak_views(views_n3VV: Tensor) -> Tensor:
    """[n,q,3,V,V]: crops of 60 to 100 % of the area, half of them mirrored; colours stay."""
    generator, side = np.random.default_rng(0), views_n3VV.shape[-1]
    found = []
    for view in views_n3VV:
        for _ in range(VIEWS):
            size = round(side * math.sqrt(generator.uniform(0.6, 1.0)))
            y, x = generator.integers(0, side - size + 1, size=2)
            crop = view[None, :, y : y + size, x : x + size].float()
            crop = functional.interpolate(crop, [side, side], mode="bicubic", antialias=True)
            found.append(crop.flip(-1) if generator.random() < 0.5 else crop)
    made = torch.cat(found).round().clamp(0, 255).to(torch.uint8)
    return made.reshape(len(views_n3VV), VIEWS, *views_n3VV.shape[1:])


def subset(folder: Path, out: Path, images: int) -> Path:
    """As many images of each class as make up `images`, copied."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir())
    for place in classes if not out.exists() else ():
        (out / place.name).mkdir(parents=True)
        for file in sorted(place.iterdir())[: math.ceil(images / len(classes))]:
            shutil.copy(file, out / place.name)
    return out


def train(folder: Path, out: Path, name: str, steps: int, seed: int) -> Run:
    """A whole run of so many steps, unless it is there."""
    run = Run(out / f"{name.replace(' ', '-')}-seed{seed}")
    if run.config_file.exists() and summarise(run).status == "completed":
        return run
    shutil.rmtree(run.path, ignore_errors=True)
    images = sum(1 for path in folder.rglob("*") if path.is_file())
    a_epoch = round(images * (1 - BASE["data"]["watch_share"])) // 64
    own = {
        "data": {"folders": [str(folder)]},
        "optim": {"epochs": steps / a_epoch},
        "compute": {"seed": seed},
    }
    config = build(merge(merge(BASE, SETTINGS[name]), own))
    api.pretrain(config, run.path, emit=lambda _: None)
    return run


def look(run: Run, backbones: dict[str, Backbone]) -> dict[str, dict[str, float]]:
    """K-NN and each measure for each network on the images that the run held out."""
    given, cpu = load_held_out(run, None), torch.device("cpu")
    train_n, asked_m = (given.reader.views(part.paths, SIDE) for part in (given.train, given.test))
    weak = weak_views(asked_m[:MOST_ASKED])
    found = {}
    for name, backbone in backbones.items():
        clean_nD, asked_mD = (extract(backbone, views, device=cpu) for views in (train_n, asked_m))
        views_nqD = extract(backbone, weak.flatten(0, 1), device=cpu).reshape(*weak.shape[:2], -1)
        answers = knn_predict(clean_nD, given.train.labels, asked_mD, classes=len(given.classes))
        found[name] = {
            "k-NN": float((answers == given.test.labels).mean()),
            "effective rank": measure(asked_mD).effective_rank,
            "LiDAR": lidar(views_nqD),
            "neighbours agree": agreement(views_nqD, clean_nD),
        }
    return found


def correlations(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    """Spearman's rank correlation of each measure with k-NN."""
    knn = [row["k-NN"] for row in rows.values()]
    return {
        name: float(spearmanr(knn, [row[name] for row in rows.values()]).statistic)
        for name in MEASURES
    }


def main() -> None:
    """Parse, train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=700)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=1)
    chosen = parser.parse_args()
    for folder in chosen.folders:
        name = "-".join(folder.parts[-2:])
        with tempfile.TemporaryDirectory() as place:
            images = subset(folder, Path(place) / name, chosen.images)
            rows: dict[str, dict[str, float]] = {}
            for seed in range(chosen.seeds):
                for each in SETTINGS:
                    run = train(images, chosen.out / name, each, chosen.steps, seed)
                    loaded = load_backbones(run)
                    networks = {f"{each} {seed}": loaded.trained}
                    if each == "base":
                        networks[f"untrained {seed}"] = loaded.untrained
                    rows |= look(run, networks)
                    print(
                        json.dumps({k: v for k, v in rows.items() if k.endswith(str(seed))}),
                        flush=True,
                    )
        spearman = correlations(rows)
        found = {"folder": name, "rows": rows, "spearman": spearman}
        (chosen.out / f"{name}.json").write_text(json.dumps(found, indent=1), "utf-8")
        print(name, {key: round(value, 2) for key, value in spearman.items()}, flush=True)


if __name__ == "__main__":
    main()
