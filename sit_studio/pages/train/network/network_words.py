"""What a search for a network says: how far it is, and the figures of one network."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QCoreApplication

from sit_engine.config.families.network_cost import CostUnit
from sit_engine.counted import filled
from sit_engine.paths import display_name
from sit_engine.records.studies.network_search import (
    RANDOM,
    SEARCHED,
    SUPERNET_SHARE,
    UNIFORM,
    NetworkSearch,
    Source,
)
from sit_studio.look.words import THIN, count, figure, percent
from sit_studio.models.network_cloud import Cloud
from sit_studio.models.studies.network_study import NetworkStanding

KINDS: tuple[Source, ...] = ("evolution", "random", "uniform")


def source_word(source: Source) -> str:
    """Who asked a network."""
    return {
        "evolution": QCoreApplication.translate("network", "evolution"),
        "random": QCoreApplication.translate("network", "random search"),
        "uniform": QCoreApplication.translate("network", "uniform network"),
    }[source]


def unit_word(unit: CostUnit) -> str:
    """What a cost is, and where it comes from."""
    return {
        "multiply-adds": QCoreApplication.translate("network", "Multiply-adds (M, by formula)"),
        "parameters": QCoreApplication.translate("network", "Parameters (M)"),
        "milliseconds": QCoreApplication.translate(
            "network", "Time of an image (ms, from measured operations)"
        ),
    }[unit]


def in_unit(unit: CostUnit, cost: float) -> float:
    """A cost in millions, or in ms."""
    return cost if unit == "milliseconds" else cost / 1e6


def cost_words(unit: CostUnit, cost: float) -> str:
    """A cost with its unit."""
    words = "ms" if unit == "milliseconds" else "M"
    return f"{figure(in_unit(unit, cost))}{THIN}{words}"


def cloud_of(found: NetworkSearch) -> Cloud:
    """The points; the best is of evolution, or of all before it began."""
    asked, each = found.asked, found.candidates
    best = found.best() or found.best("uniform")
    places = {id(one): number for number, one in enumerate(each)}
    scale = 100.0 if asked.is_labelled else 1.0
    title = (
        QCoreApplication.translate("network", "Accuracy in the supernet (%)")
        if asked.is_labelled
        else QCoreApplication.translate("network", "Score (standard deviations)")
    )
    return Cloud(
        tuple(in_unit(asked.unit, one.cost) for one in each),
        tuple(scale * score for score in found.scores),
        tuple(KINDS.index(one.source) for one in each),
        tuple(source_word(source) for source in KINDS),
        tuple(places[id(one)] for one in found.front),
        -1 if best is None else places[id(best)],
        unit_word(asked.unit),
        title,
    )


def figures_of(found: NetworkSearch, number: int) -> dict[str, str]:
    """Figures of one network, by title."""
    translate = QCoreApplication.translate
    one, asked = found.candidates[number], found.asked
    source = source_word(one.source)
    if one.source == "evolution":
        text = translate("network", "evolution, generation {n}")
        source = text.format(n=one.generation + 1)
    figures: dict[str, str] = {}
    if asked.unit == "milliseconds":
        figures[translate("network", "Time by table")] = cost_words("milliseconds", one.cost)
    figures[translate("network", "Multiply-adds")] = cost_words("multiply-adds", one.multiply_adds)
    figures[translate("network", "Parameters")] = cost_words("parameters", one.parameters)
    if not asked.is_labelled:
        figures[translate("network", "Score")] = f"{found.scores[number]:+.2f}"
    if one.accuracy is not None:
        title = (
            translate("network", "Accuracy")
            if asked.is_labelled
            else translate("network", "Neighbours right")
        )
        figures[title] = percent(one.accuracy)
    if one.loss is not None:
        figures[translate("network", "Loss")] = figure(one.loss)
    if one.rank is not None:
        figures[translate("network", "Effective rank")] = figure(one.rank)
    size = translate("network", "{patch} px patches, width {width}, {depth} blocks")
    figures[translate("network", "Sizes")] = filled(
        size, patch=one.patch_size, width=count(one.width), depth=len(one.blocks)
    )
    figures[translate("network", "Asked by")] = source
    return figures


def spoken(name: str, figures: Mapping[str, str]) -> str:
    """A network in words, for who cannot see it."""
    return ". ".join([name, *(f"{title}: {figure}" for title, figure in figures.items())])


def share_of_all(now: NetworkStanding) -> float:
    """Share of the whole search that is done; training anew is counted by itself."""
    if now.phase == "training":
        return SUPERNET_SHARE * now.share
    if now.phase == "asking":
        return SUPERNET_SHARE + (1 - SUPERNET_SHARE) * now.share
    return now.share


def progress_words(now: NetworkStanding) -> str:
    """What is under way, or was when it was stopped."""
    translate = QCoreApplication.translate
    if now.state == "unreadable":
        return translate("network", "Its files cannot be read.")
    if now.found is None:
        return translate("network", "The images are being listed, and the budget is worked out.")
    if now.phase == "training":
        text = translate("network", "The shared weights are trained: {share} done")
        return text.format(share=percent(now.share, 0))
    if now.phase == "asking":
        plan = now.found.asked.plan
        if plan is None:
            return translate("network", "The first network is asked.")
        if any(one.source == "random" for one in now.found.candidates):
            text = translate("network", "Networks asked: {n}. Random search asks as many.")
            return text.format(n=count(now.done))
        text = translate("network", "Networks asked: {n}. Generation {generation} of {all}.")
        return text.format(
            n=count(now.done), generation=max(0, now.found.generation) + 1, all=plan.generations
        )
    if now.phase == "training anew":
        if not now.total:
            return translate("network", "The runs that train anew are prepared.")
        text = translate("network", "Training anew {n} of {total}: {name}")
        name = anew_word(now.name)
        return text.format(n=min(now.done + 1, now.total), total=now.total, name=name)
    return filled(
        translate("network", "{n} networks were asked."), n=count(len(now.found.candidates))
    )


def anew_word(name: str) -> str:
    """A network that trains anew."""
    words = {
        SEARCHED: QCoreApplication.translate("network", "the network that was found"),
        RANDOM: QCoreApplication.translate("network", "the network of random search"),
        UNIFORM: QCoreApplication.translate("network", "the uniform network"),
    }
    return words.get(name, display_name(name))


def facts_sentence(found: NetworkSearch) -> str:
    """What was asked for, and where its figures come from."""
    translate, asked = QCoreApplication.translate, found.asked
    texts = {
        "multiply-adds": translate("network", "At most {cost} multiply-adds an image, by formula."),
        "parameters": translate("network", "At most {cost} parameters."),
        "milliseconds": translate(
            "network",
            "At most {cost} an image on the machine of the search, by measured operations.",
        ),
    }
    parts = [texts[asked.unit].format(cost=cost_words(asked.unit, asked.high))]
    if asked.time_error is not None:
        text = translate("network", "The table of times misses whole networks by {error} (median).")
        parts.append(text.format(error=percent(asked.time_error, 0)))
        if asked.is_rough:
            parts.append(translate("network", "That is much: was the machine busy?"))
    parts.append(
        translate(
            "network",
            "Figures are of networks with shared weights, on images held out of training: they rank "
            "networks roughly.",
        )
    )
    if not asked.is_labelled:
        parts.append(
            translate(
                "network",
                "The score is the mean of how far loss and nearest neighbours (without labels the "
                "effective rank) lie from the mean of the first generation, in standard deviations.",
            )
        )
    return " ".join(parts)
