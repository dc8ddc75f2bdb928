"""Every "auto" becomes a number, with the reason; plain values in and out, so this needs no torch.

The rules and what they were tuned on: docs/adr/0004-auto-settings.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Never

from sit_engine.config.backbones import BackboneOptions, Requirements
from sit_engine.config.build import check_together
from sit_engine.config.course import FEWEST_EPOCHS, MOST_EPOCHS, Course, epochs_needed
from sit_engine.config.facts import DataFacts, DeviceFacts, MemoryFacts, StartFacts
from sit_engine.config.filling import AS_START, Filling
from sit_engine.config.methods import Scale
from sit_engine.config.resolved import as_resolved
from sit_engine.config.tree import OptimOptions, ResolvedConfig, RunConfig
from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError

MOST_WATCHED = 1000
FEWEST_IMAGES = 16
PEAK_RATE = 1.5e-3
# Of the free memory: passing needs, and what was measured on few images, may be more than thought.
FILLED_SHARE = 0.8


@dataclass(frozen=True)
class Resolved:
    """A config without "auto", and the reason for each value that was."""

    config: ResolvedConfig
    reasons: dict[str, str]


def resolve(
    config: RunConfig, facts: DataFacts, device: DeviceFacts, start: StartFacts | None = None
) -> Resolved:
    """Fill every "auto" of `config` for these images on this device.

    `start` has the sizes of the weights that `model.weights` names.
    """
    if config.method.needs_start and config.model.weights is None:
        raise ConfigError(
            "config.needs_start",
            "The method {method} goes on from weights, and none are named.",
            "Set model.weights to a run, or to what `sit-engine import` made; to start from nothing "
            "choose another method.",
            method=config.method.name,
        )
    autos = config.method.autos(facts)
    data = _data(Filling("data", config.data, autos), facts)
    filling = Filling("model", config.model, autos)
    if start is not None:
        _as_start(filling, config.model, start)
    config.model.fill(filling, facts, device, Requirements(start, config.method.tokens))
    model: BackboneOptions[Never] = filling.done()
    train_images = facts.images - watch_count(
        data.get("watch_share"), facts, one_a_class=config.method.needs_labels
    )
    optim = _optim(
        Filling("optim", config.optim, autos), train_images, model.token_width,
        config.method.rate_share, device,
    )  # fmt: skip
    batch = optim.get("batch_size")
    compute = _compute(config, device)
    _fit(compute, batch // device.ranks, device.memory)
    scale = Scale(
        image_size=model.image_size,
        patch_size=model.stride,
        width=model.token_width,
        total_steps=total_steps(optim.get("epochs"), train_images, batch),
        preset=config.preset,
        tokens=model.token_count,
        has_start=start is not None,
        batch_size=batch,
        epochs=optim.get("epochs"),
        train_images=train_images,
        takes_view=model.takes_view,
        blocks_deep=model.blocks_deep,
        can_stop_inside=model.can_stop_inside,
    )
    own, head_reasons = config.method.as_start(start)
    method, method_reasons = own.resolve(scale, facts, device)
    groups = (data, filling, optim, compute)
    update = {item.group: item.done() for item in groups} | {"method": method}
    reasons = {key: why for item in groups for key, why in item.reasons.items()}
    reasons |= head_reasons | method_reasons
    resolved = config.model_copy(update=update)
    check_together(resolved, is_resolved=True)
    return Resolved(as_resolved(resolved), reasons)


def _as_start(filling: Filling, model: BackboneOptions, start: StartFacts) -> None:
    """Take the family from the weights to start from, and their network where the family tells it."""
    if model.family != start.family:
        raise ConfigError(
            "config.weights_family",
            "The weights {file} are of a backbone of the family {theirs}, and the run's is {family}.",
            "Set model.family = {theirs}, or choose other weights in model.weights.",
            file=start.name,
            theirs=start.family,
            family=model.family,
        )
    # A view may have another side than those of before.
    is_as_before = filling.get("image_size") in ("auto", start.image_size)
    for name, theirs in start.network.items():
        if name not in model.follows_view():
            filling.take(name, theirs, start)
        elif is_as_before:
            filling.auto(name, theirs, AS_START)


def total_steps(epochs: float, train_images: int, batch_size: int) -> int:
    """Optimiser steps of a whole run; the last incomplete batch of an epoch is dropped."""
    return max(1, round(epochs * (train_images // batch_size)))


def course_of(config: ResolvedConfig, facts: DataFacts) -> Course:
    """The course of a run with these resolved settings on such images."""
    share = config.data.watch_share
    watched = watch_count(share, facts, one_a_class=config.method.needs_labels)
    return course_on(config, facts.images - watched)


def course_on(config: ResolvedConfig, train_images: int) -> Course:
    """The course of a run in which so many images train."""
    batch, epochs = config.optim.batch_size, config.optim.epochs
    return Course(
        total_steps(epochs, train_images, batch),
        train_images // batch,
        train_images,
        has_start=config.model.weights is not None,
        steps_to_learn=config.method.steps_to_learn,
    )


def watch_count(share: float, facts: DataFacts, *, one_a_class: bool = False) -> int:
    """How many labelled images are kept out of training to measure on."""
    if facts.validation:
        return facts.validation
    if facts.classes < 2 or share == 0:
        return 0
    fewest = facts.classes if one_a_class else 0
    return max(fewest, min(MOST_WATCHED, round(share * facts.images)))


def _data(filling: Filling, facts: DataFacts) -> Filling:
    why = "no folder is named train, beside one to test or validate on"
    if facts.layout != "classes":
        why = "so the names of the folders were understood"
    filling.auto("layout", facts.layout, why)
    has_labels = facts.classes >= 2 and facts.images >= 100
    if facts.validation:
        share = min(0.5, round(facts.validation / facts.images, 4))
        filling.auto("watch_share", share, "the folder's own validation images")
    filling.auto(
        "watch_share", 0.1 if has_labels else 0.0,
        Sentence("a tenth of the images, at most {most}", most=MOST_WATCHED) if has_labels
        else "none: k-NN needs two classes and a hundred images",
    )  # fmt: skip
    return filling


def _optim(
    filling: Filling, train_images: int, width: int, rate_share: float, device: DeviceFacts
) -> Filling:
    options = filling.options
    assert isinstance(options, OptimOptions)
    usual = 256 if device.kind != "cpu" else 64
    batch = min(usual, 1 << max(1, (train_images // 4).bit_length() - 1))
    why = "usual on a GPU" if usual == 256 else "usual on a CPU"
    if batch != usual:
        why = Sentence("at least four steps in an epoch of {images} images", images=train_images)
    filling.auto("batch_size", batch, why)
    batch = filling.get("batch_size")
    if batch % device.ranks and options.batch_size == "auto":
        batch = max(1, batch // device.ranks) * device.ranks
        filling.values["batch_size"] = batch
        filling.reasons["optim.batch_size"] = Sentence(
            "{why}, shared by {processes} processes",
            why=filling.reasons["optim.batch_size"],
            processes=device.ranks,
        )
    if batch > train_images:
        raise ConfigError(
            "config.batch",
            "The batch size {batch} is larger than the {images} training images.",
            "Set optim.batch_size to {images} or less, or add images.",
            batch=batch,
            images=train_images,
        )
    _length(filling, options, train_images, batch, device)
    epochs = filling.get("epochs")
    peak = rate_share * min(PEAK_RATE, PEAK_RATE * 128 / width)
    words = "a peak of {peak} for width {width} at {images} images a step, tuned on small sets"
    if rate_share != 1:
        words = "a peak of {peak} for width {width} at {images} images a step: {share} × what others take"
    why = Sentence(words, peak=f"{peak:.2g}", width=width, images=batch, share=f"{rate_share:g}")
    filling.auto("learning_rate", round(peak * 256 / batch, 6), why)
    filling.auto(
        "warmup_epochs",
        round(min(10.0, epochs / 10), 3),
        "a tenth of the run, at most the paper's 10 epochs",
    )
    filling.auto("schedule", "cosine", "usual")
    filling.auto("optimiser", "muon", "learns more from each image than adamw")
    filling.auto("weight_decay", 0.04, "the published recipe's")
    filling.auto("weight_decay_end", 0.1, "the published recipe's")
    # The file of a run says how long it is once; the minutes stand in the reason.
    filling.values["minutes"] = None
    return filling


def _length(
    filling: Filling, options: OptimOptions, train_images: int, batch: int, device: DeviceFacts
) -> None:
    if options.minutes is not None and device.images_per_s:
        seen = options.minutes * 60 * device.images_per_s
        epoch = train_images // batch * batch
        why = Sentence(
            "{minutes} minutes at {rate} images/s, measured at the start",
            minutes=f"{options.minutes:g}",
            rate=f"{device.images_per_s:.0f}",
        )
        # Minutes that somebody asked for go before a length that the method has of its own.
        filling.values.pop("epochs", None)
        filling.auto("epochs", max(round(seen / epoch, 3), round(batch / epoch, 3)), why)
    filling.auto(
        "epochs",
        epochs_needed(train_images),
        Sentence(
            "two million images seen in all, within {fewest} and {most} epochs",
            fewest=FEWEST_EPOCHS,
            most=f"{MOST_EPOCHS:,}",
        ),
    )


def _compute(config: RunConfig, device: DeviceFacts) -> Filling:
    filling = Filling("compute", config.compute)
    filling.auto("device", device.kind, device.why_no_gpu or device.name)
    filling.auto("precision", device.precision, device.why_precision)
    filling.auto("matmul", device.matmul, device.why_precision)
    filling.auto("threads", device.cores, "one for each core")
    if config.model.draws_networks:
        filling.auto(
            "compile", "off", "each step trains another network, which would be compiled anew"
        )
    filling.auto("compile", "on" if device.can_compile else "off", device.why_compile)
    return filling


def _fit(filling: Filling, batch: int, memory: MemoryFacts | None) -> None:
    """Whether a step keeps all of its pass, and in how many parts it is worked, so that it fits.

    Gradient checkpointing goes first: it saves most, for about the time of one more forward pass.
    """
    why = "memory was not measured"
    if memory is not None:
        parts = 1 if filling.get("parts") == "auto" else filling.get("parts")
        why = _needs(batch, parts, memory.image, memory)
        if memory.fixed + memory.image * batch / parts > FILLED_SHARE * memory.free:
            filling.auto("recompute", "on", why)
        image = memory.recomputed_image if filling.get("recompute") == "on" else memory.image
        while (
            memory.fixed + image * batch / parts > FILLED_SHARE * memory.free
            and batch % (2 * parts) == 0
        ):
            parts *= 2
        why = _needs(batch, parts, image, memory)
        filling.auto("parts", parts, why)
    filling.auto("recompute", "off", why)
    filling.auto("parts", 1, why)


def _needs(batch: int, parts: int, image: int, memory: MemoryFacts) -> str:
    need = memory.fixed + image * batch // parts
    return Sentence(
        "measured {image} MB an image: {need} of {free} GB free for {images} images at once",
        image=f"{image / 1e6:.3g}",
        need=f"{need / 1e9:.2g}",
        free=f"{memory.free / 1e9:.2g}",
        images=batch // parts,
    )
