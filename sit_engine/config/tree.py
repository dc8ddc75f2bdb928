"""One run's settings as one frozen tree: what the file, the flags and the form all declare from."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Never, TypeAlias

from pydantic import BeforeValidator, SerializeAsAny

from sit_engine.config.backbones import DEFAULT_FAMILY, FAMILIES, BackboneOptions
from sit_engine.config.facts import Layout
from sit_engine.config.families.vit import VitOptions
from sit_engine.config.fields import AutoT, FileName, OpenOptions, Options, setting
from sit_engine.config.methods import DEFAULT_METHOD, METHODS, MethodOptions, load

GifRule: TypeAlias = Literal["image", "video"]
"""What a GIF that moves is."""
CACHE_FACTOR = 1.15
"""Side of the decoded squares in view sizes, where nothing sharper is asked for."""


class DataOptions(OpenOptions[AutoT]):
    """Which images, and how their pixels are read."""

    folders: tuple[FileName, ...] = setting(
        (), "Folders", "Folders of images, searched with all sub-folders."
    )
    labels: Literal["folders", "csv", "none"] = setting(
        "folders",
        "Labels",
        "Where labels come from: the first level of sub-folders, a CSV file, or none. "
        "Pretraining never learns from them; they only let k-NN say whether it works.",
    )
    labels_file: FileName | None = setting(
        None,
        "Label file",
        "CSV file with the columns path and label; paths are whole, or relative to the file's "
        "folder or to a folder of images.",
    )
    path_column: str = setting(
        "path", "Column of paths", "How the label file calls the column with the images' paths."
    )
    label_column: str = setting(
        "label", "Column of labels", "How the label file calls the column with their labels."
    )
    layout: AutoT | Layout = setting(
        "auto",
        "Layout",
        "How the folders are understood: classes (CLASS/), split (train/CLASS/, test/CLASS/), "
        "folder-split (FOLDER/train/CLASS/), class-split (CLASS/train/), roots (each folder given is "
        "a class), split-roots (the folders given are train, test). Test images never train.",
        before="classes",
    )
    include: tuple[str, ...] = setting(
        (),
        "Only",
        "Patterns, such as *.jpg or photos/*: only files that match one are looked at; none: all.",
    )
    exclude: tuple[str, ...] = setting(
        (),
        "Leave out",
        "Patterns, such as masks or *_mask.png: files that match one, or lie in a folder that does, "
        "are not looked at.",
    )
    frame_rate: float = setting(
        1.0,
        "Frames a second",
        "Of videos: how many pictures a second are taken. Each stands for itself, as an image does.",
        unit="1/s",
        gt=0,
        le=60,
    )
    gifs: GifRule = setting(
        "image",
        "Moving GIFs",
        "What a GIF that moves is: an image, of which the first picture is used, or a video.",
    )
    watch_share: float | AutoT = setting(
        "auto",
        "Watch images",
        "Share of labelled images kept out of training: k-NN is watched on them, and finetuning "
        "validates on them. auto takes the folder's own validation images where it has some.",
        unit="share",
        ge=0,
        le=0.5,
    )
    value_range: Literal["percentile", "full"] = setting(
        "percentile",
        "Range of deep images",
        "How 16-bit, 32-bit and float images become 8-bit: from the folder's 0.1 to 99.9 "
        "percentile, or over the full range of their type.",
    )
    cache_gb: float = setting(
        20.0, "Cache budget", "Most disk space for decoded pixels.", unit="GB", gt=0
    )
    cache_factor: float = setting(
        CACHE_FACTOR,
        "Size of decoded squares",
        "Side of the decoded squares, in view sizes. Above 1.15 the views are sharper, and decoded "
        "pixels take more disk.",
        ge=1.15,
        le=8,
    )

    @property
    def is_sharp(self) -> bool:
        """Whether images are decoded as sharp as the papers' code has them."""
        return self.cache_factor > CACHE_FACTOR


LONGEST_EPOCHS = 100_000


class OptimOptions(OpenOptions[AutoT]):
    """How long and how fast it learns."""

    epochs: float | AutoT = setting(
        "auto", "Epochs", "How often every training image is seen.", gt=0, le=LONGEST_EPOCHS
    )
    minutes: float | None = setting(
        None,
        "Training time",
        "Instead of epochs: about how long to train on this machine; a short measured "
        "dry run turns it into epochs.",
        unit="min",
        gt=0,
    )
    batch_size: int | AutoT = setting(
        "auto",
        "Batch size",
        "Images in one step; each is also the others' contrast.",
        ge=2,
        le=65_536,
    )
    learning_rate: float | AutoT = setting(
        "auto",
        "Learning rate",
        "Highest learning rate for 256 images a step; scaled by the batch size.",
        gt=0,
        le=1,
    )
    learning_rate_end: float = setting(
        1e-6, "Last learning rate", "Learning rate at the end.", ge=0
    )
    warmup_epochs: float | AutoT = setting(
        "auto", "Warm-up", "Epochs in which the learning rate rises from 0.", unit="epochs", ge=0
    )
    schedule: AutoT | Literal["cosine", "level"] = setting(
        "auto",
        "Learning rate schedule",
        "After the warm-up: cosine, which falls from the start on, or level, which stays at the "
        "highest and falls in the last fifth alone.",
        before="cosine",
    )
    optimiser: AutoT | Literal["adamw", "muon"] = setting(
        "auto",
        "Optimiser",
        "adamw, or muon: the matrices of the network's blocks and heads move by orthogonal steps, which "
        "learns more from each image and takes somewhat longer; all else moves by adamw.",
        before="adamw",
    )
    weight_decay: float | AutoT = setting(
        "auto", "Weight decay, start", "Pull of the weights to 0.", ge=0, le=1
    )
    weight_decay_end: float | AutoT = setting(
        "auto", "Weight decay, end", "The same at the end.", ge=0, le=1
    )
    clip_norm: float = setting(
        3.0,
        "Gradient clip",
        "Largest gradient norm of each single weight tensor; 0 switches it off.",
        ge=0,
    )


