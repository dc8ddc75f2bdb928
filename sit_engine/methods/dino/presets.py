"""The published recipe of DINO as a preset."""

from __future__ import annotations

from sit_engine.config.traits import Preset

# 8 GPUs of 64 images. The teacher's temperature stays at 0.04 there, which the method's "auto" has.
PAPER_DINO = Preset(
    "published recipe of DINO",
    {
        "method": {"name": "dino", "loss": "dino"},
        "model": {
            "image_size": 224, "patch_size": 16, "backbone": "vit_small", "stem": "patch",
            "drop_path": 0.1,
        },
        # A local crop may show 0.22 of a side on 96 px: 430 px a side; this has 560.
        "data": {"cache_factor": 2.5},
        "optim": {
            "optimiser": "adamw",
            "epochs": 100,
            "batch_size": 512,
            "learning_rate": 5e-4,
            "learning_rate_end": 1e-6,
            "warmup_epochs": 10,
            "weight_decay": 0.04,
            "weight_decay_end": 0.4,
            "clip_norm": 3.0,
        },
    },
)  # fmt: skip
