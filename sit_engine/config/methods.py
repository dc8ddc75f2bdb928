"""The table of methods: a name to its options (no torch) and its networks, both loaded when needed.

A new method is a folder under `sit_engine/methods` and one line here. The entries are strings, so
that this floor imports nothing from the floors above (docs/adr/0002-method-table-in-config.md).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, Never, TypeAlias, cast

from pydantic import SerializerFunctionWrapHandler, model_serializer

from sit_engine.config.course import STEPS_TO_LEARN
from sit_engine.config.facts import DataFacts, DeviceFacts, StartFacts
from sit_engine.config.fields import AutoT, OpenOptions, setting
from sit_engine.config.filling import AS_START
from sit_engine.config.traits import (
    CurveInfo,
    ForeignHeads,
    Panel,
    Picture,
    Preset,
    Size,
    Watch,
)
from sit_engine.config.view_kinds import ViewKind


class MethodEntry(NamedTuple):
    """Two "package:attribute" strings, and whether the method learns from labels."""

    options: str
    method: str
    needs_labels: bool = False


METHODS: dict[str, MethodEntry] = {
    "sit": MethodEntry(
        "sit_engine.methods.sit.options:SitOptions", "sit_engine.methods.sit.method:Sit"
    ),
    "sit2021": MethodEntry(
        "sit_engine.methods.sit.options2021:Sit2021Options", "sit_engine.methods.sit.method:Sit"
    ),
    "dino": MethodEntry(
        "sit_engine.methods.dino.options:DinoOptions", "sit_engine.methods.dino.method:Dino"
    ),
    "mocov3": MethodEntry(
        "sit_engine.methods.mocov3.options:MocoV3Options",
        "sit_engine.methods.mocov3.method:MocoV3",
    ),
    "continue": MethodEntry(
        "sit_engine.methods.continuing.options:ContinuingOptions",
        "sit_engine.methods.continuing.method:Continuing",
    ),
    "svrtn": MethodEntry(
        "sit_engine.methods.svrtn.options:SvrtnOptions", "sit_engine.methods.svrtn.method:Svrtn"
    ),
    "finetune": MethodEntry(
        "sit_engine.methods.finetune.options:FinetuneOptions",
        "sit_engine.methods.finetune.method:Finetune",
        needs_labels=True,
    ),
}


Rules: TypeAlias = Mapping[str, tuple[object, str]]
"""Values for settings, and why."""


class Scale(NamedTuple):
    """What a method's own "auto" values depend on."""

    image_size: int
    patch_size: int
    width: int
    total_steps: int
    preset: str
    tokens: int = 1
    """Before the patches."""
    has_start: bool = False
    """Whether it starts from weights."""
    batch_size: int = 256
    epochs: float = 100.0
    train_images: int = 256
    takes_view: Callable[[int], bool] = lambda _: True
    """Whether the network takes views of a side, in px."""
    blocks_deep: int = 12
    """Blocks from the image to the last map."""
    can_stop_inside: bool = True
    """Whether what enters its last blocks can be kept."""


