"""The three presets: what they set beyond the defaults of the tree."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
        "optim": {"minutes": 2.5},
        "watch": {"readings": 10, "previews": 5},
    },
    "standard": {},
    "paper-2022": {
        "model": {"image_size": 224, "patch_size": 16, "backbone": "vit_small"},
        "optim": {
            "epochs": 800,
            "batch_size": 256,
            "learning_rate": 5e-4,
            "warmup_epochs": 10,
        },
    },
}
