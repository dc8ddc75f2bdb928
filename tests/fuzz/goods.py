"""Good files of ours, small ones, for `damage` to start from."""

from __future__ import annotations

import io
import pickle
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from sit_engine.config.build import build
from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.resolve import resolve
from sit_engine.config.toml_file import to_toml
from sit_engine.config.tree import ResolvedConfig
from sit_engine.data.folder.index import ImageIndex
from sit_engine.data.pixel_cache.cache_rows import RowBook
from sit_engine.data.pixel_cache.journal import sealed
from sit_engine.own_files import parse_json
from sit_engine.records.embedding import Columns, save_map
from sit_engine.records.embedding import save as save_embedded
from sit_engine.records.events import (
    CheckpointWritten,
    CommandAnswered,
    ConfigChanged,
    Event,
    HealthMeasured,
    KnnMeasured,
    PhaseChanged,
    PreviewWritten,
    RunFinished,
    RunResumed,
    RunStarted,
    SettingsAccepted,
    StepReported,
    ValidationMeasured,
    Warned,
    to_line,
)
from sit_engine.records.studies.comparison import (
    Budget,
    ComparedRun,
    Comparison,
    Figure,
    Gap,
    Line,
)
from tests.models.imports import foreign_files
from tests.tiny import TINY

SIDE = 4
EVENTS: list[Event] = [
    RunStarted("r", "sit", "cpu", 100, 50, 10, 10, 1),
    RunStarted("r", "finetune", "cpu", 100, 50, 10, 10, 1, leg=2, processes=2),
    PhaseChanged("decoding", 3, 9),
    PhaseChanged("training", 10, 50),
    StepReported(10, 1.0, 2.0, {"contrast": 1.0}, {"rate": 1}, 1e-3, 0.1, 1.0, 9.0, 0.5, 1, 9, 3.0),
    StepReported(20, 2.0, 1.0, {}, {"train_accuracy": 0.5}, 1e-3, 0.1, 1.0, 9.0, 0.5, 0, 9, None),
    HealthMeasured(
        10, 64, 1.0, 5.0, 32, "learning", "It learns.", "health.x", {"a": "b"}, {"agreement": 0.5}
    ),
    KnnMeasured(10, 0.5, 0.1, 0.05, 0.2, "student"),
    ValidationMeasured(20, 0.5, 0.1, 1.0, 0.5, 0.1, 20),
    PreviewWritten(10, "previews/step-00000010"),
    CheckpointWritten(10, "checkpoints/step-00000010", best=True),
    ConfigChanged(10, "optim.epochs", "5", "9", "asked for"),
    SettingsAccepted({"config.toml": "0" * 64}, "changed by hand"),
    CommandAnswered("extend", "done", "command.done", {}),
    Warned("data.streamed", "Many.", {"count": "3"}),
    RunResumed(1, 10, "step-00000010", 3),
    RunFinished("completed", 50, 0),
    RunFinished("failed", 20, 3, "disk.full", "Full.", "Clear it.", {"path": "x"}),
]
LINES: list[Any] = [parse_json(to_line(event, time=1.7e9)) for event in EVENTS]
WISHES: list[Any] = [
    {"command": "extend", "leg": 0, "values": {"epochs": 9.0}},
    {"command": "stop", "leg": -1, "values": {}},
    {"command": "preview", "leg": 2},
]
LOCKS: list[Any] = [{"pid": 1, "started": 1.7e9, "host": "here"}, {}]
SPLITS: list[Any] = [
    {
        "classes": ["a", "b"],
        "value_range": [0.0, 900.0],
        "train": ["0:a/0.png", "0:a/1.png"],
        "watch": ["0:b/2.png"],
        "images": {"0:a/0.png": f"0 {'0f' * 16}", "0:a/1.png": "0", "0:b/2.png": "1 ab"},
        "cache_side": 16,
        "pixels": "0" * 64,
    },
    {"classes": [], "value_range": None, "train": ["0:a/0.png"], "watch": [], "pixels": "files:0"},
]
MOVED: list[Any] = [
    {"folders": ["/new"], "labels_file": None, "renamed": {"0:a/0.png": "0:c/9.png"}},
    {"folders": ["/new", "/other"], "labels_file": "/new/labels.csv", "renamed": {}},
]
LABELS = [
    "path,label\na/0.png,cat\na/1.png,dog\nb/2.png,cat\n",
    "label;path\ncat;a/0.png\n'=dog;a/1.png\n",
    'path\tlabel\tmore\na\\0.png\t"two\nlines"\t\n',
    '\ufeffpath,label\r\n"a/0.png","with, comma"\r\n',
]
LABEL_VALUES = [
    "",
    '"',
    '"""',
    "a/0.png",
    "=x",
    "\0",
    "x" * 9000,
    "\r",
    "path",
    "\u2028",
    "\udcff",
    ";",
    "\t",
]
TOML_VALUES = [
    *(
        "",
        "true",
        "-1",
        "1e999",
        "nan",
        "-inf",
        "9" * 5000,
        '""',
        "[]",
        "{}",
        '"auto"',
        "1979-05-27",
    ),
    *("[1, 2]", "'x'", '"\\u0000"', '"""', "[" * 500, "a." * 90 + "b", "[[a]]", "[data]", "0x10"),
]
QUESTIONS: list[Any] = [
    {
        "id": 1,
        "ask": "resolve",
        "config": {"preset": "quick", "model": {"image_size": 32}},
        "facts": {"images": 192, "classes": 16, "median_side_px": 32, "cues": None},
        "images_per_s": 100.0,
    },
    {"id": "x", "ask": "cache", "clear": False},
    {"id": 2, "ask": "scan", "folders": ["none"], "out": "out", "labels": "none", "cache_gb": 1.0},
    {"id": 3, "ask": "neighbours", "embedded": "none", "image": "none", "count": 3},
    {"id": 4, "ask": "map", "embedded": "none", "kind": "pca"},
    {"id": 5, "ask": "import", "file": "none", "out": "out", "heads": 2},
    {"id": 6, "ask": "inspect", "run": "none", "images": [], "out": "out", "step": 3},
    {"id": 7, "ask": "predict", "model": "none", "folders": ["none"], "out": "out.csv"},
    {"id": 8, "ask": "evaluate", "run": "none", "test": ["none"], "knn_only": True},
    {"id": 9, "ask": "export", "run": "none", "format": "safetensors", "out": "out"},
    {"id": 10, "ask": "network_time", "model": {"width": 16}, "facts": {}, "device": "none"},
]

