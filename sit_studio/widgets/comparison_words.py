"""What a comparison says in sentences: how far it is, what was asked, and what its intervals can tell."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from sit_engine.config.methods import entrants, traits
from sit_engine.counted import filled
from sit_engine.paths import display_name
from sit_engine.records.studies.comparison import Budget, Comparison
from sit_engine.records.studies.verdict import verdict
from sit_studio.look.sentences import say_text
from sit_studio.look.words import count
from sit_studio.models.comparison_list import ComparisonRow
from sit_studio.widgets.states import word
from sit_studio.widgets.tables.gap_table import name_of

FEW_SEEDS = 5
# State of a comparison: the role of its colour in style.qss.
ROLES = {
    "running": "good", "completed": "good", "preparing": "good", "interrupted": "warn",
    "unreadable": "bad",
}  # fmt: skip


def state_word(state: str) -> str:
    """A state in the user's language; what is not complete can go on."""
    if state == "interrupted":
        return QCoreApplication.translate("comparison", "Not complete")
    return word(state)


def budget_words(budget: Budget) -> str:
    """A budget in words, for example "30 minutes"."""
    texts = {
        "minutes": QCoreApplication.translate("comparison", "{n} minutes"),
        "epochs": QCoreApplication.translate("comparison", "{n} epochs"),
        "images": QCoreApplication.translate("comparison", "{n} images"),
    }
    amount = budget.amount
    return filled(texts[budget.unit], n=count(amount) if amount >= 1000 else f"{amount:g}")


def entrant_word(name: str) -> str:
    """Whoever can enter a race, for example "DINO", or "DINO: simdino" of a variant."""
    entrant = entrants()[name]
    of = traits(entrant.values["name"])
    title = say_text(of.title or of.name)
    return title if name == of.name else f"{title}: {name}"


def progress_words(row: ComparisonRow, share: float | None) -> str:
    """Which run is under way, or would be; `share` is how much of it is done."""
    if not row.total:
        return QCoreApplication.translate(
            "comparison", "The images are being listed and the settings checked."
        )
    if row.next_run is None:
        text = QCoreApplication.translate(
            "comparison", "All {total} runs are trained and measured."
        )
        return text.format(total=row.total)
    if row.state == "running":
        text = QCoreApplication.translate("comparison", "Run {n} of {total}: {name}, seed {seed}")
        name, seed = row.next_run
        text = text.format(n=row.done + 1, total=row.total, name=display_name(name), seed=seed)
        return text if share is None else f"{text} · {100 * share:.0f} %"
    text = QCoreApplication.translate("comparison", "{n} of {total} runs are trained and measured.")
    return text.format(n=row.done, total=row.total)


def facts_sentence(row: ComparisonRow) -> str:
    """What every run was given, and what was asked of it."""
    found = row.found
    if found is None or row.budget is None:
        return ""
    folder = display_name(found.folder)
    asked = (
        QCoreApplication.translate("comparison", "test images of folders of their own")
        if found.test
        else QCoreApplication.translate("comparison", "test images held out of training")
    )
    text = QCoreApplication.translate(
        "comparison",
        "{folder}: {train} training images, {test} {asked}; {budget} a run, seeds: {seeds}. {means}",
    )
    means = (
        QCoreApplication.translate("comparison", "Figures are means over seeds.")
        if found.is_complete
        else QCoreApplication.translate(
            "comparison", "Figures are means over the seeds measured so far."
        )
    )
    sentence = text.format(
        folder=folder, train=count(found.train_images), test=count(found.test_images), asked=asked,
        budget=budget_words(row.budget), seeds=row.seeds, means=means,
    )  # fmt: skip
    return f"{sentence} {found.left_out}".strip()


def verdict_sentences(found: Comparison) -> str:
    """What it comes to, as the engine says it."""
    return " ".join(say_text(sentence) for sentence in verdict(found))


def legend_sentence(found: Comparison) -> str:
    """How to read the drawings."""
    text = QCoreApplication.translate(
        "comparison",
        "Right in each cell: the paired difference to {first} in points, with its 95 % interval, "
        "drawn below as a bar around zero. ▲ and ▼: the interval leaves out 0. Without a mark, the "
        "difference may be chance.",
    )
    return text.format(first=name_of(found.lines[0]))


def seeds_sentence(found: Comparison) -> str:
    """What so many seeds can tell."""
    if found.seeds >= FEW_SEEDS:
        return QCoreApplication.translate(
            "comparison",
            "The intervals come from a bootstrap over seeds and test images (few labels: seeds and "
            "draws).",
        )
    text = QCoreApplication.translate(
        "comparison",
        "{n} seeds say little about how another seed would turn out: the intervals tell mostly how "
        "the images vary. Before you decide on a point or two, take five.",
    )
    one = QCoreApplication.translate(
        "comparison",
        "One seed says nothing about how another would turn out: the intervals tell how the images "
        "vary. Before you decide on a point or two, take five.",
    )
    return text.format(n=found.seeds) if found.seeds > 1 else one


def incomplete_sentences(found: Comparison) -> str:
    """The runs that did not train to their end, which an asterisk marks."""
    text = QCoreApplication.translate(
        "comparison", "* {name}, seed {seed}: {status} at step {step} of {total}."
    )
    return " ".join(
        text.format(
            name=display_name(run.config), seed=run.seed, status=word(run.status).lower(),
            step=count(run.step), total=count(run.total_steps),
        )
        for run in found.runs
        if not run.is_whole
    )  # fmt: skip
