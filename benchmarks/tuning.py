"""What a search for settings chooses on a folder, what it costs and what that gains over the default.

    python -m benchmarks.tuning TRAIN… --out DIR [--minutes 20] [--seeds 3] [--threads 1]

Each TRAIN has one sub-folder a class; `sample` stands for the built-in one. Each search is
`sit-engine tune` with the settings of a first run ("standard"), with seeds of its own (10 apart), in
DIR/NAME/seedN. Gains are those of a search's last round: two fresh seeds on images held out of
training, the paired difference to the default with its 95 % interval. Below stands what each setting
gained in the first rounds, over all searches of a folder. The same command goes on, and prints the
searches that are complete so far.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

from benchmarks.learning import ENGINE
from benchmarks.training_folder import set_name
from sit_engine import api
from sit_engine.counted import counted
from sit_engine.records.studies.comparison import MEASURES
from sit_engine.records.studies.tuning import DEFAULT, Tuning, in_points
from sit_engine.studies.cells import Cell, gap
from sit_engine.studies.compare import TRAINED, Place

APART = 10
"""Between the first seeds of two searches, which is more than one has."""
TITLES = ("k-NN", "linear", "5 labels")


def main() -> None:
    """Search folder by folder, seed by seed, and print the table after each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tuning", description=__doc__)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    for seed in range(chosen.seeds):
        for given in chosen.folders:
            search(given, place(chosen, given, seed), seed, chosen)
            print("\n".join([*table(chosen), *first_rounds(chosen)]), flush=True)


def place(chosen: argparse.Namespace, given: str, seed: int) -> Path:
    """The folder of a search: by the name of the set, not by its part for training."""
    return Path(chosen.out.absolute() / set_name(Path(given)) / f"seed{seed}")


def search(given: str, out: Path, seed: int, chosen: argparse.Namespace) -> None:
    """One search, made or gone on with until it is complete."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(given)
    if given == "sample":
        folder = out.parent / "images" / "train"
        if not folder.exists():
            api.write_sample(folder.parent)
    settings = out.parent / f"seed{seed}.toml"
    settings.write_text(f"[compute]\nseed = {APART * seed}\n", "utf-8")
    words = [str(folder.absolute()), "--out", str(out), "--config", str(settings), "--quiet"]
    words += ["--minutes", str(chosen.minutes), "--threads", str(chosen.threads)]
    subprocess.run([*ENGINE, "tune", *words], check=True, stdout=subprocess.DEVNULL)


def table(chosen: argparse.Namespace) -> list[str]:
    """A row a search that is complete: its best, whether it was chosen, and its gains."""
    head = ["folder", "seed", "chosen", "best of the last round", *TITLES]
    rows = [[*head, "runs", "minutes"]]
    for given in chosen.folders:
        for seed, found in complete(chosen, given).items():
            rows.append([place(chosen, given, seed).parent.name, str(seed), *row(found)])
    return lines(rows)


def lines(rows: list[list[str]]) -> list[str]:
    """A table whose first row is its head."""
    head, *others = rows
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *others)]


def complete(chosen: argparse.Namespace, given: str) -> dict[int, Tuning]:
    """The complete searches of a folder, by their number."""
    found = {}
    for seed in range(chosen.seeds):
        path = place(chosen, given, seed) / "tuning.json"
        if path.is_file():
            one = Tuning.from_json(json.loads(path.read_text("utf-8")))
            if one.is_complete:
                found[seed] = one
    return found


def row(found: Tuning) -> list[str]:
    """What one search chose, what its best gained, and what it cost."""
    gains, best = ["–"] * len(MEASURES), "–"
    if found.final is not None and found.best is not None:
        best, _ = found.best
        figures = next(line.figures for line in found.final.lines if line.name == best)
        gaps = (figures[name].gap if name in figures else None for name in MEASURES)
        gains = [in_points(gap) if gap else "–" for gap in gaps]
    runs = sum(len(rung.runs) for rung in found.rungs)
    return [found.chosen, best, *gains, str(runs), f"{found.spent_minutes:.0f}"]


def first_rounds(chosen: argparse.Namespace) -> list[str]:
    """A table a measure: what each setting gained over the default, over all searches of a folder."""
    found = {given: first_cells(chosen, given) for given in chosen.folders}
    found = {given: cells for given, cells in found.items() if cells}
    if not found:
        return []
    names = dict.fromkeys(name for cells in found.values() for name in cells if name != DEFAULT)
    text = []
    for measure, title in zip(MEASURES, TITLES, strict=True):
        head = [title]
        for given, cells in found.items():
            seeds = counted(len(cells[DEFAULT]), "seeds")
            head.append(f"{place(chosen, given, 0).parent.name}, {seeds}")
        rows = [head]
        for name in names:
            gaps = (gap(of.get(name, {}), of[DEFAULT], measure) for of in found.values())
            rows.append([name, *(in_points(one) if one else "–" for one in gaps)])
        text += ["", *lines(rows)]
    return text


def first_cells(chosen: argparse.Namespace, given: str) -> dict[str, dict[int, Cell]]:
    """What each setting's network of the first round answered, by seed."""
    found: dict[str, dict[int, Cell]] = {}
    for number, done in complete(chosen, given).items():
        for run in done.rungs[0].runs:
            at = Place(place(chosen, given, number) / "rung-1", run.config, run.seed)
            found.setdefault(run.config, {})[run.seed] = Cell.read(at.cell(TRAINED))
    return found


if __name__ == "__main__":
    main()
