"""The model card beside an export: what the model is, what it saw, what was measured; no torch.

Called by api.export. Whoever passes the model on fills in the licence and the limits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sit_engine.config.facts import IMAGENET
from sit_engine.config.tree import ResolvedConfig
from sit_engine.counted import counted
from sit_engine.errors import SitError
from sit_engine.files import disk_error, read_json, write_aside
from sit_engine.paths import display_name
from sit_engine.records.run import Run
from sit_engine.records.starts import describe_start


def write_card(run: Run, about: dict[str, Any], out: Path) -> Path:
    """Write `<file>.md` beside a file, or README.md into a folder; gives its path."""
    path = out / "README.md" if out.is_dir() else out.with_name(f"{out.name}.md")
    try:
        write_aside(path, card(run, about, is_folder=out.is_dir()))
    except OSError as error:
        raise disk_error(error, path) from None
    return path


def card(run: Run, about: dict[str, Any], *, is_folder: bool) -> str:
    """Markdown: data, split, recipe, figures, preprocessing, licence."""
    config, split = run.config(), run.split()
    is_finetuned = config.method.needs_labels
    how = "finetuned with labels" if is_finetuned else "pretrained without labels"
    output = {
        "features": about["features"],
        "clip vectors": f"a unit vector of each clip of {about.get('clip_frames')} frames, "
        f"{config.data.frame_rate:g} a second, whatever their order",
    }.get(about["output"], "the probability of each class")
    parts = [
        f"# {about['run']}, step {about['step']}",
        (
            f"A network {how} ({config.method.name}): {config.model.described()}; "
            f"{about['network']} network, output: {output}."
        ),
        "## Data",
        _data(config, split, is_finetuned=is_finetuned),
        "## Recipe",
        _recipe(config),
        "## Figures",
        _figures(run, about),
        "## Preprocessing",
        f"RGB, shorter side to {about['image_size']} px (bicubic, antialiased), centre crop, "
        f"{config.model.pixels}. A TorchScript file does all this itself from uint8 images of any size; "
        f"ONNX and .pt2 files take uint8 views of {about['image_size']} × {about['image_size']} px "
        "and normalise them." + _range(split),
        *(_loading() if is_folder and config.model.has_own_layout else ()),
        "## Licence and limits",
        "Licence: (fill in)\n\nNot to be used for: (fill in)",
    ]
    return "\n\n".join(parts) + "\n"


SNIPPET = """\
from pathlib import Path

from sit_engine.models.weights import build_from, read_weights

network = build_from(read_weights(Path("FOLDER")))  # this folder
features = network.feature(views)  # [B,3,V,V] normalised as above to [B,D]
"""


def _loading() -> tuple[str, str]:
    """The section on loading weights that no library loads."""
    return "## Loading", (
        "timm cannot load it: timm has no such network. SiT Studio's engine does, and its `config.json` "
        f"says all sizes:\n\n```python\n{SNIPPET}```\n\nThe tensors have the names of "
        "`network.state_dict()`; a classifier, where there is one, is `head`, a linear layer on the "
        "features."
    )


def _data(config: ResolvedConfig, split: dict[str, Any], *, is_finetuned: bool) -> str:
    names = ", ".join(display_name(Path(folder).name) for folder in config.data.folders)
    classes, held_out = split["classes"], "validation" if is_finetuned else "watched"
    said = f"{len(split['train'])} training and {len(split['watch'])} {held_out} images of the "
    said += f"folders {names}."
    if is_finetuned:
        numbered = "\n".join(f"{n}. {display_name(name)}" for n, name in enumerate(classes))
        number = counted(len(classes), "classes")
        return f"{said} {number}, numbered from 0 as in the answers:\n\n{numbered}"
    if classes:
        return f"{said} {counted(len(classes), 'classes')}, used only to watch k-NN."
    return f"{said} No labels."


def _recipe(config: ResolvedConfig) -> str:
    model = config.model
    start = model.weights and display_name(Path(model.weights).name)
    return (
        f"Views of {model.image_size} px. "
        f"{counted(float(config.optim.epochs), 'epochs', 'g')}, "
        f"batches of {config.optim.batch_size}, seed {config.compute.seed}, "
        f"{config.compute.precision} on {config.compute.device}; started from "
        f"{f'the weights {start}' if start else 'nothing'}. All settings are in the run's config.toml."
        + _folded(config)
    )


def _folded(config: ResolvedConfig) -> str:
    """The line that says that a start's own normalisation is folded into the first layer now."""
    try:
        start = describe_start(Path(config.model.weights)) if config.model.weights else None
    except SitError:
        return ""
    if start is None or (start.mean, start.std) == IMAGENET:
        return ""
    mean, std = (", ".join(f"{value:.4g}" for value in three) for three in (start.mean, start.std))
    return (
        f" Those weights took pixels normalised by mean {mean} and deviation {std}, which was folded "
        "into the first layer."
    )


def _range(split: dict[str, Any]) -> str:
    found = split["value_range"]
    return f" Deep images: {found[0]:g} is black, {found[1]:g} is white." if found else ""


def _figures(run: Run, about: dict[str, Any]) -> str:
    """The newest evaluation of this step and network, as a table."""
    for path in sorted((run.path / "evaluations").glob("*.json"), reverse=True):
        try:
            report = read_json(path)
            if (report["step"], report["network"]) == (about["step"], about["network"]):
                return _table(report)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return "Not measured yet: `sit-engine evaluate`."


def _table(report: dict[str, Any]) -> str:
    columns = report["columns"]
    lines = [f"| accuracy, % | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for row in report["rows"]:
        scores = [row["scores"].get(column) for column in columns]
        cells = [
            f"{100 * s['accuracy']:.1f} ± {100 * s['interval']:.1f}" if s else "" for s in scores
        ]
        lines.append(f"| {row['name']} | {' | '.join(cells)} |")
    lines.append("")
    lines.append(
        f"{report['train_images']} train and {counted(report['test_images'], 'test images')}, "
        f"{counted(len(report['classes']), 'classes')}; ± is the 95 % interval."
    )
    return "\n".join(lines)