class MethodOptions(OpenOptions[AutoT]):
    """Base of every method's options; `name` picks the method in a config.

    What it says of itself suits a plain method without labels, until a method says otherwise.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    """How it is called where one is chosen; its name when empty."""
    short: ClassVar[str] = ""
    """The same among recipes of one method."""
    about: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    watch: ClassVar[Watch] = "pretraining"
    takes_best: ClassVar[bool] = False
    """Whether its best checkpoint counts where nobody names one, and not its newest."""
    makes_clips: ClassVar[bool] = False
    """Whether it makes vectors of clips, from folders of videos."""
    needs_start: ClassVar[bool] = False
    """Whether it goes on from weights and has nothing to do without."""
    curves: ClassVar[tuple[CurveInfo, ...]] = ()
    pictures: ClassVar[tuple[Picture, ...]] = ("attention",)
    panel: ClassVar[Panel | None] = None
    presets: ClassVar[Mapping[str, Preset]] = MappingProxyType({})
    """Those that only this method has."""
    sizes: ClassVar[Mapping[Size, str]] = MappingProxyType(
        {"quick": "quick", "standard": "standard"}
    )
    """Which preset is meant by each size of a run."""
    variants: ClassVar[Mapping[str, Preset]] = MappingProxyType({})
    """Settings of its own with which it enters a race by another name, beside its usual ones."""
    recipe: ClassVar[tuple[str, ...]] = ()
    """Settings that make up what it learns from, where methods share them: another brings its own."""
    head_settings: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Settings that are the rows of a tensor of its heads, and that tensor; a start of the same method
    gives it heads of those sizes."""
    foreign_heads: ClassVar[ForeignHeads | None] = None
    rate_share: ClassVar[float] = 1.0
    """Share of the general peak learning rate, which was tuned for SiT, that "auto" takes."""
    steps_to_learn: ClassVar[int] = STEPS_TO_LEARN
    """Before so many nothing bad is said of a run: few rose above their untrained network earlier."""

    features: Literal["teacher", "student"] = setting(
        "student",
        "Features from",
        "Which network gives the features that are measured and exported.",
    )

    @property
    def needs_labels(self) -> bool:
        """Whether it learns from labels."""
        return needs_labels(self.name)

    @property
    def patience_readings(self: MethodOptions[Never]) -> int:
        """A run ends after so many readings without a better validation; 0: it never does."""
        return 0

    @property
    def tokens(self) -> int | None:
        """How many tokens before the patches its tasks read; None: it takes any network."""
        return None

    @property
    def has_teacher(self) -> bool:
        """Whether a slow average of the student takes part."""
        return False

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks that a run can take home, by name; a start may name one of them."""
        return ("student", "teacher") if self.has_teacher else ("student",)

    @property
    def reads_cues(self) -> bool:
        """Whether one of its "auto" settings depends on what the labels live on."""
        return False

    def view_kinds(self: MethodOptions[Never], image_size: int) -> tuple[ViewKind, ...]:
        """What a step makes of each image, of resolved options."""
        return (ViewKind(image_size),)

    def for_preview(self) -> MethodOptions[AutoT]:
        """Options with the same views, without what else could fail to resolve."""
        return self

    def autos(self, facts: DataFacts) -> dict[str, tuple[object, str]]:
        """The method's own values for "auto" settings outside it, and why, by the settings' paths."""
        del facts
        return {}

    def as_start(self, start: StartFacts | None) -> tuple[Any, dict[str, str]]:
        """The options with the sizes of a start's heads where they are "auto", and the reasons."""
        if start is None or start.method != self.name:
            return self, {}
        sizes = {name: (start.head_sizes[name], AS_START) for name in self.head_settings}
        return self.filled({name: rule for name, rule in sizes.items() if rule[0]})

    def filled(self, rules: Rules) -> tuple[Any, dict[str, str]]:
        """The options with the value of each rule where an "auto" stands, and the reasons.

        Rules go by a setting's path below `method`.
        """
        values: dict[str, dict[str, object]] = {"": {}}
        reasons: dict[str, str] = {}
        for path, (value, why) in rules.items():
            group, _, name = path.rpartition(".")
            if getattr(getattr(self, group) if group else self, name) == "auto":
                values.setdefault(group, {})[name] = value
                reasons[f"method.{path}"] = why
        own = values.pop("")
        groups = {name: getattr(self, name).model_copy(update=v) for name, v in values.items()}
        return self.model_copy(update=own | groups), reasons

    def resolve(
        self, scale: Scale, facts: DataFacts, device: DeviceFacts
    ) -> tuple[MethodOptions[Never], dict[str, str]]:
        """The options with every "auto" filled, and the reason for each by field path."""
        del scale, facts, device
        return cast("MethodOptions[Never]", self), {}

    @model_serializer(mode="wrap")
    def _with_name(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"name": self.name, **dump(self)}


DEFAULT_METHOD = next(iter(METHODS))
LABELLED_METHOD = next(name for name, entry in METHODS.items() if entry.needs_labels)
"""What `sit-engine finetune` and the window's finetuning train with."""


def pretraining_methods() -> list[str]:
    """The methods that need no labels."""
    return [name for name, entry in METHODS.items() if not entry.needs_labels]


def entrants() -> dict[str, Preset]:
    """Whoever can enter a race of methods, by name: who needs neither labels nor a start, and variants.

    Their values are those of the table `method`.
    """
    found: dict[str, Preset] = {}
    for name in pretraining_methods():
        of = traits(name)
        if of.needs_start:
            continue
        found[name] = Preset(of.about, {"name": name})
        for variant, preset in of.variants.items():
            found[variant] = Preset(preset.about, {"name": name, **preset.values})
    return found


def needs_labels(method: str) -> bool:
    """Whether the method of that name learns from labels; one that is not known does not."""
    return method in METHODS and METHODS[method].needs_labels


def traits(method: str) -> type[MethodOptions]:
    """What the method of that name says of itself; of one that is not known what suits most."""
    if method not in METHODS:
        return MethodOptions
    found: type[MethodOptions] = load(METHODS[method].options)
    return found


def clips_method() -> str:
    """The first method that makes vectors of clips, to be named to who needs one."""
    return next(name for name in METHODS if traits(name).makes_clips)


def load(target: str) -> Any:
    """The attribute that a "package:attribute" string names."""
    package, attribute = target.split(":")
    return getattr(importlib.import_module(package), attribute)