class ComputeOptions(OpenOptions[AutoT]):
    """Where and in which number format it runs."""

    device: str = setting(
        "auto", "Device", "auto, cpu, cuda, or cuda:N.", pattern=r"^(auto|cpu|cuda(:\d+)?)$"
    )
    precision: AutoT | Literal["fp32", "bf16"] = setting(
        "auto",
        "Precision",
        "Number format of the matrix products; auto measures which is faster here.",
    )
    matmul: AutoT | Literal["highest", "medium"] = setting(
        "auto",
        "Matrix products",
        "How exact fp32 matrix products are; auto measures speed and error.",
    )
    compile: AutoT | Literal["on", "off"] = setting(
        "auto",
        "Compile",
        "Compile the networks' passes: steps are faster after a minute of compiling; auto compiles "
        "on a GPU where a compiler is installed.",
        before="off",
    )
    recompute: AutoT | Literal["on", "off"] = setting(
        "auto",
        "Save memory",
        "Gradient checkpointing: keep little of each pass and work it out again, for about the "
        "time of one more forward pass. Auto measures whether a step fits without.",
        before="off",
    )
    parts: int | AutoT = setting(
        "auto",
        "Micro-batches",
        "Passes that a step is cut into to need less memory; the loss stays that of the whole "
        "batch. Must divide the batch size; of several processes as far as it divides their share. "
        "Auto measures what fits.",
        before=1,
        ge=1,
        le=1024,
    )
    threads: int | AutoT = setting("auto", "Threads", "CPU threads of the trainer.", ge=1, le=1024)
    seed: int = setting(
        0, "Seed", "Same seed, same settings, same machine: same weights.", ge=0, lt=2**31
    )


class WatchOptions(Options):
    """What the run shows and keeps while it trains."""

    report_every: int = setting(
        10,
        "Report every",
        "Steps between two points of a curve; fewer where it would have under 30 points.",
        unit="steps",
        ge=1,
    )
    readings: int = setting(
        20, "Health readings", "How often over the run health and k-NN are measured.", ge=0, le=1000
    )
    previews: int = setting(
        10, "Previews", "How often over the run pictures are written.", ge=0, le=1000
    )
    checkpoint_minutes: float = setting(
        5.0, "Checkpoint every", "Minutes between two checkpoints.", unit="min", gt=0
    )
    keep: int = setting(
        2, "Newest checkpoints", "How many of the newest checkpoints are kept.", ge=1
    )


def _as_backbone(value: Any) -> Any:
    """Turn {"family": "vit", …} into that family's options; without a word it is the first one."""
    if isinstance(value, BackboneOptions):
        return value
    if not isinstance(value, dict):
        raise ValueError("must be a table")
    fields = dict(value)
    family = fields.pop("family", DEFAULT_FAMILY)
    if family not in FAMILIES:
        raise ValueError(f"there is no family {family!r}; choose from {', '.join(FAMILIES)}")
    return load(FAMILIES[family].options).model_validate(fields)


def _as_method(value: Any) -> Any:
    """Turn {"name": "sit", …} into that method's options: the union, discriminated by the name."""
    if isinstance(value, MethodOptions):
        return value
    if not isinstance(value, dict):
        raise ValueError("must be a table with a name")
    fields = dict(value)
    name = fields.pop("name", DEFAULT_METHOD)
    if name not in METHODS:
        raise ValueError(f"there is no method {name!r}; choose from {', '.join(METHODS)}")
    return load(METHODS[name].options).model_validate(fields)


class RunConfig(OpenOptions[AutoT]):
    """Everything a run needs to be repeated."""

    preset: str = setting("standard", "Preset", "Where settings that you leave alone come from.")
    data: DataOptions[AutoT] = DataOptions()
    model: SerializeAsAny[Annotated[BackboneOptions[AutoT], BeforeValidator(_as_backbone)]] = (
        VitOptions()
    )
    method: SerializeAsAny[Annotated[MethodOptions[AutoT], BeforeValidator(_as_method)]] = setting(
        {"name": DEFAULT_METHOD}, "Method", "How it learns, and the settings of that."
    )
    optim: OptimOptions[AutoT] = OptimOptions()
    compute: ComputeOptions[AutoT] = ComputeOptions()
    watch: WatchOptions = WatchOptions()


ResolvedConfig: TypeAlias = RunConfig[Never]
"""One without any "auto" (config.resolved)."""
