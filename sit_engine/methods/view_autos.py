"""What "auto" means for colours and mirroring of views: what the folder's labels live on.

The rules and what they were measured on: docs/adr/0017-what-labels-live-on.md.
"""

from __future__ import annotations

from sit_engine.config.facts import MEASURED_LATER, DataFacts
from sit_engine.config.views import ViewOptions
from sit_engine.counted import Sentence

# +20 points of k-NN on photographs of packages, −2 to −3 on CIFAR-10 (docs/adr/0017).
WEAK = {
    "brightness": 0.3,
    "contrast": 0.3,
    "saturation": 0.1,
    "hue": 0.0,
    "grey": 0.0,
    "solarise": 0.0,
}
USUAL_FLIP = 0.5
LOST_BY_MIRRORING = 0.1
"""Share of the right answers that mirror images may take away; up to 4 % on folders of ADR 17."""

LARGE_PX = 128
"""From this view size on published crops and blur are taken over by methods that "auto" gives their own
for smaller ones."""
NO_BLUR = "off: it takes time, and views of up to 64 px gained nothing by it"

AS_PUBLISHED = "the paper's value"

Auto = tuple[object, str]

PUBLISHED_BLUR: dict[str, Auto] = {
    "views.blur_first": (1.0, AS_PUBLISHED),
    "views.blur_second": (0.1, AS_PUBLISHED),
}
"""How often each of two views is blurred, in all papers alike."""


def view_autos(views: ViewOptions, facts: DataFacts, preset: str) -> dict[str, Auto]:
    """Value and reason of each of these settings, by its path below `method`."""
    is_paper = preset.startswith("paper")
    colours = ("published", AS_PUBLISHED) if is_paper else _colours(facts)
    chosen = str(colours[0]) if views.colours == "auto" else views.colours
    is_open = views.colours == "auto" and colours[1] == MEASURED_LATER
    why = "of weak colour changes" if chosen == "weak" else "of published colour changes"
    why = MEASURED_LATER if is_open else why
    numbers = WEAK if chosen == "weak" else views.PUBLISHED
    return {
        "views.colours": colours,
        **{f"views.{name}": (value, why) for name, value in numbers.items()},
        "views.flip": (USUAL_FLIP, AS_PUBLISHED) if is_paper else _flip(facts),
    }


def published_blur(image_size: int) -> dict[str, Auto]:
    """How often views are blurred: as published in large ones, never in small ones."""
    return (
        PUBLISHED_BLUR if image_size >= LARGE_PX else dict.fromkeys(PUBLISHED_BLUR, (0.0, NO_BLUR))
    )


def _colours(facts: DataFacts) -> Auto:
    cues = facts.cues
    if cues is None:
        return "published", _unmeasured(facts)
    is_weak = cues.colour - cues.grey > cues.colour_margin
    return "weak" if is_weak else "published", Sentence(
        "colour alone tells {colour} of {images} labelled images apart, grey pixels {grey}",
        colour=_percent(cues.colour),
        images=cues.images,
        grey=_percent(cues.grey),
    )


def _flip(facts: DataFacts) -> Auto:
    cues = facts.cues
    if cues is None:
        return USUAL_FLIP, _unmeasured(facts)
    lost = cues.pixels - cues.mirrored
    told = Sentence(
        "pixels tell {pixels} of {images} labelled images apart, {mirrored} among mirrored ones",
        pixels=_percent(cues.pixels),
        images=cues.images,
        mirrored=_percent(cues.mirrored),
    )
    # Twice the interval: folders whose labels tell little are not decided by one draw in forty.
    if lost > max(2 * cues.mirror_margin, LOST_BY_MIRRORING * cues.pixels):
        return 0.0, Sentence("mirror images look like other classes: {why}", why=told)
    return USUAL_FLIP, Sentence("mirror images keep their class: {why}", why=told)


def _unmeasured(facts: DataFacts) -> str:
    if facts.has_cues:
        return MEASURED_LATER
    return "as published: too few labels to measure by"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
