"""The door to the engine: thin typed verbs for the command line and the window.

They import torch inside their functions only, so that the door itself opens at once.
"""

from sit_engine.api.images import cache, scan, show_pairs, show_views, write_sample
from sit_engine.api.measuring import (
    add_map,
    draw_curves,
    embed,
    evaluate,
    inspect,
    neighbours,
    predict,
)
from sit_engine.api.runs import (
    Emit,
    MakeControl,
    check,
    find_folders,
    finetune,
    pretrain,
    repair,
    resume,
    scratch_twin,
)
from sit_engine.api.settings import describe_device, dry_run, resolve
from sit_engine.api.studies import compare, tune
from sit_engine.api.weights import export, import_weights

__all__ = [
    "Emit",
    "MakeControl",
    "add_map",
    "cache",
    "check",
    "compare",
    "describe_device",
    "draw_curves",
    "dry_run",
    "embed",
    "evaluate",
    "export",
    "find_folders",
    "finetune",
    "import_weights",
    "inspect",
    "neighbours",
    "predict",
    "pretrain",
    "repair",
    "resolve",
    "resume",
    "scan",
    "scratch_twin",
    "show_pairs",
    "show_views",
    "tune",
    "write_sample",
]
