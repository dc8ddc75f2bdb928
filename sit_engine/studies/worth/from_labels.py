"""The own network trained from labels alone, with few of them and with all: what pretraining has to beat.

Shapes: n labelled and m test images, V side of a view.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sit_engine.counted import Sentence
from sit_engine.evaluation.features import probabilities
from sit_engine.evaluation.measure import Given, possible_shots
from sit_engine.evaluation.probes import drawn_labels, mean_score
from sit_engine.evaluation.reading import ImageSet
from sit_engine.files import disk_error, write_aside
from sit_engine.machine.device import apply_settings
from sit_engine.paths import escape_name
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.report import Score
from sit_engine.records.run import Run
from sit_engine.records.studies.worth import ALL, Column
from sit_engine.studies.supervised import supervised_config, train_supervised
from sit_engine.studies.worth.way import Way, over_images

SCRATCH, CELLS = "from scratch", "scratch.jsonl"
SCRATCH_DRAWS = 3
MOST_VIEWS_BYTES = 2 * 2**30


def from_scratch(
    seconds: float, own: Run, given: Given, out: Path, tell: OnProgress
) -> tuple[Way, list[str]]:
    """The own run's network trained from nothing on the labels alone, while so many seconds last.

    Round after round, each with one draw of every number of labels, so that all rows stand early. With
    it a sentence about each thing that was left out.
    """
    cells = Cells(out / CELLS, fingerprint(given.train, given.test))
    device = apply_settings(own.config().compute, or_cpu=True)
    like, labels = own.config(), given.train.labels
    side = like.model.image_size
    if _bytes(given.test.paths, side) > MOST_VIEWS_BYTES:
        why = Sentence("Training from scratch was left out: the test images are too many to keep.")
        return Way(Column(SCRATCH, "scratch", {}), {}), [why]
    rows, left_out = [*possible_shots(labels), ALL], list[str]()
    if _bytes(given.train.paths, side) > MOST_VIEWS_BYTES:
        rows.remove(ALL)
        left_out.append(
            Sentence("Training from scratch on all labels was left out: they are too many to keep.")
        )
    views_m3VV = given.reader.views(given.test.paths, side)
    drawn = {
        shots: list(drawn_labels(labels, shots=shots, draws=SCRATCH_DRAWS, seed=0))
        for shots in rows if shots != ALL
    }  # fmt: skip
    wanted = [(draw, shots) for draw in range(SCRATCH_DRAWS) for shots in rows
              if shots != ALL or draw == 0]  # fmt: skip
    for place, (draw, shots) in enumerate(wanted):
        is_over = cells.seconds > seconds and draw > 0
        if cells.knows(shots, draw) or is_over:
            continue
        told = partial(tell, "training from labels alone", place, len(wanted))
        told()
        began_s = time.perf_counter()
        chosen = np.arange(len(labels)) if shots == ALL else drawn[shots][draw]
        views_n3VV = given.reader.views([given.train.paths[row] for row in chosen], side)
        config = supervised_config(like, labels[chosen], draw)
        classifier = train_supervised(
            config, views_n3VV, labels[chosen], seconds=seconds / len(wanted), on_step=told
        )
        classifier.to(device).eval()
        chances = probabilities(classifier, views_m3VV, device=device)
        right = chances.argmax(1).numpy() == given.test.labels
        cells.add(shots, draw, right, time.perf_counter() - began_s)
    return Way(Column(SCRATCH, "scratch", cells.scores()), cells.right()), left_out


def _bytes(paths: Sequence[str], side: int) -> int:
    return len(paths) * side * side * 3


def fingerprint(*sets: ImageSet) -> str:
    """A fingerprint of what is learnt from and asked: answers about other images are no answers.

    Names count from the folder that holds them all, so that one which moved is the same.
    """
    found = hashlib.sha256()
    for images in sets:
        root = os.path.commonpath(images.paths)
        for path, label in zip(images.paths, images.labels.tolist(), strict=True):
            found.update(f"{escape_name(os.path.relpath(path, root))}\0{label}\0".encode())
    return found.hexdigest()


class Cells:
    """What each training from labels alone came to: a small file of JSON lines, written whole.

    Lines about other images, and what is no line of ours, are passed over.
    """

    def __init__(self, file: Path, images: str) -> None:
        self.file, self.images = file, images
        text = file.read_text("utf-8", "replace") if file.exists() else ""
        self.found = [cell for line in text.splitlines() if (cell := _cell_of(line, images))]

    @property
    def seconds(self) -> float:
        """Spent on all of them."""
        return float(sum(cell["seconds"] for cell in self.found))

    def knows(self, shots: int, draw: int) -> bool:
        return any((one["shots"], one["draw"]) == (shots, draw) for one in self.found)

    def add(self, shots: int, draw: int, right: np.ndarray, seconds: float) -> None:
        cell = {"shots": shots, "draw": draw, "right": _packed(right), "asked": len(right)}
        self.found.append(cell | {"seconds": seconds, "images": self.images})
        try:
            write_aside(self.file, "".join(f"{json.dumps(one)}\n" for one in self.found))
        except OSError as error:
            raise disk_error(error, self.file) from None

    def right(self) -> dict[int, np.ndarray]:
        """By labels a class whether each test image was answered rightly, [draws,m], in order."""
        found: dict[int, list[np.ndarray]] = {}
        for one in sorted(self.found, key=lambda one: int(one["draw"])):
            found.setdefault(int(one["shots"]), []).append(_unpacked(one["right"], one["asked"]))
        return {shots: np.array(rows) for shots, rows in found.items()}

    def scores(self) -> dict[int, Score]:
        """The scores, over draws and test images."""
        return {
            shots: over_images(mean_score(list(right.mean(1))), right.shape[1])
            for shots, right in self.right().items()
        }


def _packed(right: np.ndarray) -> str:
    return base64.b64encode(np.packbits(right).tobytes()).decode()


def _unpacked(text: str, asked: int) -> np.ndarray:
    bits = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
    if asked < 1 or len(bits) != (asked + 7) // 8:
        raise ValueError("not that many answers")
    return np.unpackbits(bits, count=asked).astype(bool)


def _cell_of(line: str, images: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
        numbers = {name: int(found[name]) for name in ("shots", "draw", "asked")}
        right, seconds = str(found["right"]), float(found["seconds"])
        _unpacked(right, numbers["asked"])
        is_ours = found["images"] == images
    except (ValueError, TypeError, KeyError):
        return None
    return numbers | {"right": right, "seconds": seconds, "images": images} if is_ours else None
