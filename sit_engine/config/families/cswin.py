"""Settings of the family `cswin`, networks of stages that read stripes, and how their "auto" are filled.

Sizes T, S, B and L: arXiv 2107.00652, table 2, and the authors' code.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple, Never

from sit_engine.config.backbones import (
    DROP_PATH,
    IMAGE_SIZE,
    WEIGHTS,
    BackboneOptions,
    Requirements,
)
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.families.vit import choose_view, take_named
from sit_engine.config.fields import AutoT, FileName, setting
from sit_engine.config.filling import Filling
from sit_engine.counted import Sentence, counted
from sit_engine.errors import ConfigError

FAMILY = "cswin"
MOST_STAGES, LARGEST_VIEW = 4, 1024
LIST = r"^(auto|[1-9]\d{0,3}(,[1-9]\d{0,3}){0,3})$"
MOST_DEPTH = 64
"""Of one stage."""


class Named(NamedTuple):
    """A published size: width of the first stage, blocks and heads of each."""

    width: int
    depths: str
    heads: str


NAMED = {
    "cswin_tiny": Named(64, "1,2,21,1", "2,4,8,16"),
    "cswin_small": Named(64, "2,4,32,2", "2,4,8,16"),
    "cswin_base": Named(96, "2,4,32,2", "4,8,16,32"),
    "cswin_large": Named(144, "2,4,32,2", "6,12,24,24"),
}
PUBLISHED_STEM = 4
STEM_STRIDES = (4, 2, 1)
OWN_DEPTHS = {1: "4", 2: "2,2", 3: "1,2,1", 4: "1,2,4,1"}
"""Of custom networks: most blocks where maps are neither large nor the last, as published."""
HEAD_WIDTH = 32
FEWEST_ACROSS = 4
"""Places along a side of the last map that a custom network is left with."""
CPU_STAGES = 3
"""On a CPU small views have so many stages, with fewer places at the end: measured (ADR 32)."""


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers in a row, as settings of stages have them; the word none is no number."""
    return () if text == "none" else tuple(int(part) for part in text.split(","))


def _text(values: tuple[int, ...]) -> str:
    return ",".join(map(str, values)) or "none"


def takes_view(side: int, stem_stride: int, stripes: tuple[int, ...]) -> bool:
    """Whether a side comes out whole: of the map of each stage, and of the stripes in it.

    A stripe wider than the map is the whole map.
    """
    if side % stem_stride:
        return False
    across = side // stem_stride
    for stripe in stripes:
        if across % 2 or (across > stripe and across % stripe):
            return False
        across //= 2
    return across > 0


