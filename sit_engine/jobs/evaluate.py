"""Evaluate a run: its networks and those beside it, labelled images, a report kept in the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sit_engine.counted import Sentence
from sit_engine.evaluation.measure import MeasuredNetwork, evaluate
from sit_engine.evaluation.written import write_report
from sit_engine.jobs.evaluate_request import EvaluateRequest
from sit_engine.jobs.labelled import load_labelled
from sit_engine.jobs.networks import (
    Backbones,
    is_finetuned,
    load_backbones,
    load_baseline,
    load_start,
    scratch_twin,
)
from sit_engine.machine.device import apply_settings
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.places import places_of
from sit_engine.records.report import SCRATCH, UNTRAINED, Report, Scratch
from sit_engine.records.run import Run
from sit_engine.records.summary import summarise


def evaluate_run(
    run: Run, request: EvaluateRequest, on_progress: OnProgress | None
) -> tuple[Report, Path]:
    """The report, and its file in the run's `evaluations/`."""
    config = run.config()
    device = apply_settings(config.compute, or_cpu=True)
    loaded = load_backbones(
        run, step=request.step, network=request.network, features=request.features
    )
    networks, scratch = _networks(run, request, loaded)
    given = load_labelled(
        run,
        request.train,
        request.test,
        on_progress,
        labels_file=request.labels_file,
        layout=request.layout,
        columns=request.columns,
        patterns=request.patterns,
        without_missing=request.without_missing,
    )
    report, predictions = evaluate(
        networks,
        given,
        network=loaded.network,
        step=loaded.step,
        device=device,
        seed=config.compute.seed,
        knn_only=request.knn_only,
        tell=on_progress or (lambda *_: None),
    )
    folders = places_of(run).folders if request.train is None else request.train
    report = replace(
        report,
        scratch=scratch,
        train=tuple(folders),
        test=tuple(request.test),
        features=request.features,
    )
    return write_report(run, report, predictions)


def _networks(
    run: Run, request: EvaluateRequest, loaded: Backbones
) -> tuple[list[MeasuredNetwork], Scratch | None]:  # fmt: skip
    """The columns after raw pixels, the run's own last; and what to say of its scratch twin."""
    config = run.config()
    side = config.model.image_size
    networks = [MeasuredNetwork(UNTRAINED, loaded.untrained, side)]
    if (start := load_start(run)) is not None:
        networks.append(start)
    for path in request.baselines:
        name = path.name
        while name in (network.name for network in networks):
            name += "′"
        networks.append(load_baseline(path, name))
    scratch = None
    if is_finetuned(run) and config.model.weights is not None:
        twin = scratch_twin(run)
        scratch = _about_twin(run, twin)
        if twin is not None:
            networks.append(_column(SCRATCH, twin, load_backbones(twin)))
    main = "finetuned" if is_finetuned(run) else "pretrained"
    for each in networks:
        each.backbone.features = request.features
    return [*networks, _column(main, run, loaded)], scratch


def _about_twin(run: Run, twin: Run | None) -> Scratch:
    if twin is None:
        how = Sentence("Make it with: sit-engine finetune scratch --like {run}", run=run.path)
        return Scratch(None, how)
    is_done = summarise(twin).status == "completed"
    resume = Sentence("It has not finished: sit-engine resume {run}", run=twin.path)
    hint = "" if is_done else resume
    return Scratch(str(twin.path), hint)


def _column(name: str, run: Run, loaded: Backbones) -> MeasuredNetwork:
    side = run.config().model.image_size
    return MeasuredNetwork(name, loaded.trained, side, loaded.classifier)
