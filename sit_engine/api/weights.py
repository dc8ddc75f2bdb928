"""Networks that leave, and that come: exports and imports."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sit_engine.config.backbones import FeatureKind
from sit_engine.config.facts import Variant
from sit_engine.config.methods import clips_method
from sit_engine.errors import ConfigError, RunError
from sit_engine.records.exported import Exported
from sit_engine.records.imported import Imported
from sit_engine.records.on_progress import OnProgress
from sit_engine.records.run_folder import open_run


def export(
    path: Path,
    *,
    format: Literal["torchscript", "onnx", "pt2", "safetensors"],
    out: Path,
    head: Literal["features", "classifier", "clips"] | None = None,
    step: int | None = None,
    network: str | None = None,
    features: FeatureKind = "usual",
) -> Exported:
    """Write a run's model so that it runs without us; a program is reopened and compared.

    `head` None is the classifier of a finetuned run, the clips of one that learnt these, and features of
    any other. Raises ConfigError where other `features` are asked of weights or a classifier, which have
    none.
    """
    from sit_engine.export.write import Model, write
    from sit_engine.jobs.networks import load_backbones, load_method
    from sit_engine.methods.clips.method import ClipMethod

    run = open_run(path)
    loaded = load_backbones(run, step=step, network=network, features=features)
    answers = head or ("features" if loaded.classifier is None else "classifier")
    if features != "usual" and (format == "safetensors" or answers == "classifier"):
        raise ConfigError(
            "export.features",
            "Features of another kind than usual are those of a program that gives features.",
            "Choose the format torchscript, onnx or pt2 and the head features, or leave --features out.",
        )
    if head == "classifier" and loaded.classifier is None:
        raise RunError(
            "run.no_classifier",
            "The run {path} has no classifier: it was trained without labels.",
            "Finetune it first with `sit-engine finetune`, or export --head features.",
            path=path,
        )
    classifier = None if head == "features" else loaded.classifier
    clips = None
    if head == "clips" or (head is None and run.config().method.makes_clips):
        method, _ = load_method(run, step=step)
        if not isinstance(method, ClipMethod):
            raise RunError(
                "run.no_clips",
                "The run {path} makes no vectors of clips.",
                "Train one with `sit-engine pretrain FOLDER --method {clips} --weights RUN`.",
                clips=clips_method(),
                path=path,
            )
        clips = method
    model = Model(loaded.trained, classifier, loaded.step, loaded.network, clips)
    return write(run, model, format=format, out=out)


def import_weights(
    file: Path,
    out: Path,
    *,
    network: str | None = None,
    heads: int | None = None,
    image_size: int | None = None,
    variant: Variant | None = None,
    timm: str | None = None,
) -> Imported:
    """Write weights that others trained into the folder `out`, from which a run may start.

    Files and folders of SiT, DINO, DINOv2, MoCo v3, MAE, CLIP, DeiT, timm and transformers; None is what
    their authors use, the heads usual for the width, the file's own view size in px, and the variant that
    its parts tell. `timm` names a network of timm's that is no plain vision transformer.
    """
    from sit_engine.models.imports.importing import import_weights as read

    return read(
        file, out, network=network, heads=heads, image_size=image_size, variant=variant, timm=timm
    )


def fetch_weights(
    name: str, out: Path, *, image_size: int | None = None, on_progress: OnProgress
) -> Imported:
    """Public weights of `records.public_weights`, from the hub into the folder `out`, to start from.

    The files come into the user's cache first and stay there; a call that was interrupted goes on.
    """
    from sit_engine.files import cache_root
    from sit_engine.models.imports.hub import fetch

    files = cache_root() / "public-weights" / name
    fetch(name, files, on_progress)
    return import_weights(files, out, image_size=image_size)
