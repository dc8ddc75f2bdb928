"""Is it worth it on this folder? Public weights, own pretraining and none, asked the same questions.

The folder of such a study holds `asked.json`, `worth.json` (what was found), `worth.png`, `worth.html`,
`pretrained/` (a comparison: the runs that were trained for equal time) and `scratch.jsonl` (each training
from labels alone). Shapes: n labelled and m test images, D width, V side of a view.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

from torch import Tensor

from sit_engine.config.build import build
from sit_engine.config.methods import DEFAULT_METHOD, entrants, pretraining_methods, traits
from sit_engine.counted import Sentence
from sit_engine.data.folder.index import ImageIndex
from sit_engine.errors import ConfigError
from sit_engine.evaluation.features import centred_units, extract, raw_pixels
from sit_engine.evaluation.measure import SHOTS, Given, possible_shots
from sit_engine.evaluation.probes import (
    binomial_score,
    few_shot_right,
    linear_probe,
    mean_score,
)
from sit_engine.evaluation.reading import Work, read_through
from sit_engine.files import disk_error, write_aside
from sit_engine.jobs.labelled import load_held_out, load_labelled
from sit_engine.jobs.networks import load_backbones, load_baseline
from sit_engine.machine.device import apply_settings
from sit_engine.models.backbone import Backbone
from sit_engine.records.locking.run_lock import RunLock
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.report import DRAWS, RAW_PIXELS
from sit_engine.records.run import Run
from sit_engine.records.studies.compare_request import CompareRequest
from sit_engine.records.studies.comparison import Budget
from sit_engine.records.studies.worth import (
    ALL,
    ASKED,
    FILE,
    PAGE,
    PRETRAINED,
    Column,
    Kind,
    Lead,
    Worth,
    WorthAsked,
    middle,
)
from sit_engine.studies.compare import OnRun, compare
from sit_engine.studies.paired import interval
from sit_engine.studies.plan import carried, layout_of_test
from sit_engine.studies.worth.figure import write_figure
from sit_engine.studies.worth.from_labels import SCRATCH_DRAWS, from_scratch
from sit_engine.studies.worth.page import page
from sit_engine.studies.worth.sights import index_of, sights
from sit_engine.studies.worth.way import Way, over_images
from sit_engine.training.start import Emit, MakeControl

OWN = "own pretraining"
PRETRAINING_SHARE = 0.6
"""Of the minutes; the rest trains networks from labels alone."""


@dataclass(frozen=True)
class WorthRequest:
    """Images with labels, weights by the names of their columns, and the minutes for all of it."""

    folder: str
    weights: Mapping[str, Path]
    minutes: float
    test: tuple[str, ...] = ()
    labels_file: str | None = None
    threads: int | None = None
    method: str = DEFAULT_METHOD
    """Of own pretraining: whoever can enter a race (`config.methods.entrants`)."""
    reading: Mapping[str, Any] = field(default_factory=dict)
    """Data settings by name that say how the folder is read."""

    @property
    def record(self) -> WorthAsked:
        """What of it stands in the study's folder."""
        places = tuple(str(path) for path in self.weights.values())
        return WorthAsked(
            self.folder,
            places,
            self.minutes,
            self.test,
            self.labels_file,
            self.method,
            self.reading,
        )


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
    is_new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, out) from None
    try:
        with RunLock(Run(out)):
            return _worked(
                request, out, emit=emit, make_control=make_control, on_run=on_run, tell=tell
            )
    finally:
        if is_new and not any((out / name).exists() for name in (PRETRAINED, FILE)):
            _discard(out)


def _worked(
    request: WorthRequest,
    out: Path,
    *,
    emit: Emit,
    make_control: MakeControl | None,
    on_run: OnRun,
    tell: OnProgress,
) -> Worth:
    """Work on the study in its folder, which no other process writes."""
    _write(out / ASKED, json.dumps(request.record.to_json(), indent=1), is_new=True)
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
    # A label file may have moved along with the images.
    asked = carried(asked, place)
    index = index_of(asked, tell)
    if len(index.classes) == 0 and request.weights:
        found = _without_labels(request, index, out, tell)
        _write(out / FILE, json.dumps(found.to_json(), indent=1))
        return found
    # What was said without labels holds no longer.
    (out / FILE).unlink(missing_ok=True)
    done = compare(
        asked, place, emit=emit, make_control=make_control, on_run=on_run, tell=tell, least=1
    )
    runs = {name: Run(place / "runs" / f"{name}-seed0") for name in configs}
    if not done.is_complete:
        return _found(request, each, [], None, [], is_complete=False)
    own = runs[OWN]
    given = _given(own, asked, tell)
    seconds = (1 - PRETRAINING_SHARE) * request.minutes * 60
    answered, left_out = from_scratch(seconds, own, given, out, tell)
    ways = [*_probed(request, runs, given, tell), answered]
    found = _found(request, each, [way.column for way in ways], given, left_out, is_complete=True)
    found = replace(found, leads=tuple(_leads(ways, middle(found.shots))))
    # Not before all is agreed on: a refusal leaves what was asked as it was.
    _write(out / ASKED, json.dumps(request.record.to_json(), indent=1))
    write_figure(found, out)
    _write(out / PAGE, page(found, out))
    _write(out / FILE, json.dumps(found.to_json(), indent=1))
    return found


def _without_labels(request: WorthRequest, index: ImageIndex, out: Path, tell: OnProgress) -> Worth:
    """Nothing is trained: what the weights see of the images."""
    seen = tuple(sights(index, request.weights, out, tell))
    return Worth(
        request.folder, request.test, request.minutes, 0.0, len(index), 0, 0, (), (), True,
        sights=seen,
    )  # fmt: skip