INDEX_FILES = [
    *("summary.json", "paths", "problems", "duplicates", "leaks", "labels.npy", "sizes.npy"),
    *("paths.offsets.npy", "problems.offsets.npy"),
]
EMBEDDED_FILES = [
    *("about.json", "features.npy", "labels.npy", "split.npy", "map-pca.npy", "paths"),
    *("paths.offsets.npy", "near-duplicates.csv"),
]
_SCORE = {"accuracy": 0.5, "interval": 0.1}
_CELLS = {"raw pixels": _SCORE, "finetuned": _SCORE}
REPORTS: list[Any] = [
    {
        "format": 2,
        "main": "finetuned",
        "columns": ["raw pixels", "finetuned"],
        "step": 3,
        "rows": [
            {"name": "a", "kind": "knn", "shots": None, "scores": _CELLS, "gains": _CELLS},
            {"name": "b", "kind": "few-shot", "shots": 5, "scores": _CELLS, "gains": {}},
        ],
        "train_images": 9,
        "test_images": 6,
        "classes": ["a", "b"],
        "network": "student",
        "left_out": {"in_train": 3},
        "page": "x.html",
        "scratch": {"hint": "x"},
        "answers": {
            "by": "classifier",
            "accuracy": _SCORE,
            "balanced_accuracy": 0.5,
            "calibration_error": 0.1,
            "calibration": [],
            "confusion": [[1, 2], [3, 4]],
            "predictions": "x.predictions.csv",
            "classes": [
                {"name": name, "images": 2, "precision": 0.5, "recall": 0.5, "f1": 0.5}
                for name in "ab"
            ],
        },
    }
]
COMPARED: list[Any] = [
    {
        "folder": "/x",
        "configs": {"a": {}, "b": {}},
        "seeds": 2,
        "first_seed": 0,
        "budget": {"unit": "minutes", "amount": 2.0},
    }
]
COMPARISONS: list[Any] = [
    {},
    Comparison(
        "/x",
        (),
        Budget("minutes", 2.0),
        2,
        5,
        (
            Line("a", "config", {"knn": Figure(0.5, 2, None)}),
            Line("b", "config", {"knn": Figure(0.6, 2, Gap(0.1, 0.0, 0.2))}),
        ),
        (ComparedRun("a", 0, "runs/a-seed0", "completed", 80, 80, 640, 1.5),),
        900,
        100,
        "",
        True,
    ).to_json(),
]
TIMM_CONFIGS: list[Any] = [
    {
        "architecture": "vit_tiny_patch16_224",
        "num_features": 8,
        "model_args": {"num_heads": 2, "patch_size": 4, "img_size": 8},
        "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    },
    {},
]


def configs() -> list[str]:
    """As the program writes them."""
    chosen: list[dict[str, Any]] = [
        {},
        TINY,
        {"preset": "standard", "method": {"name": "finetune"}},
    ]
    texts = [to_toml(build(values)) for values in chosen]
    return [*texts, 'preset = "quick"\n[model]\nimage_size = 32\n[data]\nfolders = ["x"]\n']


def config() -> ResolvedConfig:
    """Of a tiny run, worked out."""
    chosen = build(TINY | {"data": {"folders": ["/x"]}})
    return resolve(chosen, DataFacts(100, 0, 300), DeviceFacts()).config


def index(folder: Path) -> ImageIndex:
    """Three images that nobody ever opens."""
    return ImageIndex(
        roots=(str(folder),),
        paths=["a/0.png", "a/1.png", "b/2.png"],
        root_of=np.zeros(3, np.int32),
        sizes=np.full((3, 2), 8, np.int32),
        bytes=np.array([10, 20, 30]),
        mtime_ns=np.array([1, 2, 3]),
        labels=np.array([0, 0, 1], np.int32),
        classes=("a", "b"),
        deep=np.array([False, False, True]),
        channels=np.full(3, 3, np.uint8),
        files=3,
    )


def rows(folder: Path) -> tuple[list[Any], bytes]:
    """Lines of the cache's journal about `index`, as records and as the file."""
    book, images = RowBook(folder, SIDE), index(folder)
    records = []
    for i in range(3):
        record = book.key(images, i, (0.0, 9.0))
        record |= {"size": int(images.bytes[i]), "mtime_ns": int(images.mtime_ns[i])}
        record |= {"width": 8, "height": 8, "notes": ["is odd"], "crc": i, "sha256": f"{i:064x}"}
        records.append(record | {"row": i})
    damaged = book.key(images, 0, None) | {"size": 10, "mtime_ns": 1, "problem": "is", "code": "x"}
    records.append(damaged)
    return records, b"".join(sealed(record) for record in records)


@cache
def weights() -> list[tuple[str, bytes]]:
    """Files of weights: suffix and bytes."""
    found = []
    for layout in ("timm", "dino"):
        tensors = _tensors(layout)
        out = io.BytesIO()
        torch.save(tensors, out)
        found.append((".pth", out.getvalue()))
        out = io.BytesIO()
        torch.save(tensors, out, _use_new_zipfile_serialization=False)
        found.append((".pth", out.getvalue()))
    found.append((".safetensors", save(_tensors("timm"))))
    found.append((".pth", pickle.dumps({"a": 1})))
    return found


def _tensors(layout: str) -> dict[str, Any]:
    size = foreign_files.Size(width=8, depth=1, patch=4, side=8)
    shapes = foreign_files.trunk(size, ["cls_token"])
    tensors = {name: torch.zeros(shape) for name, shape in shapes.items()}
    if layout == "timm":
        return tensors
    return {"teacher": {f"backbone.{name}": value for name, value in tensors.items()}}


def program() -> bytes:
    """What `predict` reads of an exported model before it asks for trust."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        about = '{"value_range": [0, 9.5], "image_size": 16, "output": "probabilities"}'
        archive.writestr("x/extra/about.json", about)
        archive.writestr("x/extra/labels.json", '["a", "b"]', zipfile.ZIP_DEFLATED)
    return out.getvalue()


def write_embedded(folder: Path) -> None:
    """A folder of three embedded images."""
    folder.mkdir()
    whole, none = np.zeros(3, np.int32), np.full(3, -1, np.int32)
    about = {
        "points": 3,
        "classes": ["a"],
        "splits": ["train"],
        "sub_folders": ["a"],
        "run": "r",
        "network": "student",
        "step": 3,
    }
    columns = Columns(whole, whole, np.zeros(3, np.int8), none, np.zeros(3, np.int64))
    np.save(folder / "features.npy", np.eye(3, 4, dtype=np.float32))
    save_map(folder, "pca", np.zeros((3, 2), np.float32))
    save_embedded(
        folder, about, [f"/x/{i}.png" for i in range(3)], columns, [("/x/0.png", "/x/1.png", 0.99)]
    )
