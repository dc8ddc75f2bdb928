"""Settings of the family `supernet`: one network with shared weights that holds a whole space of others.

It is trained to judge what is in it, and comes with a search; nobody chooses it by itself. Its lists
are those of ViTAS (arXiv 2106.13700) until a search says others.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, Never

from sit_engine.config.backbones import (
    DROP_PATH,
    IMAGE_SIZE,
    WEIGHTS,
    BackboneOptions,
    Requirements,
)
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.families.cswin import numbers
from sit_engine.config.families.network_cost import CostTable, CostUnit, Limits, counted_table
from sit_engine.config.families.searched import listed
from sit_engine.config.families.sharing import Sharing
from sit_engine.config.families.space import PUBLISHED, Identity, Space
from sit_engine.config.families.vit import fill_tokens
from sit_engine.config.fields import AutoT, FileName, setting
from sit_engine.config.filling import Filling
from sit_engine.errors import ConfigError

FAMILY = "supernet"
SHARES = r"^$|^0(\.\d{1,4})?(,0(\.\d{1,4})?){0,15}$"
LIST = r"^[1-9]\d{0,3}(,[1-9]\d{0,3}){0,15}$"


def _list(values: tuple[int, ...], title: str, help: str) -> Any:
    return setting(listed(list(values)), title, help, pattern=LIST)


class SupernetOptions(BackboneOptions[AutoT]):
    """The space, how weights are shared in it, and what a drawn network may cost."""

    family: ClassVar[str] = FAMILY

    image_size: int | AutoT = IMAGE_SIZE
    patches: str = _list(PUBLISHED.patches, "Patch sizes", "Sides of a patch that are tried.")
    widths: str = _list(PUBLISHED.widths, "Widths", "Lengths of a token's vector that are tried.")
    least_depth: int = setting(1, "Least depth", "Blocks that a network has at least.", ge=1, le=64)
    slots: int = setting(PUBLISHED.slots, "Slots", "Blocks that it has at most.", ge=1, le=64)
    heads: str = _list(PUBLISHED.heads, "Heads", "Attention heads of a block that are tried.")
    attentions: str = _list(
        PUBLISHED.attentions,
        "Attention widths",
        "Widths of queries, keys and values that are tried.",
    )
    mlps: str = _list(PUBLISHED.mlps, "MLP widths", "Hidden widths that are tried.")
    sharing: Sharing = setting(
        "ring",
        "Sharing",
        "Which channels a narrower network takes: leading ones; both ends, in two passes; or those of "
        "a ring, which uses each equally often in one pass.",
    )
    unit: CostUnit = setting("multiply-adds", "Unit of cost", "What of a network is bounded.")
    low: float = setting(0.9e9, "Least cost", "Of a network that is drawn.", ge=0)
    high: float = setting(1e9, "Budget", "The most that a network may cost.", gt=0)
    memory_mb: float | None = setting(
        None, "Memory", "The most that answering one image may take.", unit="MB", gt=0
    )
    times: str | None = setting(
        None, "Table of times", "The time of each operation, for a budget of milliseconds."
    )
    identity: float | AutoT = setting(
        "auto",
        "Identity",
        "How often a slot is none; auto calibrates it so that the mean network keeps the budget.",
        unit="probability",
        ge=0,
        lt=1,
    )
    identities: str = setting(
        "",
        "Identity by patch size",
        "How often a slot is none, for each patch size; none: the same for all.",
        pattern=SHARES,
    )
    tokens: int | AutoT = setting(
        "auto", "Tokens", "Tokens before the patches, one for each task that reads one.", ge=0, le=2
    )
    weights: FileName | None = WEIGHTS
    drop_path: float | AutoT = DROP_PATH

    @property
    def space(self: SupernetOptions[Never]) -> Space:
        """Its lists as numbers."""
        return Space(
            self.image_size,
            numbers(self.patches),
            numbers(self.widths),
            self.least_depth,
            self.slots,
            numbers(self.heads),
            numbers(self.attentions),
            numbers(self.mlps),
        )

    @property
    def identity_each(self: SupernetOptions[Never]) -> Identity:
        """How often a slot is none: by patch size, or the same for all."""
        each = [float(share) for share in self.identities.split(",") if share]
        return each or self.identity

    @property
    def limits(self: SupernetOptions[Never]) -> Limits:
        """What a drawn network may cost."""
        table = _table(self.space, self.unit, self.times)
        return Limits(table, self.low, self.high, self.memory_mb)

    @property
    def token_count(self: SupernetOptions[Never]) -> int:
        """Tokens before the patches."""
        return self.tokens

    @property
    def stride(self: SupernetOptions[Never]) -> int:
        """The smallest patch: coarser maps are spread over its grid."""
        return min(numbers(self.patches))

    @property
    def token_width(self: SupernetOptions[Never]) -> int:
        """The widest."""
        return max(numbers(self.widths))

    @property
    def blocks_deep(self: SupernetOptions[Never]) -> int:
        """All slots."""
        return self.slots

    def takes_view(self: SupernetOptions[Never], side: int) -> bool:
        """Whether every patch size divides that side, in px."""
        return all(side % patch == 0 for patch in numbers(self.patches))

    @property
    def blocks_alike(self: SupernetOptions[Never]) -> float:
        """The fewest that share what a pass keeps."""
        return self.least_depth

    @property
    def holds_out(self) -> bool:
        """Its networks are."""
        return True

    @property
    def draws_networks(self) -> bool:
        """From its space."""
        return True

    def verify(self: SupernetOptions[Never]) -> None:
        """Check the space as if it was chosen by hand."""
        check_space(self)

    def described(self: SupernetOptions[Never]) -> str:
        """The supernet in words, for a card."""
        return f"supernet of {self.space.networks:.1e} networks, sharing {self.sharing}"

    def fill(
        self, filling: Filling, facts: DataFacts, device: DeviceFacts, needs: Requirements
    ) -> None:
        """Views, tokens and the probability of an identity; the lists are there."""
        del facts, device
        filling.auto("image_size", PUBLISHED.image_size, "the published space's")
        fill_tokens(filling, needs.tokens)
        filling.auto("drop_path", 0.0, "each step trains another network: that is noise enough")
        check_space(filled := filling.done())
        why = "so often the mean of drawn networks keeps the budget"
        if filled.identities:
            filling.auto("identity", 0.0, "each patch size has its own")
        elif filling.get("identity") == "auto":
            filling.auto("identity", filled.limits.calibrate(filled.space), why)


def check_space(options: SupernetOptions[Never]) -> None:
    """The lists fit each other and the views; raises ConfigError."""
    space = options.space
    lists = {
        "patches": space.patches, "widths": space.widths, "heads": space.heads,
        "attentions": space.attentions, "mlps": space.mlps,
    }  # fmt: skip
    for name, values in lists.items():
        if list(values) != sorted(set(values)):
            raise ConfigError(
                "config.space_order",
                "The setting model.{name} = {values} is not in rising order.",
                "Write each number once, the smallest first.",
                name=name,
                values=listed(list(values)),
            )
    for patch in space.patches:
        if space.image_size % patch:
            raise ConfigError(
                "config.searched_patch",
                "Patches of {patch} px do not divide views of {side} px.",
                "Set model.patch_size to a divisor of model.image_size.",
                patch=patch,
                side=space.image_size,
            )
    for heads in space.heads:
        for wide in space.attentions:
            if wide % heads:
                raise ConfigError(
                    "config.space_heads",
                    "{heads} attention heads do not divide the attention width {wide}.",
                    "Set model.heads or model.attentions to numbers that fit.",
                    heads=heads,
                    wide=wide,
                )
    if options.identities and options.identities.count(",") != len(space.patches) - 1:
        raise ConfigError(
            "config.space_identities",
            "The setting model.identities = {values} is not one for each of the {count} patch sizes.",
            "Write as many numbers as model.patches has, or none.",
            values=options.identities,
            count=len(space.patches),
        )
    if space.least_depth > space.slots:
        raise ConfigError(
            "config.space_depth",
            "The least depth {least} is more than the {slots} slots.",
            "Set model.slots to more, or model.least_depth to less.",
            least=space.least_depth,
            slots=space.slots,
        )


@lru_cache(maxsize=8)
def _table(space: Space, unit: CostUnit, times: str | None) -> CostTable:
    return counted_table(space, unit) if times is None else CostTable.of_text(times, space)
