"""Is it worth it on this folder? Public weights, own pretraining and none, asked the same questions.

The folder of such a study holds `worth.json` (what was found), `worth.png`, `pretrained/` (a
comparison: the runs that were trained for equal time) and `scratch.jsonl` (each training from labels
alone). Shapes: n labelled and m test images, D width, V side of a view.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from sit_engine.config.build import build
from sit_engine.config.methods import DEFAULT_METHOD, pretraining_methods, traits
from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError
from sit_engine.evaluation.features import centred_units, extract, probabilities, raw_pixels
from sit_engine.evaluation.measure import MOST_FEW, SHOTS, Given
from sit_engine.evaluation.probes import (
    binomial_score,
    drawn_labels,
    few_shot,
    linear_probe,
    mean_score,
)
from sit_engine.evaluation.reading import Work, read_through
from sit_engine.files import disk_error, write_aside
from sit_engine.jobs.labelled import load_held_out, load_labelled
from sit_engine.jobs.networks import load_backbones, load_baseline
from sit_engine.machine.device import apply_settings
from sit_engine.models.backbone import Backbone
from sit_engine.records.compare_request import CompareRequest
from sit_engine.records.comparison import Budget
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.report import DRAWS, RAW_PIXELS, Score
from sit_engine.records.run import Run
from sit_engine.records.worth import ALL, Column, Kind, Worth
from sit_engine.studies.compare import OnRun, compare
from sit_engine.studies.supervised import supervised_config, train_supervised
from sit_engine.studies.worth_figure import write_figure
from sit_engine.training.start import Emit, MakeControl

OWN, SCRATCH = "own pretraining", "from scratch"
FILE, CELLS, PRETRAINED = "worth.json", "scratch.jsonl", "pretrained"
PRETRAINING_SHARE = 0.6
"""Of the minutes; the rest trains networks from labels alone."""
SCRATCH_DRAWS = 3
MOST_VIEWS_BYTES = 2 * 2**30


@dataclass(frozen=True)
class WorthRequest:
    """Images with labels, weights by the names of their columns, and the minutes for all of it."""

    folder: str
    weights: Mapping[str, Path]
    minutes: float
    test: tuple[str, ...] = ()
    labels_file: str | None = None
    threads: int | None = None


def worth(
    request: WorthRequest,
    out: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None,
    on_run: OnRun,
    tell: OnProgress,
) -> Worth:
    """Pretrain what is to be pretrained, ask every way with few labels and with all; resumable."""
    configs = _configs(request)
    each = PRETRAINING_SHARE * request.minutes / len(configs)
    asked = CompareRequest(
        request.folder,
        {name: build(values) for name, values in configs.items()},
        Budget("minutes", each),
        seeds=1,
        test=request.test,
        labels_file=request.labels_file,
    )
    place = out / PRETRAINED
    done = compare(
        asked, place, emit=emit, make_control=make_control, on_run=on_run, tell=tell, least=1
    )
    runs = {name: Run(place / "runs" / f"{name}-seed0") for name in configs}
    if not done.is_complete:
        return _found(request, each, [], None, is_complete=False)
    own = runs[OWN]
    given = _given(own, request, tell)
    columns = _probed(request, runs, given, tell)
    columns.append(_from_scratch(request, own, given, out, tell))
    found = _found(request, each, columns, given, is_complete=True)
    try:
        write_aside(out / FILE, json.dumps(found.to_json(), indent=1))
    except OSError as error:
        raise disk_error(error, out) from None
    write_figure(found, out)
    return found


def _configs(request: WorthRequest) -> dict[str, dict[str, Any]]:
    """The runs: own pretraining by the default method, and each public network continued."""
    going_on = [name for name in pretraining_methods() if traits(name).needs_start]
    compute = {} if request.threads is None else {"threads": request.threads}
    configs: dict[str, dict[str, Any]] = {
        OWN: {"method": {"name": DEFAULT_METHOD}, "compute": compute}
    }
    for name, path in request.weights.items():
        for method in going_on:
            configs[f"{name} continued"] = {
                "method": {"name": method}, "model": {"weights": str(path)}, "compute": compute,
            }  # fmt: skip
    if not 0 < request.minutes < float("inf"):
        raise ConfigError(
            "worth.minutes",
            "The minutes cannot be {value}.",
            "Give a number above 0.",
            value=request.minutes,
        )
    return configs


def _given(own: Run, request: WorthRequest, tell: OnProgress) -> Given:
    if not request.test:
        return load_held_out(own, tell)
    return load_labelled(own, [request.folder], request.test, tell, labels_file=request.labels_file)


# Ways with features


def _probed(
    request: WorthRequest, runs: Mapping[str, Run], given: Given, tell: OnProgress
) -> list[Column]:
    """Raw pixels, each network frozen and continued, and the own one, all by the same probes."""
    device = apply_settings(runs[OWN].config().compute, or_cpu=True)
    networks: list[tuple[str, Kind, Backbone, int]] = []
    for name, path in request.weights.items():
        start = load_baseline(path, name)
        networks.append((name, "frozen", start.backbone, start.side))
    for name, run in runs.items():
        kind: Kind = "own" if name == OWN else "continued"
        side = run.config().model.image_size
        networks.append((name, kind, load_backbones(run).trained, side))
    columns = []
    for name, kind, backbone, side in networks:
        work = partial(extract, backbone.to(device), device=device)
        rows = _rows(given, name, work, side, tell)
        parts = backbone.feature_parts
        columns.append(Column(name, kind, _asked(rows, given, parts, name, tell)))
    side = runs[OWN].config().model.image_size
    pixels = centred_units(*_rows(given, RAW_PIXELS, raw_pixels, side, tell))
    first = Column(RAW_PIXELS, "raw pixels", _asked(pixels, given, 1, RAW_PIXELS, tell))
    return [first, *columns]


def _rows(
    given: Given, name: str, work: Work, side: int, tell: OnProgress
) -> tuple[Tensor, Tensor]:
    read = partial(
        read_through, given.reader, side=side, works={name: work}, tell=tell, phase="reading images"
    )
    return read(given.train.paths)[name], read(given.test.paths)[name]


def _asked(
    rows: tuple[Tensor, Tensor], given: Given, parts: int, name: str, tell: OnProgress
) -> dict[int, Score]:
    """Accuracy by labels a class, and with all of them."""
    (train_nD, test_mD), train, test = rows, given.train.labels, given.test.labels
    scores = {}
    for shots in _possible(train):
        tell(f"probes of {name}", shots, max(SHOTS))
        found = few_shot(train_nD, train, test_mD, test, shots=shots, draws=DRAWS)
        scores[shots] = mean_score(found)
    probed = linear_probe(train_nD, train, test_mD, classes=len(given.classes), parts=parts)
    scores[ALL] = binomial_score(probed.answers == test)
    return scores


def _possible(labels: np.ndarray) -> list[int]:
    counts = np.bincount(labels)
    counts = counts[counts > 0]
    return [n for n in SHOTS if n <= counts.min() and n * len(counts) <= MOST_FEW]


# From labels alone


def _from_scratch(
    request: WorthRequest, own: Run, given: Given, out: Path, tell: OnProgress
) -> Column:
    """The own run's network trained from nothing on the labels alone, while its minutes last.

    Round after round, each with one draw of every number of labels, so that all rows stand early.
    """
    cells = _Cells(out / CELLS)
    device = apply_settings(own.config().compute, or_cpu=True)
    like, labels = own.config(), given.train.labels
    side = like.model.image_size
    if len(given.test) * side * side * 3 > MOST_VIEWS_BYTES:
        return Column(SCRATCH, "scratch", {})
    views_m3VV = given.reader.views(given.test.paths, side)
    rows = [*_possible(labels), ALL]
    drawn = {
        shots: list(drawn_labels(labels, shots=shots, draws=SCRATCH_DRAWS, seed=0))
        for shots in rows if shots != ALL
    }  # fmt: skip
    given_s = (1 - PRETRAINING_SHARE) * request.minutes * 60
    each_s = given_s / (SCRATCH_DRAWS * (len(rows) - 1) + 1)
    for draw in range(SCRATCH_DRAWS):
        for place, shots in enumerate(rows):
            is_over = cells.seconds > given_s and draw > 0
            if cells.knows(shots, draw) or is_over or (shots == ALL and draw > 0):
                continue
            tell("training from labels alone", draw * len(rows) + place, SCRATCH_DRAWS * len(rows))
            began_s = time.perf_counter()
            chosen = np.arange(len(labels)) if shots == ALL else drawn[shots][draw]
            if len(chosen) * side * side * 3 > MOST_VIEWS_BYTES:
                continue
            views_n3VV = given.reader.views([given.train.paths[row] for row in chosen], side)
            config = supervised_config(like, labels[chosen], draw)
            classifier, _ = train_supervised(config, views_n3VV, labels[chosen], seconds=each_s)
            classifier.to(device).eval()
            chances = probabilities(classifier, views_m3VV, device=device)
            right = chances.argmax(1).numpy() == given.test.labels
            cells.add(shots, draw, right, time.perf_counter() - began_s)
    return Column(SCRATCH, "scratch", cells.scores())


class _Cells:
    """What each training from labels alone came to, a JSON line each, written when it is known."""

    def __init__(self, file: Path) -> None:
        self.file = file
        text = file.read_text("utf-8") if file.exists() else ""
        self.found: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]

    @property
    def seconds(self) -> float:
        """Spent on all of them."""
        return sum(float(one["seconds"]) for one in self.found)

    def knows(self, shots: int, draw: int) -> bool:
        return any((one["shots"], one["draw"]) == (shots, draw) for one in self.found)

    def add(self, shots: int, draw: int, right: np.ndarray, seconds: float) -> None:
        cell = {"shots": shots, "draw": draw, "right": int(right.sum()), "asked": len(right)}
        self.found.append(cell | {"seconds": seconds})
        try:
            with self.file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(self.found[-1]) + "\n")
        except OSError as error:
            raise disk_error(error, self.file) from None

    def scores(self) -> dict[int, Score]:
        """Over draws; of a single one the interval is that of its test images."""
        by_shots: dict[int, list[float]] = {}
        asked = 1
        for one in self.found:
            asked = int(one["asked"])
            by_shots.setdefault(int(one["shots"]), []).append(one["right"] / asked)
        scores = {}
        for shots, values in by_shots.items():
            right = np.arange(asked) < round(values[0] * asked)
            scores[shots] = mean_score(values) if len(values) > 1 else binomial_score(right)
        return scores


def _found(
    request: WorthRequest,
    each: float,
    columns: Sequence[Column],
    given: Given | None,
    *,
    is_complete: bool,
) -> Worth:
    notes = [
        Sentence(
            "Each pretraining had {minutes} minutes. Few labels: a linear classifier on frozen features, "
            "{draws} draws; from scratch the whole network, up to {few} draws.",
            minutes=f"{each:.3g}",
            draws=DRAWS,
            few=SCRATCH_DRAWS,
        )
    ]
    return Worth(
        folder=request.folder,
        test=request.test,
        minutes=request.minutes,
        each_minutes=each,
        train_images=len(given.train) if given is not None else 0,
        test_images=len(given.test) if given is not None else 0,
        classes=len(given.classes) if given is not None else 0,
        columns=tuple(columns),
        notes=(*map(str, notes), *([str(given.left_out)] if given and str(given.left_out) else [])),
        is_complete=is_complete,
    )
