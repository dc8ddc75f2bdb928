"""What the labels of folders live on, and what "auto" makes of it: the table of docs/adr/0017.

Run from the repository root: `python -m benchmarks.cues FOLDER… [--json FILE]`. Each folder of labelled
images is read as a scan reads it, at the side that a run on a CPU would take. Accuracies are k-NN's in
percent, each image asked of all others. Beside what "auto" goes by stand images that are asked mirrored
or upside down: they lose where no label changes, too, since nothing lies in its place any more.
"""

from __future__ import annotations

import argparse
import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Row, Table, machine, markdown, row, write
from sit_engine.config.facts import DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.tree import RunConfig
from sit_engine.config.views import ViewOptions
from sit_engine.data.folder.folder_facts import facts_of
from sit_engine.data.pixel_cache.cache import PixelCache, cache_side
from sit_engine.data.scan.quick_scan import scan
from sit_engine.evaluation.cues import Pixels, knn, measure, read, sample
from sit_engine.methods.view_autos import view_autos


def main() -> None:
    """A row a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", help="folders with a sub-folder for each class")
    parser.add_argument("--json", type=Path, help="also write the table to this file")
    chosen = parser.parse_args()
    command = shlex.join(["python", "-m", "benchmarks.cues", *chosen.folders])
    table = Table("cues", command, machine("cpu"), [of_folder(name) for name in chosen.folders])
    print(markdown(table))
    if chosen.json:
        write(table, chosen.json)


def of_folder(folder: str) -> Row:
    """What is measured on its labels, and what follows."""
    listed = scan([folder])
    facts = facts_of(listed)
    side = resolve(RunConfig(), facts, DeviceFacts()).config.model.image_size
    index, store = PixelCache().fill(listed, side=cache_side(side, listed))
    started_s = time.perf_counter()
    rows = sample(index.labels)
    images_nVVC, labels_n = read(store, rows), index.labels[rows]
    cues = measure(images_nVVC, labels_n)
    seconds = time.perf_counter() - started_s
    autos = view_autos(ViewOptions(), replace(facts, cues=cues), "standard")
    return row(
        folder=Path(folder).parent.name,
        images=cues.images,
        chance=100 * float(np.bincount(labels_n).max()) / len(labels_n),
        colour=100 * cues.colour,
        grey=100 * cues.grey,
        colour_margin=100 * cues.colour_margin,
        pixels=100 * cues.pixels,
        among_mirrored=100 * cues.mirrored,
        mirror_margin=100 * cues.mirror_margin,
        asked_mirrored=asked(images_nVVC, images_nVVC[:, :, ::-1], labels_n),
        asked_upside_down=asked(images_nVVC, images_nVVC[:, ::-1], labels_n),
        colours=str(autos["views.colours"][0]),
        flip=float(str(autos["views.flip"][0])),
        s=seconds,
    )


def asked(images_nVVC: Pixels, changed_nVVC: Pixels, labels_n: NDArray[np.integer[Any]]) -> float:
    """Accuracy in percent where each image is asked of all others in a changed form."""
    plain_nD, changed_nD = (
        images.reshape(len(images), -1).astype(np.float32) for images in (images_nVVC, changed_nVVC)
    )
    mean_D = plain_nD.mean(0)
    plain_nD, changed_nD = (values - mean_D for values in (plain_nD, changed_nD))
    for values in (plain_nD, changed_nD):
        values /= np.linalg.norm(values, axis=1, keepdims=True)
    cosine_nn = changed_nD @ plain_nD.T
    np.fill_diagonal(cosine_nn, -np.inf)
    answers_n = knn(cosine_nn, labels_n, int(labels_n.max()) + 1)
    return 100 * float((answers_n == labels_n).mean())


if __name__ == "__main__":
    main()
