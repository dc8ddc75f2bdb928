"""Settings of finetuning: a classifier on the backbone, learnt from labels by the DeiT recipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Never

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.fields import AutoT, setting
from sit_engine.config.methods import MethodOptions, Scale
from sit_engine.config.traits import TEACHER_MOMENTUM, CurveInfo, Panel, Picture, Watch
from sit_engine.config.view_kinds import ViewKind
from sit_engine.config.views import ViewOptions
from sit_engine.counted import Sentence
from sit_engine.errors import ConfigError

SMALL_SET = 2000
UNBALANCED = 1.5
FEW = 500
# Settings that change pixels, which is no use where features are computed once.
PIXEL_CHANGES = ("mixup", "cutmix", "randaugment", "random_erasing")


class FinetuneOptions(MethodOptions[AutoT]):
    """Finetuning: class token and mean patch token to classes (arXiv 2104.03602 v3 and DeiT)."""

    name: ClassVar[str] = "finetune"
    paper: ClassVar[str] = "DeiT, arXiv 2012.12877"
    watch: ClassVar[Watch] = "validation"
    takes_best: ClassVar[bool] = True
    curves: ClassVar[tuple[CurveInfo, ...]] = (
        CurveInfo("classification", "training loss"),
        CurveInfo("train_accuracy", "training accuracy", "Accuracy", "%", is_share=True),
        TEACHER_MOMENTUM,
    )
    pictures: ClassVar[tuple[Picture, ...]] = ()
    panel: ClassVar[Panel | None] = "labels"

    classes: int | AutoT = setting(
        "auto", "Classes", "How many classes there are; counted from the labels.", ge=2, le=100_000
    )
    head: AutoT | Literal["mlp", "linear"] = setting(
        "auto",
        "Classifier",
        "mlp reads the class token and the mean of the patch tokens through two layers; linear "
        "reads the class token through one. A network with two tokens has one for each.",
    )
    trained: AutoT | Literal["all", "blocks", "head"] = setting(
        "auto",
        "What is trained",
        "all of the network, its last blocks, or the classifier alone on features that are computed "
        "once.",
    )
    trained_blocks: int = setting(
        2, "Trained blocks", "How many of the last blocks train with “blocks”.", ge=1, le=64
    )
    layer_decay: float | AutoT = setting(
        "auto",
        "Layer-wise rate",
        "Each earlier block learns at this share of the next one's rate; 1 is the same for all.",
        gt=0,
        le=1,
    )
    balance: AutoT | Literal["sampling", "loss", "none"] = setting(
        "auto",
        "Unbalanced classes",
        "sampling shows rare classes more often, loss weighs their mistakes more.",
    )
    crop_scale_min: float | AutoT = setting(
        "auto", "Smallest crop", "Smallest share of the image's area that a crop may keep.",
        gt=0, le=1,
    )  # fmt: skip
    flip: float = setting(
        0.5, "Mirror", "How often a view is mirrored left to right.", unit="probability", ge=0, le=1
    )
    randaugment: int | AutoT = setting(
        "auto",
        "RandAugment",
        "Strength of two random changes of each image, up to 10; 0 switches them off.",
        ge=0,
        le=10,
    )
    random_erasing: float | AutoT = setting(
        "auto",
        "Random erasing",
        "How often a block of a view becomes noise.",
        unit="probability",
        ge=0,
        le=1,
    )
    mixup: float | AutoT = setting(
        "auto",
        "Mixup",
        "Parameter of the share in which two images are blended; 0: off.",
        ge=0,
        le=8,
    )
    cutmix: float | AutoT = setting(
        "auto", "CutMix", "Parameter of the share that is pasted from another image; 0: off.",
        ge=0, le=8,
    )  # fmt: skip
    label_smoothing: float | AutoT = setting(
        "auto", "Label smoothing", "Share of the answer given to all classes alike.", ge=0, lt=1
    )
    momentum: float | AutoT = setting(
        "auto",
        "Weight average",
        "Share of the slow average of the weights kept at each step.",
        ge=0,
        lt=1,
    )
    patience: int | AutoT = setting(
        "auto",
        "Early stop",
        "End after this many readings without a better validation; 0 never does.",
        ge=0,
        le=1000,
    )
    features: Literal["teacher", "student"] = setting(
        "teacher",
        "Answers from",
        "Which network answers: the trained weights (student) or their slow average (teacher).",
    )

    @property
    def has_teacher(self) -> bool:
        """True: the teacher is a slow average of the weights."""
        return True

    @property
    def patience_readings(self: FinetuneOptions[Never]) -> int:
        """Readings without gain after which the run ends, as its setting says."""
        return self.patience

    def view_kinds(self: FinetuneOptions[Never], image_size: int) -> tuple[ViewKind, ...]:
        """One view, cropped and mirrored; what else changes it stands in finetune.augment."""
        law: ViewOptions[Never] = ViewOptions(
            crop_scale_min=self.crop_scale_min, flip=self.flip,
            jitter=0, brightness=0, contrast=0, saturation=0, hue=0, grey=0,
            blur_first=0, blur_second=0, solarise=0,
        )  # fmt: skip
        return (ViewKind(image_size, law),)

    def autos(self, facts: DataFacts) -> dict[str, tuple[object, str]]:
        """Length, rates and the validation split; tuned as docs/adr/0010-finetuning.md tells."""
        images = max(4, facts.images)
        batch = min(64, 1 << (max(images // 6, min(16, images // 2)).bit_length() - 1))
        epochs = float(max(30, min(70, round(10_000 / images))))
        watched: dict[str, tuple[object, str]] = (
            {}
            if facts.validation
            else {"data.watch_share": (0.2, "a fifth of each class, to validate on")}
        )
        return watched | {
            "optim.batch_size": (
                batch,
                Sentence("several steps in an epoch of {images} images", images=images),
            ),
            "optim.epochs": (epochs, "10,000 images seen in all, within 30 and 70 epochs"),
            "optim.weight_decay": (0.05, "the DeiT recipe's"),
            "optim.weight_decay_end": (0.05, "the DeiT recipe's"),
            "optim.optimiser": ("adamw", "the DeiT recipe's"),
        }

    def resolve(
        self, scale: Scale, facts: DataFacts, device: DeviceFacts
    ) -> tuple[MethodOptions[Never], dict[str, str]]:
        """Fill every "auto"; on small sets the recipe's strong mixing makes way."""
        del device
        values: dict[str, object] = {}
        reasons: dict[str, str] = {}

        def fill(name: str, value: object, why: str) -> None:
            if getattr(self, name) == "auto" and name not in values:
                values[name], reasons[f"method.{name}"] = value, why

        fill("classes", max(2, facts.classes), "counted from the labels")
        is_few = facts.images < FEW
        if scale.tokens != 1:
            why = "the published classifier of the mean patch"
            fill(
                "head", "linear", "the published classifier of each token" if scale.tokens else why
            )
        fill(
            "head",
            "linear" if is_few else "mlp",
            Sentence("fewer weights to learn from {images} images", images=facts.images) if is_few
            else "the published classifier",
        )  # fmt: skip
        fill("trained", "all", "every weight learns")
        if scale.has_start:
            fill("layer_decay", 0.75, "what was learnt early changes least")
        fill("layer_decay", 1.0, "nothing is learnt yet")
        ratio = facts.largest_class / max(1, facts.smallest_class)
        fill(
            "balance",
            "sampling" if ratio > UNBALANCED else "none",
            Sentence(
                "the largest class has {ratio} × the images of the smallest", ratio=f"{ratio:.1f}"
            ),
        )
        self._fill_changes(fill, facts, is_once=values.get("trained", self.trained) == "head")
        fill(
            "momentum",
            round(min(0.9999, max(0.9, 1 - 10 / max(1, scale.total_steps))), 5),
            Sentence("averages over a tenth of the {steps} steps", steps=scale.total_steps),
        )
        fill(
            "patience",
            0 if is_few else 8,
            Sentence("off: {images} images validate too roughly", images=facts.images)
            if is_few
            else "of the run's readings",
        )
        done: Any = self.model_copy(update=values)
        return done, reasons

    def _fill_changes(
        self, fill: Callable[[str, object, str], None], facts: DataFacts, *, is_once: bool
    ) -> None:
        if is_once:
            self._check_no_changes()
            for name in PIXEL_CHANGES:
                fill(name, 0 if name == "randaugment" else 0.0, "features are computed once")
        is_small = facts.images < SMALL_SET
        small = Sentence("milder than the DeiT recipe for {images} images", images=facts.images)
        usual = "the DeiT recipe's"
        for name, few, many in (
            ("crop_scale_min", 0.35, 0.08),
            ("randaugment", 5, 9),
            ("random_erasing", 0.0, 0.25),
            ("mixup", 0.0, 0.8),
            ("cutmix", 0.0, 1.0),
            ("label_smoothing", 0.1, 0.1),
        ):
            fill(name, few if is_small else many, small if is_small and few != many else usual)

    def _check_no_changes(self) -> None:
        for name in PIXEL_CHANGES:
            if getattr(self, name) not in ("auto", 0):
                raise ConfigError(
                    "config.frozen",
                    "The setting method.{name} changes pixels, but with method.trained = head features "
                    "are computed once.",
                    "Leave method.{name} out, or set method.trained to blocks or all.",
                    name=name,
                )
