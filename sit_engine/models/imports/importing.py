"""Weights that others trained, as a folder that a run may start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from sit_engine.config.facts import Variant
from sit_engine.errors import DataError, DiskError
from sit_engine.files import read_json
from sit_engine.models.imports.any_timm import read_any_timm
from sit_engine.models.imports.cswin import read_cswin
from sit_engine.models.imports.foreign import open_foreign, weights_file
from sit_engine.models.imports.heads import Heads, find_heads
from sit_engine.models.imports.layouts import OF_CSWIN
from sit_engine.models.imports.networks import ReadNetwork, find_network
from sit_engine.models.imports.plain_network import read_plain
from sit_engine.models.imports.said import read_said
from sit_engine.models.timm_folder import write_timm_folder
from sit_engine.paths import display_name
from sit_engine.records.imported import Imported
from sit_engine.records.starts import NETWORK

MARK = "sit_studio_import"


def import_weights(
    path: Path,
    out: Path,
    *,
    network: str | None = None,
    heads: int | None = None,
    image_size: int | None = None,
    variant: Variant | None = None,
    timm: str | None = None,
) -> Imported:
    """Write one network of a file or folder into the folder `out`; what is read stays as it is.

    `network` None is what the file's authors use (`layouts`), `heads` None what its settings say or what
    is usual for the width, `image_size` None that of the file, in px, `variant` None what its parts and
    settings tell. `timm` names a network that timm's own code builds then; so is one that
    its settings name, where it is no plain vision transformer. Raises DataError where the file is none
    that is known, ConfigError where an argument does not fit it, DiskError where `out` cannot be written.
    """
    file = weights_file(path)
    said = read_said(file)
    found = open_foreign(file)
    architecture = timm
    read: ReadNetwork | None = None
    heads_of: Heads | None = None
    if timm is None:
        try:
            contents = find_network(found, file, network)
            heads_of = find_heads(contents, file)
            if contents.layout is OF_CSWIN:
                read = read_cswin(
                    contents, file, heads=heads, variant=variant, image_size=image_size
                )
            else:
                read = read_plain(
                    contents, file, said, heads=heads, image_size=image_size, variant=variant
                )
        except DataError as refused:
            architecture = said.architecture
            if architecture is None or refused.code != "import.unusable":
                raise
    if read is None:
        read = read_any_timm(found, file, said, str(architecture), image_size)
    done = replace(read.done, path=out, source=display_name(path.name))
    if heads_of is not None:
        done = replace(
            done,
            mapped=(*done.mapped, *heads_of.mapped),
            dropped=tuple(part for part in done.dropped if part.name not in heads_of.names),
            facts=replace(done.facts, method=heads_of.method, head_sizes=heads_of.sizes),
        )
        read.config[NETWORK] |= {"method": heads_of.method, "head_sizes": heads_of.sizes}
    _write(done, read, heads_of.tensors if heads_of else {})
    return done


def _write(done: Imported, read: ReadNetwork, heads: Mapping[str, Tensor]) -> None:
    there = read_json(done.path / "config.json").get(MARK, {})
    if there and there.get("sha256") != done.sha256:
        raise DiskError(
            "import.taken",
            "The folder {out} holds weights that were imported from {source}.",
            "Choose another --out.",
            out=done.path,
            source=there.get("source", "another file"),
        )
    record = done.to_json()
    del record["path"]
    origin = {name: record[name] for name in ("source", "sha256", "layout", "network")}
    read.config["pretrained_cfg"] |= {"mean": list(done.mean), "std": list(done.std)}
    write_timm_folder(
        done.path,
        read.tensors,
        read.config | {MARK: origin},
        mark=MARK,
        more={"import.json": json.dumps(record, indent=1)},
        heads=heads,
    )
