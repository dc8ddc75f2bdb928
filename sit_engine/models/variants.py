"""Vision transformers of others that differ from the plain one in little: in what, as a table."""

from __future__ import annotations

from typing import Any, NamedTuple

from sit_engine.config.facts import Variant


class Differs(NamedTuple):
    """What a variant differs in from the plain vision transformer."""

    activation: str | None = None
    """As timm calls it."""
    epsilon: float | None = None
    """Of the norms."""
    has_norm_before: bool = False
    """Before the blocks; patches have no bias then."""
    norms_mean: bool = False
    """The final norm is of the mean patch."""

    architecture: str = "vit_tiny_patch16_224"
    """One of timm's whose norms have that epsilon; all else is said in words."""

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments for timm, without those that a plain network takes too, and without the epsilon."""
        given = {"act_layer": self.activation} if self.activation else {}
        return given | ({"pre_norm": True} if self.has_norm_before else {})


CLIP = "vit_base_patch32_clip_224"
VARIANTS: dict[Variant, Differs] = {
    "plain": Differs(),
    "mean-norm": Differs(norms_mean=True),
    "clip": Differs("quick_gelu", 1e-5, has_norm_before=True, architecture=CLIP),
    "openclip": Differs(None, 1e-5, has_norm_before=True, architecture=CLIP),
    "siglip": Differs("gelu_tanh"),
}
