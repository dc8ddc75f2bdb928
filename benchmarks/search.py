"""Is a search for a network worth its time? Searched, found by random search, and uniform, trained anew.

    python -m benchmarks.search FOLDER --out DIR [--budget auto] [--minutes 30] [--anew 8] [--seeds 3]
        [--threads 1] [--sharing ring] [--quick]

FOLDER has one sub-folder a class, or is a tar of a folder with `train` in it. It is `sit-engine search`
with the default settings; the table has k-NN and linear accuracy on images that are held out of all
training, with their 95 % intervals over the uniform network. The same command goes on. --quick: a
minute in all.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.tables import unpacked
from sit_engine import api
from sit_engine.config.build import build
from sit_engine.records.studies.comparison import Comparison, Figure
from sit_engine.records.studies.network_request import NetworkRequest
from sit_engine.records.studies.network_search import NetworkSearch, Source
from sit_engine.records.studies.network_search_text import ROWS, verdict


def main() -> None:
    """Search, train anew, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budget", default="auto")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--anew", type=float, default=8.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--sharing", default="ring")
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.minutes, chosen.anew, chosen.seeds = 0.4, 0.1, 1
    out = chosen.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    folder = chosen.folder
    if folder.is_file():
        folder = unpacked(folder, out) / "train"
    request = NetworkRequest(
        folder=str(folder.absolute()),
        base=build({"compute": {"threads": chosen.threads, "device": chosen.device}}),
        minutes=chosen.minutes,
        budget=chosen.budget,
        sharing=chosen.sharing,
        anew_minutes=chosen.anew,
        seeds=chosen.seeds,
    )
    found = api.search(request, out / "search", emit=lambda _: None)
    print("\n".join([*table(found), *verdict(found)]))


def table(found: NetworkSearch) -> list[str]:
    """A row for each network, in Markdown."""
    lines = [
        "| network | M multiply-adds | M parameters | k-NN, % | linear, % | heads/attention/MLP |",
        "|---|---|---|---|---|---|",
    ]
    assert found.comparison is not None
    for name, source in ROWS:
        lines.append(_row(found, found.comparison, name, source))
    return lines


def _row(found: NetworkSearch, comparison: Comparison, name: str, source: Source) -> str:
    best = found.best(source)
    assert best is not None
    figures = next(line.figures for line in comparison.lines if line.name == name)
    blocks = " ".join("/".join(map(str, block)) for block in best.blocks)
    sizes = f"patch {best.patch_size}, width {best.width}: {blocks}"
    return (
        f"| {name} | {best.multiply_adds / 1e6:.2f} | {best.parameters / 1e6:.3f} | "
        f"{_cell(figures['knn'])} | {_cell(figures['linear'])} | {sizes} |"
    )


def _cell(figure: Figure) -> str:
    """For example "55.1 (+2.1 [+0.4, +3.8])"."""
    text, gap = f"{100 * figure.accuracy:.1f}", figure.gap
    if gap is None:
        return text
    return f"{text} ({100 * gap.mean:+.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}])"


if __name__ == "__main__":
    main()
