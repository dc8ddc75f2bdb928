"""Every benchmark of speed and memory, one after the other: `python -m benchmarks --out FOLDER`.

From the repository root. On a GPU machine `python -m benchmarks --device cuda --out FOLDER` measures
all that docs/benchmarks.md tells of CUDA. Each runs in a process of its own; one that fails is told and
the others go on. Writes a JSON file each, and all tables as FOLDER/tables.md. What methods learn in
minutes on a GPU is a command of its own: `python -m benchmarks gpu-quality` (benchmarks.gpu_quality).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.table import Table, markdown, read

# In the order in which a new machine wants them: the step first.
ON_GPU = ("whole_step", "step_parts", "limits", "waits", "feeding", "memory")
ON_CPU = ("input_path", "corrupting", "decoding", "checksums", "startup", "latency", "evaluation")


def main() -> int:
    """Run them; 1 if one failed."""
    if sys.argv[1:2] == ["gpu-quality"]:
        from benchmarks import gpu_quality

        del sys.argv[1]
        return gpu_quality.main()
    about = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=about)
    parser.add_argument("--out", type=Path, required=True, help="folder for JSON and tables.md")
    parser.add_argument("--quick", action="store_true", help="few repeats, small sizes")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, help="torch's; one is steadier on a busy machine")
    parser.add_argument("--only", nargs="+", choices=(*ON_GPU, *ON_CPU))
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    names = chosen.only or (*ON_GPU, *ON_CPU)
    failed = []
    for name in names:
        started_s = time.perf_counter()
        words = ["--device", chosen.device if name in (*ON_GPU, "evaluation") else "cpu"]
        words += ["--quick"] if chosen.quick else []
        words += ["--threads", str(chosen.threads)] if chosen.threads else []
        file = chosen.out / f"{name}.json"
        command = [sys.executable, "-m", f"benchmarks.{name}", *words, "--json", str(file)]
        if subprocess.run(command, check=False).returncode != 0:
            failed.append(name)
        print(f"\n{name} took {time.perf_counter() - started_s:.0f} s\n", flush=True)
    tables = [read(path) for name in (*ON_GPU, *ON_CPU)
              if (path := chosen.out / f"{name}.json").exists()]  # fmt: skip
    (chosen.out / "tables.md").write_text(page(tables), "utf-8")
    if failed:
        print(f"These failed, and their tables are missing or old: {', '.join(failed)}.")
    return 1 if failed else 0


def page(tables: list[Table]) -> str:
    """The machine once, then every table under its name."""
    parts = [f"- {key}: {value}" for key, value in (tables[0].machine if tables else {}).items()]
    for table in tables:
        parts += ["", f"## {table.name.replace('_', ' ').capitalize()}", "", markdown(table)]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