def _discard(out: Path) -> None:
    """A study that was refused before anything was trained leaves no folder."""
    with suppress(OSError):
        (out / ASKED).unlink(missing_ok=True)
        for picture in out.glob("alike-*.png"):
            picture.unlink()
        out.rmdir()


def _write(path: Path, text: str, *, is_new: bool = False) -> None:
    if is_new and path.exists():
        return
    try:
        write_aside(path, text)
    except OSError as error:
        raise disk_error(error, path) from None


def _configs(request: WorthRequest) -> dict[str, dict[str, Any]]:
    """The runs: own pretraining, and each public network continued."""
    own = entrants().get(request.method)
    if own is None:
        raise ConfigError(
            "worth.method",
            "There is no method {name} to pretrain with from nothing.",
            "Choose one of {known}.",
            name=request.method,
            known=", ".join(entrants()),
        )
    going_on = [
        name
        for name in pretraining_methods()
        if traits(name).needs_start and traits(name).watch == "pretraining"
    ]
    compute = {} if request.threads is None else {"threads": request.threads}
    alike = {"compute": compute, "data": dict(request.reading)}
    configs: dict[str, dict[str, Any]] = {OWN: {"method": dict(own.values), **alike}}
    for name, path in request.weights.items():
        for method in going_on:
            configs[f"{name} continued"] = {
                "method": {"name": method}, "model": {"weights": str(path)}, **alike,
            }  # fmt: skip
    if not 0 < request.minutes < float("inf"):
        raise ConfigError(
            "worth.minutes",
            "The minutes cannot be {value}.",
            "Give a number above 0.",
            value=request.minutes,
        )
    return configs


def _given(own: Run, asked: CompareRequest, tell: OnProgress) -> Given:
    if not asked.test:
        return load_held_out(own, tell)
    return load_labelled(
        own,
        [asked.folder],
        asked.test,
        tell,
        labels_file=asked.labels_file,
        layout=layout_of_test(asked),
        train_layout=own.config().data.layout,
    )


# Ways with features


def _probed(
    request: WorthRequest, runs: Mapping[str, Run], given: Given, tell: OnProgress
) -> list[Way]:
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
    own_side = runs[OWN].config().model.image_size
    works: dict[int, dict[str, Work]] = {own_side: {RAW_PIXELS: raw_pixels}}
    for name, _, backbone, side in networks:
        work = partial(extract, backbone.to(device), device=device)
        works.setdefault(side, {})[name] = work
    rows = _rows(given, works, tell)
    pixels = centred_units(*rows[RAW_PIXELS])
    ways = [_asked(RAW_PIXELS, "raw pixels", pixels, given, 1, tell)]
    for name, kind, backbone, _ in networks:
        ways.append(_asked(name, kind, rows[name], given, backbone.feature_parts, tell))
    return ways


def _rows(
    given: Given, works: Mapping[int, dict[str, Work]], tell: OnProgress
) -> dict[str, tuple[Tensor, Tensor]]:
    """What each work makes of the images to learn from and to ask; one reading for each side."""
    found: dict[str, tuple[Tensor, Tensor]] = {}
    for side, of_side in works.items():
        read = partial(
            read_through, given.reader, side=side, works=of_side, tell=tell, phase="reading images"
        )
        train, test = read(given.train.paths), read(given.test.paths)
        found |= {name: (train[name], test[name]) for name in of_side}
    return found


def _asked(
    name: str,
    kind: Kind,
    rows: tuple[Tensor, Tensor],
    given: Given,
    parts: int,
    tell: OnProgress,
) -> Way:
    """Answers with few labels a class, and with all of them."""
    (train_nD, test_mD), train, test = rows, given.train.labels, given.test.labels
    scores, right = {}, {}
    for shots in possible_shots(train):
        tell(f"probes of {name}", shots, max(SHOTS))
        right[shots] = few_shot_right(train_nD, train, test_mD, test, shots=shots, draws=DRAWS)
        scores[shots] = over_images(mean_score(list(right[shots].mean(1))), len(test))
    probed = linear_probe(train_nD, train, test_mD, classes=len(given.classes), parts=parts)
    scores[ALL] = binomial_score(probed.answers == test)
    return Way(Column(name, kind, scores), right)


def _leads(ways: Sequence[Way], shots: int) -> Iterator[Lead]:
    """Leads of every way over every other, over the draws that both have; the best of several is read."""
    for one, other in permutations((way for way in ways if shots in way.right), 2):
        draws = min(len(one.right[shots]), len(other.right[shots]))
        gap = one.right[shots][:draws].astype(float) - other.right[shots][:draws]
        low, high = interval(gap, among=max(1, len(ways) - 1))
        yield Lead(one.column.name, other.column.name, float(gap.mean()), low, high)


def _found(
    request: WorthRequest,
    each: float,
    columns: Sequence[Column],
    given: Given | None,
    left_out: Sequence[str],
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
    about = "" if given is None else str(given.left_out)
    return Worth(
        folder=request.folder,
        test=request.test,
        minutes=request.minutes,
        each_minutes=each,
        train_images=len(given.train) if given is not None else 0,
        test_images=len(given.test) if given is not None else 0,
        classes=len(given.classes) if given is not None else 0,
        columns=tuple(columns),
        notes=tuple(text for text in (*map(str, notes), *map(str, left_out), about) if text),
        is_complete=is_complete,
    )
