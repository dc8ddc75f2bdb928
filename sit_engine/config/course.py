"""The course that a pretraining run is expected to take: when it can be judged, and what is said then.

What the numbers rest on: docs/adr/0019-fifteen-minutes.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

STEPS_TO_LEARN = 300
"""Before so many steps no run of ours could be told from its untrained network; some need more."""
SHARE_TO_JUDGE = 0.2
"""Of a run: while the learning rate still rises, nothing is lost yet."""
IMAGES_SEEN = 2e6
FEWEST_EPOCHS, MOST_EPOCHS = 100, 1000
VERDICTS = {
    "health.not_started": "Training has not started yet.",
    "health.early": "It is too early to tell: that takes until step {from_step} (epoch {from_epoch}). "
    "Sets of this size need about {needed} epochs.",
    "health.too_short": "This run is too short to tell: it has {steps} steps, and {from_step} are the "
    "least. Sets of this size need about {needed} epochs.",
    "health.kept_early": "This run was ended at step {step}, before it can be told whether it learns: "
    "that takes until step {from_step} (epoch {from_epoch}). Sets of this size need about {needed} "
    "epochs.",
    "health.learning": "It is learning: nearest neighbours are right for {accuracy} of the watched "
    "images, {untrained} before training.",
    "health.keep_start": "Keep the weights that you started from: nearest neighbours are right for "
    "{accuracy} of the watched images, {untrained} before training (± {interval}). More epochs may "
    "still help.",
    "health.collapsed": "The features have collapsed: every image looks the same to the model. "
    "Lower the learning rate.",
    "health.unlabelled": "The features have not collapsed. Without labels it cannot be known "
    "whether they fit your classes; k-NN watches from two classes and a hundred images on.",
    "health.finds": "It is learning: edited copies of held-out videos find their originals with a mean "
    "average precision of {precision}; the features that it started from, {pooled}.",
    "health.finds_no_better": "No gain can be seen yet: edited copies of held-out videos find their "
    "originals with a mean average precision of {precision} (± {interval}); the features that it "
    "started from, {pooled}.",
    "health.finds_less": "Plain thumbnails find more: edited copies of held-out videos find their "
    "originals by them with a mean average precision of {raw}; by this run, {precision} (± {interval}). "
    "A start that has learnt more may help.",
    "health.not_learning": "No gain can be seen yet: nearest neighbours are right for {accuracy} of "
    "the watched images, {untrained} before training (± {interval}). Sets of this size need about "
    "{needed} epochs; more of them, or more images, may help.",
    "health.never_learnt": "No gain can be seen: nearest neighbours are right for {accuracy} of the "
    "watched images, {untrained} before training (± {interval}), after the {needed} epochs that sets of "
    "this size need. Other settings (tune) or more images may help.",
}
"""What a reading may say of a run (watching.health), by its code."""


def epochs_needed(train_images: int) -> float:
    """How often such a set should be seen: two million images in all, within bounds."""
    wanted = round(IMAGES_SEEN / max(1, train_images))
    return float(max(FEWEST_EPOCHS, min(MOST_EPOCHS, wanted)))


@dataclass(frozen=True)
class Course:
    """The steps of a run, and of one epoch."""

    total_steps: int
    steps_per_epoch: int
    train_images: int
    has_start: bool = False
    """Whether it begins with weights that have learnt already."""
    steps_to_learn: int = STEPS_TO_LEARN
    """Before so many nothing bad is said of it: few rose above their untrained network earlier."""

    @property
    def judged_from(self) -> int:
        """The first step whose reading may say that nothing is learnt, or that all is lost."""
        return max(self.steps_to_learn, math.ceil(SHARE_TO_JUDGE * self.total_steps))

    @property
    def epochs_to_learn(self) -> int:
        """Epochs after which it can be told whether a run learns."""
        return math.ceil(self.steps_to_learn / max(1, self.steps_per_epoch))

    def is_long(self, step: int) -> bool:
        """Whether at `step` the images were seen as often as such sets need."""
        return step >= epochs_needed(self.train_images) * self.steps_per_epoch

    @property
    def is_too_short(self) -> bool:
        """Whether it ends before it can be judged."""
        return self.total_steps < self.steps_to_learn

    def words(self) -> dict[str, str]:
        """What sentences about it say."""
        return {
            "steps": f"{self.total_steps:,}",
            "from_step": f"{self.judged_from:,}",
            "from_epoch": f"{self.judged_from / max(1, self.steps_per_epoch):.3g}",
            "needed": f"{epochs_needed(self.train_images):,.0f}",
        }


def least_rank(width: int) -> float:
    """The effective rank below which features of that many numbers are all alike (ADR 6)."""
    return max(5.0, 0.02 * width)
