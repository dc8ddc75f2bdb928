"""The page of an evaluation: one HTML file that needs nothing else, light and dark.

Called by evaluation.written; drawings and the confusion matrix come from evaluation.drawings.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from sit_engine.counted import counted
from sit_engine.evaluation.drawings import (
    calibration_plot,
    confusion,
    few_shot_plot,
    series_styles,
)
from sit_engine.paths import display_name
from sit_engine.records.report import (
    INTERVALS,
    Answers,
    Report,
    ReportRow,
    notes_of,
    percent,
    settings,
)

STYLE = """
:root { --ground:#F6F7F9; --surface:#FFFFFF; --line:#D5DAE1; --text:#1B2430; --muted:#5A6675;
  --accent:#0F6E84; --good:#1E7B4A; --bad:#B3261E;
  --s0:#7A6A12; --s1:#C4561B; --s2:#6B4FA0; --s3:#3E7D2E; --s4:#B0306A; --main:#0F6E84; }
@media (prefers-color-scheme: dark) {
:root { --ground:#14181E; --surface:#1C222A; --line:#323B47; --text:#E6EAF0; --muted:#9AA7B6;
  --accent:#4FB6CC; --good:#5BC48A; --bad:#F2857C;
  --s0:#D6C25A; --s1:#F0935A; --s2:#B79BE8; --s3:#86C46F; --s4:#EE82B4; --main:#4FB6CC; } }
body { background:var(--ground); color:var(--text); font:14px/1.5 system-ui,sans-serif; margin:0; }
main { max-width:1080px; margin:0 auto; padding:32px 24px; }
h1 { font-size:22px; font-weight:600; margin:0; overflow-wrap:anywhere; }
h2 { font-size:15px; font-weight:600; margin:0 0 8px; }
section { background:var(--surface); border-radius:6px; padding:16px; margin-top:24px; }
p { max-width:72ch; margin:8px 0; overflow-wrap:anywhere; }
.muted, figcaption, .cell span { color:var(--muted); font-size:12px; }
.wide { overflow-x:auto; } .wide td { white-space:nowrap; }
table { border-collapse:collapse; font-variant-numeric:tabular-nums; }
th, td { padding:4px 12px 4px 0; text-align:right; border-bottom:1px solid var(--line); }
th { color:var(--muted); font-weight:400; }
th:first-child, td:first-child { text-align:left; }
td.ours { font-weight:600; } .good { color:var(--good); } .bad { color:var(--bad); }
table.matrix td { border:0; padding:4px; min-width:28px; text-align:center; }
table.matrix th { border:0; padding:2px 6px; max-width:120px; overflow:hidden;
  text-overflow:ellipsis; white-space:nowrap; text-align:right; }
table.matrix thead th { writing-mode:vertical-rl; transform:rotate(180deg); max-width:none;
  max-height:120px; text-align:left; padding:6px 2px; }
.row { display:flex; flex-wrap:wrap; gap:32px; }
.gallery { display:grid; grid-template-columns:repeat(auto-fill,minmax(136px,1fr)); gap:16px; }
.cell { overflow-wrap:anywhere; font-size:12px; } .cell img { display:block; border-radius:4px;
  width:128px; height:128px; object-fit:contain; background:var(--ground); margin-bottom:4px; }
svg { display:block; max-width:100%; } svg text { fill:var(--muted); font-size:11px; }
img.matrix { image-rendering:pixelated; width:480px; max-width:100%; }
dl { display:grid; grid-template-columns:max-content 1fr; gap:2px 16px; margin:0; }
dt { color:var(--muted); } dd { margin:0; overflow-wrap:anywhere; }
"""


@dataclass(frozen=True)
class Wrong:
    """A test image that was answered wrongly; `jpeg` is base64, empty where it has no picture."""

    path: str
    label: str
    answer: str
    probability: float
    jpeg: str


def page(report: Report, wrong: Sequence[Wrong], *, run: str) -> str:
    """The whole page as HTML."""
    title = f"{run}, step {report.step}"
    parts = [_head(report, title), _figures(report), _few_shot(report)]
    if report.answers is not None:
        parts += [
            _answers(report.answers),
            _confusion(report.answers),
            _classes(report.answers),
            _gallery(wrong, report.answers),
        ]
    parts.append(_settings(report))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{shown(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main>\n</body>\n</html>\n"
    )


def shown(name: object) -> str:
    """A name as text of the page."""
    return html.escape(display_name(str(name)))


def _head(report: Report, title: str) -> str:
    count = counted(len(report.classes), "classes")
    return (
        f"<h1>{shown(title)}</h1>\n<p>How good are the features of the {shown(report.network)}? "
        f"Learnt from {counted(report.train_images, 'labelled images', ',')} of {count} and asked about "
        f"{counted(report.test_images, 'others', ',')}, beside the raw pixels and the same network "
        "untrained.</p>"
    )


def _section(title: str, *parts: str) -> str:
    return (
        f"<section>\n<h2>{title}</h2>\n"
        + "\n".join(part for part in parts if part)
        + "\n</section>"
    )


def _table(head: str, body: str) -> str:
    """Cells of the head, and whole rows."""
    head = f"<thead><tr>{head}</tr></thead>" if head else ""
    return f'<div class="wide"><table>{head}<tbody>{body}</tbody></table></div>'


def _figures(report: Report) -> str:
    columns = report.columns
    head = "".join(f"<th>{shown(column)}</th>" for column in columns)
    body = "".join(_figure_row(row, columns) for row in report.rows)
    gains = "".join(_gains(row) for row in report.rows)
    return _section(
        "Accuracy, %",
        _table(f"<th></th>{head}", body),
        f'<p class="muted">{INTERVALS}</p>',
        f"<h2>Points gained by {shown(columns[-1])}</h2>",
        _table("", gains),
        *(f"<p>{shown(note)}</p>" for note in notes_of(report)),
    )


def _figure_row(row: ReportRow, columns: Sequence[str]) -> str:
    cells = [f"<td>{percent(row.scores.get(column))}</td>" for column in columns]
    cells[-1] = cells[-1].replace("<td>", '<td class="ours">')
    return f"<tr><td>{shown(row.name)}</td>{''.join(cells)}</tr>"


def _gains(row: ReportRow) -> str:
    cells = []
    for column, gain in row.gains.items():
        word, colour = "no sure difference", ""
        if abs(gain.accuracy) > gain.interval:
            word, colour = ("better", "good") if gain.accuracy > 0 else ("worse", "bad")
        cells.append(
            f'<td>{percent(gain, "+")} over {shown(column)}: <span class="{colour}">{word}</span></td>'
        )
    return f"<tr><td>{shown(row.name)}</td>{''.join(cells)}</tr>" if cells else ""


def _few_shot(report: Report) -> str:
    rows = [row for row in report.rows if row.kind == "few-shot"]
    if not rows:
        return ""
    legend = " · ".join(
        f'<span style="color:{style.colour}">{style.sample} {shown(column)}</span>'
        for column, style in series_styles(report.columns).items()
    )
    note = "Mean over 20 draws of the labelled images; bars are 95 % intervals."
    return _section(
        "How many labels are needed?",
        f"<figure style='margin:0'>{few_shot_plot(rows, report.columns)}"
        f"<figcaption>{legend}<br>{note}</figcaption></figure>",
    )


def _answers(answers: Answers) -> str:
    facts = (
        ("Accuracy", f"{percent(answers.accuracy)} %"),
        ("Balanced accuracy", f"{100 * answers.balanced_accuracy:.1f} %, each class weighs alike"),
        ("Calibration error", f"{100 * answers.calibration_error:.1f} % (15 bins of confidence)"),
    )
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    note = (
        "On the line, answers of 80 % confidence are right 8 times in 10; below it the model is too "
        "sure. The size of a point says how many images it stands for."
    )
    return _section(
        f"Answers of the {shown(answers.by)}",
        f'<div class="row"><dl style="align-content:start">{listed}</dl><figure style="margin:0">'
        f"{calibration_plot(answers.calibration)}<figcaption>{note}</figcaption></figure></div>",
    )


def _confusion(answers: Answers) -> str:
    names = [shown(found.name) for found in answers.classes]
    return _section(
        "What is taken for what",
        '<p class="muted">A row for each true class, a column for each answer.</p>',
        f'<div class="wide">{confusion(answers.confusion, names)}</div>',
    )


def _classes(answers: Answers) -> str:
    rows = []
    for found in answers.classes:
        figures = [found.precision, found.recall, found.f1]
        cells = "".join(
            f"<td>{100 * value:.1f}</td>" if found.images else "<td>–</td>" for value in figures
        )
        rows.append(f"<tr><td>{shown(found.name)}</td><td>{found.images:,}</td>{cells}</tr>")
    head = "<th>Class</th><th>Test images</th><th>Precision, %</th><th>Recall, %</th><th>F1, %</th>"
    return _section(
        "Each class",
        '<p class="muted">Precision: of the images answered so, how many are. Recall: of the images '
        "that are, how many were answered so. F1 is between them.</p>",
        _table(head, "".join(rows)),
    )


def _gallery(wrong: Sequence[Wrong], answers: Answers) -> str:
    if not wrong:
        return _section("Wrong answers", "<p>None: every test image was answered right.</p>")
    cells = []
    for found in wrong:
        name = shown(found.path.rpartition("/")[2])
        picture = f'<img alt="" src="data:image/jpeg;base64,{found.jpeg}">' if found.jpeg else ""
        cells.append(
            f'<div class="cell" title="{shown(found.path)}">{picture}{shown(found.answer)}, '
            f"{100 * found.probability:.0f} %<br><span>is {shown(found.label)} · {name}</span></div>"
        )
    return _section(
        "Wrong answers, the surest first",
        f'<div class="gallery">{"".join(cells)}</div>',
        f'<p class="muted">All answers stand in {shown(answers.predictions)} beside this page.</p>',
    )


def _settings(report: Report) -> str:
    names = {
        "k": "k of k-NN",
        "temperature": "Temperature of k-NN",
        "draws": "Draws of few-shot",
        "calibration_bins": "Bins of confidence",
    }
    facts = [(names[name], value) for name, value in settings().items()]
    facts += [(f"C of the probe, {column}", c) for column, c in report.linear_c.items()]
    facts += [("Learnt from", ", ".join(report.train)), ("Tested on", ", ".join(report.test))]
    if report.scratch is not None and report.scratch.run is not None:
        facts.append(("From scratch", report.scratch.run))
    listed = "".join(f"<dt>{shown(name)}</dt><dd>{shown(value)}</dd>" for name, value in facts)
    return _section("Settings", f"<dl>{listed}</dl>")
