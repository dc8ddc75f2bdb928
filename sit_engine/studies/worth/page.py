"""A study of worth as a page to send on: one HTML file that needs nothing else, light and dark."""

from __future__ import annotations

import base64
from pathlib import Path

from sit_engine.counted import counted
from sit_engine.evaluation.html_page import STYLE, shown
from sit_engine.paths import display_name
from sit_engine.records.studies.worth import Worth, advice, points, shots_word
from sit_engine.studies.worth.figure import NAME


def page(found: Worth, folder: Path) -> str:
    """The advice, the figure that lies in `folder`, the table and what it was measured on."""
    title = f"Is pretraining worth it on {display_name(Path(found.folder).name)}?"
    picture = base64.b64encode((folder / NAME).read_bytes()).decode()
    heads = "".join(f"<th>{shown(column.name)}</th>" for column in found.columns)
    rows = "".join(_row(found, shots) for shots in found.shots)
    facts = (
        f"{counted(found.train_images, 'images')} to learn from, "
        f"{counted(found.test_images, 'images')} to ask, {counted(found.classes, 'classes')}; "
        f"{found.minutes:g} minutes in all, of which each pretraining had {found.each_minutes:.3g}. "
        "± is half the 95 % interval."
    )
    notes = "".join(f"<p>{shown(note)}</p>" for note in found.notes)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{shown(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{shown(title)}</h1>\n<p>{shown(advice(found))}</p>\n"
        f'<section><h2>Accuracy over labels</h2><img style="max-width:100%" alt="Accuracy over labels a '
        f'class; the figures are in the table below" src="data:image/png;base64,{picture}"></section>\n'
        f'<section><h2>Accuracy, %</h2><div class="wide"><table><thead><tr><th>Labels a class</th>{heads}'
        f"</tr></thead><tbody>{rows}</tbody></table></div></section>\n"
        f'<section><h2>What was measured</h2><p class="muted">{shown(facts)}</p>{notes}</section>\n'
        "</main>\n</body>\n</html>\n"
    )


def _row(found: Worth, shots: int) -> str:
    scores = [column.scores.get(shots) for column in found.columns]
    cells = "".join(f"<td>{'–' if score is None else points(score)}</td>" for score in scores)
    return f"<tr><td>{shown(shots_word(shots))}</td>{cells}</tr>"
