"""What a comparison is asked for, as it stands in its folder; loads no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sit_engine.config.build import build
from sit_engine.config.tree import RunConfig
from sit_engine.files import read_json
from sit_engine.records.studies.comparison import Budget

FORMAT = 1
ASKED = "compare.json"


@dataclass(frozen=True)
class CompareRequest:
    """Settings by name, the first to be compared with, and what all of them share."""

    folder: str
    configs: Mapping[str, RunConfig]
    budget: Budget
    seeds: int = 2
    test: tuple[str, ...] = ()
    shots: int = 5
    labels_file: str | None = None
    first_seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values, for `compare.json`."""
        configs = {name: config.model_dump(mode="json") for name, config in self.configs.items()}
        record = asdict(replace(self, configs={})) | {"configs": configs}
        return dict(json.loads(json.dumps({"format": FORMAT} | record)))

    @classmethod
    def of_folder(cls, path: Path) -> CompareRequest:
        """What the comparison in `path` was asked for.

        Raises KeyError, TypeError, ValueError or ConfigError where that cannot be read.
        """
        asked = read_json(path / ASKED)
        return cls(
            folder=str(asked["folder"]),
            configs={name: build(values) for name, values in asked["configs"].items()},
            budget=Budget(**asked["budget"]),
            seeds=int(asked["seeds"]),
            test=tuple(asked["test"]),
            shots=int(asked["shots"]),
            labels_file=asked["labels_file"],
            first_seed=int(asked.get("first_seed", 0)),
        )