class CswinOptions(BackboneOptions[AutoT]):
    """A CSWin Transformer: cheaper than a plain one on large images."""

    family: ClassVar[str] = FAMILY
    title: ClassVar[str] = "Windows (CSWin): for large images"
    sizes: ClassVar[tuple[str, ...]] = tuple(NAMED)

    image_size: int | AutoT = IMAGE_SIZE
    backbone: (
        AutoT | Literal["cswin_tiny", "cswin_small", "cswin_base", "cswin_large", "custom"]
    ) = setting(
        "auto",
        "Backbone",
        "Size of the network; custom takes width, depths, heads and stages below.",
    )
    width: int | AutoT = setting(
        "auto", "Width", "Length of a place's vector in the first stage; each merge doubles it.",
        ge=4, le=1024,
    )  # fmt: skip
    depths: str = setting("auto", "Depths", "Blocks of each stage, such as 1,2,21,1.", pattern=LIST)
    heads: str = setting(
        "auto",
        "Heads",
        "Attention heads of each stage, such as 2,4,8,16: even numbers in all but the last, since half "
        "of them read columns and half rows.",
        pattern=LIST,
    )
    stripes: str = setting(
        "auto",
        "Stripes",
        "How many columns or rows of the map a place reads in each stage but the last, such as 1,2,7; "
        "none of a network of one stage. In the last stage it reads the whole map.",
        pattern=LIST.replace("(auto|", "(auto|none|"),
    )
    stem_stride: int | AutoT = setting(
        "auto",
        "Stem stride",
        "Pixels of a view across one place of the first map: 4, 2 or 1.",
        unit="px",
        ge=1,
        le=4,
    )
    stages: int | AutoT = setting(
        "auto",
        "Stages",
        "How many; between two of them the map's sides are halved.",
        ge=1,
        le=MOST_STAGES,
    )
    weights: FileName | None = WEIGHTS
    drop_path: float | AutoT = DROP_PATH

    @property
    def stride(self: CswinOptions[Never]) -> int:
        """Pixels of a view across one place of the last map."""
        return self.stem_stride << (self.stages - 1)

    @property
    def token_width(self: CswinOptions[Never]) -> int:
        """Width of the last map."""
        return self.width << (self.stages - 1)

    @property
    def blocks_deep(self: CswinOptions[Never]) -> int:
        """Blocks of all stages together."""
        return sum(numbers(self.depths))

    @property
    def blocks_alike(self: CswinOptions[Never]) -> float:
        """Each merge halves what a block keeps: a quarter of the places, of twice the width."""
        return sum(depth / (1 << stage) for stage, depth in enumerate(numbers(self.depths)))

    def takes_view(self: CswinOptions[Never], side: int) -> bool:
        """Whether maps and stripes come out whole for views of that side, in px."""
        return takes_view(side, self.stem_stride, numbers(self.stripes))

    def verify(self: CswinOptions[Never]) -> None:
        """Raises ConfigError where sizes do not fit, as for sizes chosen by hand."""
        filling = Filling("model", self)
        _shape(filling, self.image_size, is_cpu=False)
        _network(filling)
        _view(filling, self.image_size, "")

    def described(self: CswinOptions[Never]) -> str:
        """The network in words, for a card."""
        stages = counted(self.stages, "stages")
        return (
            f"CSWin of width {self.width}, {stages} of {self.depths} blocks and {self.heads} heads, "
            f"stripes of {self.stripes}, first places of {self.stem_stride} px"
        )

    @classmethod
    def follows_view(cls) -> tuple[str, ...]:
        """Stripes hold no weight."""
        return ("image_size", "stripes")

    def variants(self: CswinOptions[Never]) -> dict[str, dict[str, Any]]:
        """Wider, with heads of the same width, and deeper."""
        own = {
            "backbone": "custom",
            "width": self.width,
            "depths": self.depths,
            "heads": self.heads,
        }

        def doubled(text: str) -> str:
            return _text(tuple(2 * value for value in numbers(text)))

        return {
            "wider": own | {"width": 2 * self.width, "heads": doubled(self.heads)},
            "deeper": own | {"depths": doubled(self.depths)},
        }

    def fill(
        self, filling: Filling, facts: DataFacts, device: DeviceFacts, needs: Requirements
    ) -> None:
        """Fill every "auto" from the weights to start from, the images and the device."""
        side, why = choose_view(facts, device)
        if filling.get("image_size") != "auto":
            side = filling.get("image_size")
        _named(filling, facts, device)
        _shape(filling, side, is_cpu=device.kind == "cpu")
        _network(filling)
        _view(filling, side, why)
        filling.auto("drop_path", 0.1, "usual for networks of this size")


def _named(filling: Filling, facts: DataFacts, device: DeviceFacts) -> None:
    """Which size, and what it says."""
    own = [
        name
        for name in ("width", "depths", "heads", "stem_stride", "stages")
        if filling.get(name) != "auto"
    ]
    if own or device.kind == "cpu":
        why = "sizes of it are set" if own else "small enough for a CPU"
        filling.auto("backbone", "custom", why)
    filling.auto(
        "backbone", "cswin_tiny", Sentence("the smallest published, for {images} images",
        images=facts.images),
    )  # fmt: skip
    chosen = filling.get("backbone")
    if chosen not in NAMED:
        return
    size = NAMED[chosen]
    values = (*size, PUBLISHED_STEM, MOST_STAGES)
    names = ("width", "depths", "heads", "stem_stride", "stages")
    take_named(filling, dict(zip(names, values, strict=True)))


def _shape(filling: Filling, side: int, *, is_cpu: bool) -> None:
    """Stride of the stem and number of stages: what divides, with enough places left to tell apart."""
    if filling.get("stem_stride") not in ("auto", *STEM_STRIDES):
        raise ConfigError(
            "config.cswin_stem",
            "A stem of {stride} px is not to be had.",
            "Set model.stem_stride to 4, 2 or 1, or leave it out.",
            stride=filling.get("stem_stride"),
        )
    wanted = 4 if side >= (32 if is_cpu else 64) else 2 if side >= 32 else 1
    stem = next(stride for stride in STEM_STRIDES if stride <= wanted and side % stride == 0)
    stem_why = Sentence("it divides views of {side} px", side=side)
    filling.auto("stem_stride", stem, stem_why)
    for name in ("depths", "heads"):
        if filling.get(name) != "auto":
            why = Sentence("as many as {setting} has", setting=f"model.{name}")
            filling.auto("stages", len(numbers(filling.get(name))), why)
    if filling.get("stripes") != "auto":
        count = len(numbers(filling.get("stripes"))) + 1
        filling.auto("stages", count, "one more than model.stripes has")
    across, count = side // filling.get("stem_stride"), 1
    while count < MOST_STAGES and across % 2 == 0:
        if across // 2 < (2 if is_cpu and count < CPU_STAGES else FEWEST_ACROSS):
            break
        across, count = across // 2, count + 1
    filling.auto(
        "stages", count, Sentence("the last map is left with {across} × {across} places",
        across=across),
    )  # fmt: skip


