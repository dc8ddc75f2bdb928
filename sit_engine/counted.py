"""Sentences, which carry their template and values; with numbers in them: one image, two images.

Every sentence of ours is filled here. Translators find the templates where they stand (docs/adr/0024).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

SINGULAR = {
    "images": "image", "files": "file", "classes": "class", "steps": "step", "epochs": "epoch",
    "labels": "label", "runs": "run", "seeds": "seed", "settings": "setting", "rows": "row",
    "minutes": "minute", "parts": "part", "processes": "process", "cores": "core",
    "threads": "thread", "checkpoints": "checkpoint", "readings": "reading", "others": "other",
    "groups": "group", "points": "point", "blocks": "block", "heads": "head", "tokens": "token",
    "tensors": "tensor", "channels": "channel", "networks": "network", "patches": "patch",
    "stages": "stage", "numbers": "number", "videos": "video", "frames": "frame", "clips": "clip",
}  # fmt: skip
VERBS = {"are": "is", "were": "was", "have": "has", "bring": "brings"}
_NOUNS = "|".join(SINGULAR)
# A field, at most two words such as "labelled", and what is counted; perhaps which; what it does.
COUNTED = re.compile(
    rf"(?P<field>\{{(?P<name>\w*)[^{{}}]*\}})(?P<between>(?:[ \u202f][\w-]+){{0,2}}?[ \u202f])"
    rf"(?P<noun>{_NOUNS})\b(?!/)"
    rf"(?:(?P<gap>(?: (?:that|of|without)\b[^.;:,{{}}]*?)? )(?P<verb>{'|'.join(VERBS)})\b)?"
)
MOST_TEMPLATE, MOST_VALUES, MOST_ADDED = 2000, 50, 1000
"""Of a template that comes from a file; its text may grow by so much when it is filled."""


def filled(template: str, /, **values: object) -> str:
    """`template.format(**values)`, with "1 image is" for "{n} images are" where n is 1.

    Only the template's own words are changed, never a value's. In "{n} of {all} images" it is the
    first that is counted, which stays: of one image there is nothing to be told "1 of 1".
    """

    def agreed(found: re.Match[str]) -> str:
        before = template[: found.start()]
        is_one = str(values.get(found["name"])) in ("1", "1.0")
        if not is_one or before.endswith("} of "):
            return found[0]
        verb = found["verb"] or ""
        # "The headers of {n} images were read": those were, not the image.
        if not re.search(r"\b(of|from|for|in)( \w+)?( )$", before):
            verb = VERBS.get(verb, verb)
        between = found["between"]
        return f"{found['field']}{between}{SINGULAR[found['noun']]}{found['gap'] or ''}{verb}"

    return COUNTED.sub(agreed, template).format(**values)


def counted(number: object, words: str, form: str = "") -> str:
    """The number in a format of Python's, and its words: "1 usable image" for "usable images"."""
    return filled(f"{{n:{form}}} {words}", n=number)


class Sentence(str):
    """English text that knows its template, a literal, and the values that fill it.

    To whoever prints it it is text. The window translates the template and fills that one
    (sit_studio.look.sentences); a value may be a sentence too.
    """

    template: str
    values: dict[str, str]

    def __new__(cls, template: str, /, **values: object) -> Sentence:
        texts = {
            name: value if isinstance(value, Sentence) else str(value)
            for name, value in values.items()
        }
        made = super().__new__(cls, filled(template, **texts))
        made.template, made.values = template, texts
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, str]]:
        return (self.template,), self.values


def joined(texts: Sequence[str], between: str) -> Sentence:
    """Several, one after the other: a template without words."""
    fields = {f"part{number}": text for number, text in enumerate(texts)}
    return Sentence(between.join(f"{{{name}}}" for name in fields), **fields)


def templates_of(texts: Mapping[str, object]) -> dict[str, Any]:
    """What JSON would lose of those that are sentences, by name; goes beside the texts."""
    return {name: parts_of(text) for name, text in texts.items() if isinstance(text, Sentence)}


def packed(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record for JSON: what it holds, and the templates of its sentences if it has any."""
    templates = templates_of(record)
    return {**record, "templates": templates} if templates else dict(record)


def unpacked(record: Mapping[str, Any]) -> dict[str, Any]:
    """What `packed` packed, its sentences with their templates again."""
    texts = {name: value for name, value in record.items() if name != "templates"}
    return with_templates(texts, record.get("templates"))


def parts_of(sentence: Sentence) -> dict[str, Any]:
    """Template and values as JSON; a value that is a sentence is such a dictionary too."""
    return {
        "template": sentence.template,
        "values": sentence.values | templates_of(sentence.values),
    }


def with_templates(texts: Mapping[str, Any], templates: object) -> dict[str, Any]:
    """The texts, as sentences where `templates`, which came beside them, says that they are."""
    found = templates if isinstance(templates, dict) else {}
    return {
        name: sentence_of(text, found[name]) if name in found and isinstance(text, str) else text
        for name, text in texts.items()
    }


def sentence_of(text: str, parts: object) -> str:
    """The sentence that `parts` (parts_of, from anyone's file) make; `text` itself if it is another.

    Older files have no parts: theirs is shown as it stands.
    """
    try:
        made = _made(parts, len(text) + MOST_ADDED)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return text
    return made if made == text else text


def _made(parts: Any, most: int) -> Sentence:
    """Refuses, before anything is filled, what would be longer than `most` or formats more than texts."""
    template, values = parts["template"], parts["values"]
    if len(template) > MOST_TEMPLATE or len(values) > MOST_VALUES:
        raise ValueError
    texts = {
        name: value if isinstance(value, str) else _made(value, most)
        for name, value in values.items()
    }
    for literal, field, form, conversion in Formatter().parse(template):
        most -= len(literal) + len(texts[field] if field is not None else "")
        is_name = field is None or field.isidentifier()
        if not is_name or form or conversion or most < 0:
            raise ValueError
    return Sentence(template, **texts)
