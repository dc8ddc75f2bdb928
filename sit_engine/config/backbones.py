"""The table of backbone families: a name to its options (no torch) and its networks.

A new family is a file of settings here, one of networks under `sit_engine/models`, and one line in the
table. The entries are strings, as those of methods are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Never, TypeAlias, cast

from pydantic import SerializerFunctionWrapHandler, model_serializer

from sit_engine.config.facts import DataFacts, DeviceFacts, StartFacts, Unshown
from sit_engine.config.families.network_shape import NetworkShape
from sit_engine.config.fields import AutoT, FileName, OpenOptions, setting
from sit_engine.config.filling import Filling

FeatureKind: TypeAlias = Literal["usual", "with-mean", "last-layers"]
"""What a feature is made of: what the network is usually read by, that and the mean place beside it, or
the last four blocks (`models.backbone`)."""


class FamilyEntry(NamedTuple):
    """Strings "package:attribute": the options, and functions that build the network of them, lay out
    the folder that its weights leave in (without it they leave in none), and read sizes from tensors
    (needed by `unshown`). `within` begins the backbone's names of what that folder holds.
    """

    options: str
    build: str
    folder: str = ""
    tensors: str = ""
    within: str = ""


OWN_FOLDER = "sit_engine.models.timm_folder:own_folder"
"""Of networks that timm has not."""


FAMILIES: dict[str, FamilyEntry] = {
    "vit": FamilyEntry(
        "sit_engine.config.families.vit:VitOptions",
        "sit_engine.models.vit:build_vit",
        "sit_engine.models.timm_folder:plain_folder",
        "sit_engine.config.families.vit_tensors:facts_of",
    ),
    "cswin": FamilyEntry(
        "sit_engine.config.families.cswin:CswinOptions",
        "sit_engine.models.cswin:build_cswin",
        OWN_FOLDER,
    ),
    "searched": FamilyEntry(
        "sit_engine.config.families.searched:SearchedOptions",
        "sit_engine.models.searched:build_searched",
        OWN_FOLDER,
    ),
    "supernet": FamilyEntry(
        "sit_engine.config.families.supernet:SupernetOptions",
        "sit_engine.models.supernet:build_supernet",
        OWN_FOLDER,
    ),
    "timm": FamilyEntry(
        "sit_engine.config.families.timm:TimmOptions",
        "sit_engine.models.timm_network:build_timm",
        "sit_engine.models.timm_folder:any_folder",
        within="network.",
    ),
}
DEFAULT_FAMILY = "vit"
"""What settings mean that name none, such as those of runs from before there was a choice."""

# The settings that every family has.
IMAGE_SIZE = setting(
    "auto",
    "View size",
    "Side of the square views the model is trained on.",
    unit="px",
    ge=8,
    le=1024,
)
WEIGHTS = setting(
    None,
    "Start from",
    "Weights to start from: a run, a safetensors file, or a folder of timm; none starts anew.",
)
DROP_PATH = setting(
    "auto",
    "Drop path",
    "How often the student skips its last block; less for earlier ones.",
    unit="probability",
    ge=0,
    lt=1,
)


class Requirements(NamedTuple):
    """What a network must fit: the weights it starts from, and how many tokens tasks read (None: any)."""

    start: StartFacts | None
    tokens: int | None


class BackboneOptions(OpenOptions[AutoT]):
    """Base of every family's options; the network's sizes are asked of resolved ones."""

    family: ClassVar[str]
    title: ClassVar[str] = ""
    """How it is called where one is chosen; one without a title only comes with weights."""
    sizes: ClassVar[tuple[str, ...]] = ()
    """Words for `backbone` that are this family's alone, and so name it."""
    blocks: ClassVar[tuple[str, ...]] = ()
    """Settings that say its blocks one by one: they stand in front, beside a picture of the network."""

    if TYPE_CHECKING:  # Each family declares them where they stand among its own.
        image_size: int | AutoT
        weights: FileName | None
        drop_path: float | AutoT

    @property
    def stride(self: BackboneOptions[Never]) -> int:
        """Pixels of a view across one place of the last map."""
        raise NotImplementedError

    @property
    def token_width(self: BackboneOptions[Never]) -> int:
        """Numbers in the vector of a place or token."""
        raise NotImplementedError

    @property
    def token_count(self: BackboneOptions[Never]) -> int:
        """Tokens before the places."""
        return 0

    @property
    def feature_width(self: BackboneOptions[Never]) -> int:
        """Numbers in a feature."""
        return self.token_width * max(1, self.token_count)

    @property
    def blocks_deep(self: BackboneOptions[Never]) -> int:
        """Blocks from a view to the last map."""
        raise NotImplementedError

    def takes_view(self: BackboneOptions[Never], side: int) -> bool:
        """Whether the network takes views of that side, in px."""
        return side % self.stride == 0

    @classmethod
    def follows_view(cls) -> tuple[str, ...]:
        """Settings of the network that views of another size may change while its weights fit."""
        return ("image_size",)

    @property
    def blocks_alike(self: BackboneOptions[Never]) -> float:
        """How many blocks as large as the largest would keep what all of them keep in a pass."""
        return self.blocks_deep

    @property
    def shape(self: BackboneOptions[Never]) -> NetworkShape | None:
        """Its sizes block by block, of a plain vision transformer and of what a search finds."""
        return None

    @property
    def unshown(self: BackboneOptions[Never]) -> Unshown | None:
        """What the weights do not show of the network, beside which the family's `tensors` reads the
        rest (FamilyEntry); None: the settings tell all of it."""
        return None

    @property
    def holds_out(self) -> bool:
        """Whether it is judged on images that it did not train on, also where nothing has a label."""
        return False

    @property
    def draws_networks(self) -> bool:
        """Whether each step trains another network."""
        return False

    @property
    def has_unsaid_tokens(self) -> bool:
        """Frozen before tokens were counted, when parts of tasks that are off were built too."""
        return False

    @property
    def can_stop_inside(self) -> bool:
        """Whether what enters its last blocks can be kept, and gone on from."""
        return False

    @property
    def has_timm_layout(self) -> bool:
        """Whether timm can load the network."""
        return False

    @property
    def has_own_layout(self) -> bool:
        """Whether its weights leave in a folder that this program alone loads, said so in its card."""
        return FAMILIES[self.family].folder == OWN_FOLDER

    def verify(self: BackboneOptions[Never]) -> None:
        """Raises ConfigError where resolved settings, which may come from a file, are of no network."""

    @property
    def pixels(self: BackboneOptions[Never]) -> str:
        """How the network in timm's layout takes its pixels, for a card."""
        return "ImageNet mean and deviation"

    @property
    def divisions(self) -> tuple[tuple[str, str], ...]:
        """Settings, and those that they must divide."""
        return ()

    def described(self: BackboneOptions[Never]) -> str:
        """The network in words, for a card."""
        raise NotImplementedError

    def same_network(self: BackboneOptions[Never]) -> dict[str, Any]:
        """The settings that another run takes to train the same network: all but its start and what it
        drops.
        """
        names = type(self).model_fields.keys() - {"weights", "drop_path"}
        return {name: getattr(self, name) for name in sorted(names)}

    def variants(self: BackboneOptions[Never]) -> dict[str, dict[str, Any]]:
        """Other networks of the family that a search may try, by name, as settings."""
        return {}

    @classmethod
    def of_start(cls, start: StartFacts) -> BackboneOptions[Never]:
        """The settings of the network whose weights these are."""
        return cast("BackboneOptions[Never]", cls(**start.network, drop_path=0.0))

    def fill(
        self, filling: Filling, facts: DataFacts, device: DeviceFacts, needs: Requirements
    ) -> None:
        """Every "auto" of `filling` filled, with its reason."""
        raise NotImplementedError

    @model_serializer(mode="wrap")
    def _with_family(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        named = {} if self.family == DEFAULT_FAMILY else {"family": self.family}
        values: dict[str, Any] = dump(self)
        return named | values
