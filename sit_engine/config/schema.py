"""Every setting as a flat list: what flags, form and messages are made from."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic.fields import FieldInfo

from sit_engine.config.backbones import DEFAULT_FAMILY, FAMILIES
from sit_engine.config.fields import BOUNDS, Options
from sit_engine.config.methods import DEFAULT_METHOD, METHODS, load
from sit_engine.config.tree import RunConfig
from sit_engine.counted import Sentence, joined


@dataclass(frozen=True)
class Setting:
    """One leaf of the tree; `path` is dotted, `allowed` is a phrase for people."""

    path: str
    title: str
    help: str
    unit: str
    default: Any
    allowed: str
    is_list: bool
    takes_none: bool
    choices: tuple[str, ...]
    """Words it may be, "auto" among them."""
    is_number: bool
    low: float | None
    high: float | None
    heading: str = ""
    """Of the group that it stands in, and the field's own word for that."""
    term: str = ""


def settings(method: str = DEFAULT_METHOD, family: str = DEFAULT_FAMILY) -> list[Setting]:
    """All settings of a run with that method and backbone, in the order of their declaration."""
    # By class, not name: a name may come to stand for another class.
    return list(_of(load(METHODS[method].options), load(FAMILIES[family].options)))


@cache
def _of(method: type[Options], family: type[Options]) -> tuple[Setting, ...]:
    """Settings with these options, listed once a pair: the window asks a dozen times as it opens."""
    return tuple(_walk(RunConfig, "", method, family))


FAMILY = "model.family"


def family_setting() -> Setting:
    """The choice of a family as a setting, which it is in a file; its options are of other classes."""
    return Setting(
        path=FAMILY,
        title="Kind of network",
        help="What kind the network is: a plain vision transformer, in which all places of an image see "
        "each other, or one that reads stripes of it on ever coarser maps, whose cost grows with the "
        "pixels and not faster.",
        unit="",
        default=DEFAULT_FAMILY,
        allowed=joined(list(titled_families()), ", "),
        is_list=False,
        takes_none=False,
        choices=tuple(titled_families()),
        is_number=False,
        low=None,
        high=None,
    )


def titled_families() -> dict[str, str]:
    """Families of backbones that can be chosen, and what they are called."""
    titles = {name: load(entry.options).title for name, entry in FAMILIES.items()}
    return {name: title for name, title in titles.items() if title}


def _walk(
    model: type[Options], prefix: str, method: type[Options], family: type[Options]
) -> Iterator[Setting]:
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        if path == "method":
            yield from _walk(method, "method.", method, family)
        elif path == "model":
            yield from _walk(family, "model.", method, family)
        elif isinstance(info.default, Options):
            yield from _walk(type(info.default), f"{path}.", method, family)
        else:
            yield _leaf(path, info, model)


def _leaf(path: str, info: FieldInfo, group: type[Options]) -> Setting:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    kinds, choices = _kinds(info.annotation)
    bounds = extra.get("bounds")
    known: dict[str, Any] = bounds if isinstance(bounds, dict) else {}
    return Setting(
        path=path,
        title=info.title or path,
        help=info.description or "",
        unit=str(extra.get("unit", "")),
        default=info.default,
        allowed=_allowed(info),
        is_list=typing.get_origin(info.annotation) is tuple,
        takes_none="NoneType" in kinds,
        choices=tuple(choices),
        is_number=bool(kinds & {"int", "float"}),
        low=known.get("ge", known.get("gt")),
        high=known.get("le", known.get("lt")),
        heading=group.heading,
        term=group.term,
    )


def _allowed(info: FieldInfo) -> str:
    """What a setting may be, for example "a number from 0 to 1, or auto"."""
    kinds, choices = _kinds(info.annotation)
    phrases: list[str] = []
    if kinds & {"int", "float"}:
        noun = Sentence("a whole number" if "float" not in kinds else "a number")
        phrases.append(joined([noun, *_bounds(info)], " "))
    elif "str" in kinds:
        phrases.append(Sentence("text"))
    phrases += choices
    if "NoneType" in kinds:
        phrases.append("none")
    if len(phrases) <= 1:
        return joined(phrases, "")
    return Sentence("{first} or {last}", first=joined(phrases[:-1], ", "), last=phrases[-1])


def _kinds(annotation: Any) -> tuple[set[str], list[str]]:
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _kinds(typing.get_args(annotation)[0])
    if origin is Literal:
        return set(), [str(value) for value in typing.get_args(annotation)]
    if origin in (types.UnionType, typing.Union, tuple):
        kinds: set[str] = set()
        choices: list[str] = []
        for part in typing.get_args(annotation):
            if part is not Ellipsis:
                more_kinds, more_choices = _kinds(part)
                kinds |= more_kinds
                choices += more_choices
        return kinds, choices
    return {getattr(annotation, "__name__", "")}, []


def _bounds(info: FieldInfo) -> list[Sentence]:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    bounds = extra.get("bounds", {})
    assert isinstance(bounds, dict)
    return [Sentence(BOUNDS[name][0], bound=bound) for name, bound in bounds.items()]
