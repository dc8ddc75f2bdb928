"""The presets of SiT: the published recipes, and that of 2021 sized for the user's images."""

from __future__ import annotations

from sit_engine.config.traits import Preset

PAPER_2022 = Preset(
    "published recipe of 2022",
    {
        "method": {
            "name": "sit",
            "contrast_loss": "info_nce",
            "temperature": 0.2,
            "views": {"crop_scale_min": 0.2},
            "corruption": {"drop_share": 0.5, "replace_share": 0.3},
        },
        "model": {"image_size": 224, "patch_size": 16, "backbone": "vit_small", "stem": "patch"},
        # As sharp as the published views: benchmarks/sharpness.py.
        "data": {"cache_factor": 2.5},
        "optim": {
            "optimiser": "adamw",
            "schedule": "cosine",
            "epochs": 800,
            "batch_size": 256,
            "learning_rate": 5e-4,
            "warmup_epochs": 10,
        },
    },
)
SMALL_2021 = Preset("standard with the tasks of 2021", {"method": {"name": "sit2021"}})
# 4 GPUs of 72 images in the original; its rate of 1e-3 is for 512 images. Crops as small as 8 % are
# for large photographs.
PAPER_2021 = Preset(
    "published recipe of 2021",
    {
        "method": {"name": "sit2021", "views": {"crop_scale_min": 0.08}},
        "model": {"image_size": 224, "patch_size": 16, "backbone": "vit_base", "stem": "patch"},
        "data": {"cache_factor": 3.0},
        "optim": {
            "optimiser": "adamw",
            "epochs": 501,
            "batch_size": 288,
            "learning_rate": 5e-4,
            "learning_rate_end": 5e-6,
            "warmup_epochs": 5,
            "clip_norm": 0,
        },
    },
)
