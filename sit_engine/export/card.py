"""The model card beside an export: what the model is, what it saw, what was measured; no torch.

Called by api.export. Whoever passes the model on fills in the licence and the limits.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sit_engine.config.tree import RunConfig
from sit_engine.data.names import display_name, unescape_name
from sit_engine.runs import Run, disk_error, write_aside


def write_card(run: Run, about: dict[str, Any], out: Path) -> Path:
    """Write `<file>.md` beside a file, or README.md into a folder; gives its path."""
    path = out / "README.md" if out.is_dir() else out.with_name(f"{out.name}.md")
    try:
        write_aside(path, card(run, about))
    except OSError as error:
        raise disk_error(error, path) from None
    return path


def card(run: Run, about: dict[str, Any]) -> str:
    """Markdown: data, split, recipe, figures, preprocessing, licence."""
    config, split = run.config(), run.split()
    model = config.model
    parts = [
        f"# {about['run']}, step {about['step']}",
        (
            f"A vision transformer pretrained without labels ({config.method.name}); "
            f"{about['network']} network, output: {about['features']}."
        ),
        "## Data",
        _data(config, split),
        "## Recipe",
        (
            f"ViT of width {model.width}, depth {model.depth}, {model.heads} heads, patches of "
            f"{model.patch_size} px, views of {model.image_size} px. {config.optim.epochs} epochs, "
            f"batches of {config.optim.batch_size}, seed {config.compute.seed}, "
            f"{config.compute.precision} on {config.compute.device}."
        ),
        "## Figures",
        _figures(run, about),
        "## Preprocessing",
        f"RGB, shorter side to {model.image_size} px (bicubic, antialiased), centre crop, ImageNet "
        "mean and deviation. A TorchScript file does this itself from uint8 images of any size."
        + _range(split),
        "## Licence and limits",
        "Licence: (fill in)\n\nNot to be used for: (fill in)",
    ]
    return "\n\n".join(parts) + "\n"


def _data(config: RunConfig, split: dict[str, Any]) -> str:
    folders = [unescape_name(folder) for folder in config.data.folders]
    names = ", ".join(display_name(Path(folder).name) for folder in folders)
    classes = split["classes"]
    labels = f" {len(classes)} classes, used only to watch k-NN." if classes else " No labels."
    return (
        f"{len(split['train'])} training and {len(split['watch'])} watched images of the folders "
        f"{names}.{labels}"
    )


def _range(split: dict[str, Any]) -> str:
    found = split["value_range"]
    return f" Deep images: {found[0]:g} is black, {found[1]:g} is white." if found else ""


def _figures(run: Run, about: dict[str, Any]) -> str:
    """The newest evaluation of this step and network, as a table."""
    for path in sorted((run.path / "evaluations").glob("*.json"), reverse=True):
        try:
            report = json.loads(path.read_text("utf-8"))
            if (report["step"], report["network"]) == (about["step"], about["network"]):
                return _table(report)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return "Not measured yet: `sit-engine evaluate`."


def _table(report: dict[str, Any]) -> str:
    columns = ("raw pixels", "untrained", "pretrained")
    lines = [f"| accuracy, % | {' | '.join(columns)} |", "|---|---|---|---|"]
    for row in report["rows"]:
        scores = [row["scores"][column] for column in columns]
        cells = [f"{100 * s['accuracy']:.1f} ± {100 * s['interval']:.1f}" for s in scores]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    lines.append("")
    lines.append(
        f"{report['train_images']} train and {report['test_images']} test images, "
        f"{len(report['classes'])} classes; ± is the 95 % interval."
    )
    return "\n".join(lines)