def _network(filling: Filling) -> None:
    stages = filling.get("stages")
    filling.auto("width", 32, "small enough to see each image often")
    filling.auto("depths", OWN_DEPTHS[stages], "most blocks on middle maps, as published")
    width = filling.get("width")
    heads = tuple(_heads(width << stage) for stage in range(stages))
    why = Sentence("about {numbers} numbers each, and as many for columns as for rows",
                   numbers=HEAD_WIDTH)  # fmt: skip
    filling.auto("heads", _text(heads), why)
    for name, count in (("depths", stages), ("heads", stages)):
        _check_count(filling, name, count)
    for stage, number in enumerate(numbers(filling.get("heads"))):
        own = width << stage
        is_last = stage == stages - 1
        if own % number or (number % 2 and not is_last):
            raise ConfigError(
                "config.cswin_heads",
                "{heads} attention heads do not fit stage {stage}, whose width is {width}: they must "
                "divide it, and be even in all stages but the last.",
                "Set model.heads to other numbers, or leave it out.",
                heads=number,
                stage=stage + 1,
                width=own,
            )
    if any(depth > MOST_DEPTH for depth in numbers(filling.get("depths"))):
        raise ConfigError(
            "config.cswin_depths",
            "A stage of model.depths = {depths} has more than {most} blocks.",
            "Set model.depths to smaller numbers.",
            depths=filling.get("depths"),
            most=MOST_DEPTH,
        )


def _heads(width: int) -> int:
    """The even divisor of a width that makes heads about as wide as published."""
    even = [count for count in range(2, width + 1, 2) if width % count == 0]
    return min(even, key=lambda count: abs(count - width / HEAD_WIDTH), default=1)


def _check_count(filling: Filling, name: str, count: int) -> None:
    given = filling.get(name)
    if len(numbers(given)) != count:
        raise ConfigError(
            "config.cswin_stages",
            "The setting model.{name} = {given} has {found}, and {count} are needed in a network of "
            "{stages}.",
            "Give one for each stage (of model.stripes for each but the last), or leave it out.",
            name=name,
            given=given,
            found=counted(len(numbers(given)), "numbers"),
            count=count,
            stages=counted(filling.get("stages"), "stages"),
        )


def _usual_stripes(side: int, stem: int, stages: int) -> tuple[int, ...]:
    """The published stripes: one column or row, then two, then half of the map (224 and 384 px)."""
    third = side // stem >> 2
    return (1, 2, max(1, third // 2))[: stages - 1]


def _view(filling: Filling, side: int, why: str) -> None:
    """Stripes for the side, which is the nearest that comes out whole; one that is said must."""
    stem, stages = filling.get("stem_stride"), filling.get("stages")
    given = filling.get("stripes")
    if given != "auto":
        _check_count(filling, "stripes", stages - 1)

    def stripes(each: int) -> tuple[int, ...]:
        return _usual_stripes(each, stem, stages) if given == "auto" else numbers(given)

    fitting = [each for each in range(1, LARGEST_VIEW + 1) if takes_view(each, stem, stripes(each))]
    fitting.sort(key=lambda each: (abs(each - side), each))
    if not fitting or (fitting[0] != side and filling.get("image_size") != "auto"):
        raise _does_not_fit(side, filling, fitting)
    if fitting[0] != side:
        why = Sentence("{why}; the nearest whose maps and stripes come out whole", why=why)
    filling.auto("image_size", fitting[0], why)
    usual = "as published: one, two, and half of the third map"
    filling.auto("stripes", _text(stripes(fitting[0])), usual)


def _does_not_fit(side: int, filling: Filling, fitting: list[int]) -> ConfigError:
    """Names the nearest sizes, a smaller and a larger one where there are both."""
    given = filling.get("stripes")
    return ConfigError(
        "config.cswin_view",
        "Views of {side} px do not come out whole in a network with a stem of {stem} px, {stages} and "
        "stripes of {stripes}.",
        "Set model.image_size to {near}, or leave model.stripes, model.stages and the stem out.",
        field="model.image_size",
        side=side,
        stem=filling.get("stem_stride"),
        stages=counted(filling.get("stages"), "stages"),
        stripes="1, 2 and half of the map" if given == "auto" else given,
        near=" or ".join(map(str, sorted(fitting[:2]))) or "another size",
    )
