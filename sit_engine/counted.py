"""Sentences with numbers in them: one image, two images. Every sentence of ours is filled here."""

from __future__ import annotations

import re

SINGULAR = {
    "images": "image", "files": "file", "classes": "class", "steps": "step", "epochs": "epoch",
    "labels": "label", "runs": "run", "seeds": "seed", "settings": "setting", "rows": "row",
    "minutes": "minute", "parts": "part", "processes": "process", "cores": "core",
    "threads": "thread", "checkpoints": "checkpoint", "readings": "reading", "others": "other",
    "groups": "group", "points": "point", "blocks": "block", "heads": "head", "tokens": "token",
    "tensors": "tensor", "channels": "channel", "networks": "network", "patches": "patch",
}  # fmt: skip
VERBS = {"are": "is", "were": "was", "have": "has", "bring": "brings"}
_NOUNS = "|".join(SINGULAR)
# A field, at most two words such as "labelled", and what is counted; perhaps which; what it does.
COUNTED = re.compile(
    rf"(?P<field>\{{(?P<name>\w*)[^{{}}]*\}})(?P<between>(?:[ \u202f][\w-]+){{0,2}}?[ \u202f])"
    rf"(?P<noun>{_NOUNS})\b(?!/)"
    rf"(?:(?P<gap>(?: (?:that|of|without)\b[^.;:,{{}}]*?)? )(?P<verb>{'|'.join(VERBS)})\b)?"
)
_PLAIN = re.compile(rf"\b({_NOUNS}|{'|'.join(VERBS)})\b")


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


def either(pattern: str) -> str:
    """A regular expression's words that are counted, in both of their forms."""
    forms = SINGULAR | VERBS
    return _PLAIN.sub(lambda found: f"(?:{found[0]}|{forms[found[0]]})", pattern)
