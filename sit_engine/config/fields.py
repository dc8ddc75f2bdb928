"""How a setting is declared: one line gives file, flag, form and messages their words."""

from __future__ import annotations

import operator
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, TypeAlias, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
    field_validator,
)

from sit_engine.paths import escape_name, unescape_name

Auto = Literal["auto"]


def _real_name(given: object) -> str:
    if isinstance(given, Path):
        return str(given)
    if not isinstance(given, str):
        raise ValueError("must be text")
    return unescape_name(given)


FileName: TypeAlias = Annotated[str, PlainValidator(_real_name), PlainSerializer(escape_name)]
"""A path as the file system has it, which need not be UTF-8; text that is given for it is escaped, as in
a file, and a `Path` is taken as it is."""

# Name of a bound: the words for it, and what must hold.
BOUNDS = {
    "ge": ("from {bound}", operator.ge),
    "gt": ("above {bound}", operator.gt),
    "le": ("to {bound}", operator.le),
    "lt": ("below {bound}", operator.lt),
}


class Options(BaseModel):
    """A frozen group of settings; unknown names are refused."""

    heading: ClassVar[str] = ""
    """What the group is called on a form; empty: the form knows."""
    term: ClassVar[str] = ""
    """The field's own word for it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _empty_list(cls, value: Any, info: ValidationInfo) -> Any:
        """The word none is an empty list, as flag, form and file may write it."""
        is_list = isinstance(cls.model_fields[str(info.field_name)].default, tuple)
        return () if is_list and value in ("none", ["none"]) else value

    @field_validator("*", mode="after")
    @classmethod
    def _within_bounds(cls, value: Any, info: ValidationInfo) -> Any:
        """Numbers keep their bounds; "auto" and none have none (pydantic's own would trip on them)."""
        extra = cls.model_fields[str(info.field_name)].json_schema_extra
        bounds = cast(
            "dict[str, float]", extra.get("bounds", {}) if isinstance(extra, dict) else {}
        )
        if isinstance(value, (int, float)):
            for name, bound in bounds.items():
                if not BOUNDS[name][1](value, bound):
                    raise ValueError("must be " + BOUNDS[name][0].format(bound=bound))
        if value == () and isinstance(extra, dict) and extra.get("not_empty"):
            raise ValueError("must not be empty")
        return value


if TYPE_CHECKING:
    from typing_extensions import TypeVar

    AutoT = TypeVar("AutoT", bound=Auto, default=Auto, covariant=True)

    class OpenOptions(Options, Generic[AutoT]):
        """A group of settings that may be "auto"; `[Never]` is one in which none is any more.

        That is for who reads the types alone: at run time `VitOptions[Never]` is `VitOptions`.
        """
else:
    AutoT = Auto

    class OpenOptions(Options):
        def __class_getitem__(cls, _: Any) -> Any:
            return cls


def setting(
    default: Any,
    title: str,
    help: str,
    *,
    unit: str = "",
    pattern: str | None = None,
    not_empty: bool = False,
    before: Any = None,
    **bounds: float,
) -> Any:
    """A field with the words for its form and flag; `bounds` are ge, gt, le and lt.

    `before` is what a run means that was frozen before there was such a setting.
    """
    extra: dict[str, Any] = {
        "unit": unit,
        "bounds": dict(bounds),
        "not_empty": not_empty,
        "before": before,
    }
    return Field(
        default,
        title=title,
        description=help,
        json_schema_extra=extra,
        pattern=pattern,
        validate_default=True,
    )


def again(group: type[Options], name: str, default: Any) -> Any:
    """The setting `name` of `group` with another default, for a recipe that differs in it."""
    info = copy(group.model_fields[name])
    info.default = default
    return info
