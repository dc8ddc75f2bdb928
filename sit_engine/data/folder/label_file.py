"""Labels from a CSV file with a column of paths and one of labels; read by scan.

A path is absolute, or relative to the file's own folder or to a folder of images. Failing that it may
lack its ending, or write it in another case; a bare name, or a whole path of another machine, may
stand for the one image that ends so.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sit_engine import own_files
from sit_engine.errors import DataError, FileError
from sit_engine.paths import cell_name, display_name, plain_cell, unescape_name

UNMATCHED_ROWS = "is named in the label file, but is not among the images"
DELIMITERS = ",;\t"
# What a spreadsheet writes above the table for itself.
_SEP_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_HEAD_BYTES = 1 << 16
_PATHS = (
    "path",
    "imagepath",
    "filepath",
    "filename",
    "file",
    "image",
    "img",
    "imageid",
    "name",
    "id",
)
_LABELS = (
    "label",
    "class",
    "category",
    "target",
    "labels",
    "classname",
    "species",
    "diagnosis",
    "y",
)
_WHOLE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")


@dataclass(frozen=True)
class LabelColumns:
    """How the two columns are called; upper and lower case are alike."""

    path: str = "path"
    label: str = "label"


@dataclass(frozen=True)
class LabelRow:
    """One line of the file; `line` counts from 1, an empty `label` is none."""

    line: int
    path: str
    label: str


def labels_from(
    file: str | Path,
    roots: Sequence[str],
    paths: Sequence[str],
    columns: LabelColumns = LabelColumns(),
) -> tuple[list[str | None], int]:
    """A class name or None for each absolute path, and how many rows name no image.

    Raises DataError when no row does, when one image has two labels, or when the file is no CSV.
    """
    place = Path(file).absolute()
    finder = _Finder(place, roots, paths)
    row_of: dict[int, LabelRow] = {}
    unmatched = 0
    for row in read_rows(place, columns):
        image = finder.find(row)
        if image is None:
            unmatched += 1
        elif row_of.setdefault(image, row).label != row.label:
            raise _two_labels(place, row_of[image], row)
    if paths and not row_of:
        raise _no_match(place, unmatched)
    found = (row_of.get(image) for image in range(len(paths)))
    return [None if row is None else row.label or None for row in found], unmatched


def read_rows(file: Path, wanted: LabelColumns) -> Iterator[LabelRow]:
    """All rows that are not blank."""
    text, delimiter, skipped = _table(_text(file))
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    try:
        columns = [name.strip() for name in next(reader, [])]
        places = [name.lower() for name in columns]
        names = [name.strip().lower() for name in (wanted.path, wanted.label)]
        if not set(names) <= set(places):
            raise _no_columns(file, columns, wanted)
        path_at, label_at = map(places.index, names)
        for cells in reader:
            if any(cells):
                path, label = (cells[at] if at < len(cells) else "" for at in (path_at, label_at))
                yield LabelRow(reader.line_num + skipped, path, plain_cell(label.strip()))
    except csv.Error as error:
        raise DataError(
            "data.labels_csv",
            "The label file {file} cannot be read: line {line} is not valid CSV ({why}).",
            "Correct that line, or save the table again as CSV.",
            file=display_name(str(file)),
            line=reader.line_num + skipped,
            why=error,
        ) from None


def _table(text: str) -> tuple[str, str, int]:
    """The text of the table alone, what stands between its cells, and the lines above it."""
    sep, skipped = _SEP_LINE.match(text), 0
    if sep is not None:
        text, skipped = text[sep.end() :], 1
    header_line = text.partition("\n")[0]
    return text, sep[1] if sep is not None else max(DELIMITERS, key=header_line.count), skipped


def columns_in(file: str | Path) -> list[str]:
    """The names of a table's columns, to choose from; none where it cannot be read."""
    try:
        with own_files.open_regular(Path(file)) as table:
            head = table.read(_HEAD_BYTES)
        text, delimiter, _ = _table(head.decode("utf-8-sig", "replace"))
        lines = io.StringIO(text, newline="")
        names = next(csv.reader(lines, delimiter=delimiter, skipinitialspace=True), [])
        return [name.strip() for name in names]
    except (FileError, OSError, csv.Error):
        return []


def guess_columns(names: Sequence[str]) -> LabelColumns | None:
    """The columns that are called as such columns usually are; None where that is not plain."""
    found = []
    for usual in (_PATHS, _LABELS):
        plain = [re.sub(r"[\W_]+", "", name.lower()) for name in names]
        first = next((word for word in usual if word in plain), None)
        if first is None:
            return None
        found.append(names[plain.index(first)])
    return LabelColumns(*found)


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            "data.labels_encoding",
            "The label file {file} is not UTF-8 text (byte {place}).",
            'Save it as "CSV UTF-8" in the program that made it.',
            file=display_name(str(file)),
            place=error.start,
        ) from None
    except OSError as error:
        raise DataError(
            "data.labels_unreadable",
            "The label file {file} cannot be read: {why}.",
            "Check its name, and that you may read it.",
            file=display_name(str(file)),
            why=(error.strerror or str(error)).lower(),
        ) from None


class _Finder:
    """Which image a row's path means."""

    def __init__(self, file: Path, roots: Sequence[str], paths: Sequence[str]) -> None:
        self.file, self.roots = file, roots
        self.image_at = {os.path.normpath(path): image for image, path in enumerate(paths)}
        self._loose: dict[str, int] | None = None

    def find(self, row: LabelRow) -> int | None:
        """The image of a path, as written, as our tables write it, or with Windows' separators."""
        names = (
            row.path,
            unescape_name(row.path),
            row.path.replace("\\", "/"),
            cell_name(row.path),
        )
        for name in names:
            if (image := self._at(str(self.file.parent), name)) is not None:
                return image
            found = {self._at(root, name) for root in self.roots} - {None}
            if len(found) > 1:
                raise _ambiguous(self.file, row)
            if found:
                return found.pop()
        return next((image for name in names if (image := self._loosely(name)) is not None), None)

    def _loosely(self, name: str) -> int | None:
        """The image by its name without the ending or in another case, if one image alone fits."""
        places = [str(self.file.parent), *self.roots]
        parts = re.split(r"[/\\]", name)
        # Of another machine's whole path every end may be the part that is the same here.
        is_whole = _WHOLE.match(name) is not None
        ends = range(1, len(parts)) if is_whole else range(1)
        for start in ends:
            end = "/".join(parts[start:])
            found = {self._like(os.path.join(place, end)) for place in places} - {None}  # noqa: PTH118
            if len(found) == 1:
                return found.pop()
        return self._like(parts[-1]) if is_whole or len(parts) == 1 else None

    def _like(self, name: str) -> int | None:
        if self._loose is None:
            self._loose = _ends_of(self.image_at)
        plain = os.path.normpath(name)
        image = self._loose.get(_same_ending(plain), _SEVERAL)
        if image == _SEVERAL:
            image = self._loose.get(f"{plain}.", _SEVERAL)
        return None if image == _SEVERAL else image

    def _at(self, folder: str, name: str) -> int | None:
        return self.image_at.get(os.path.normpath(os.path.join(folder, name)))  # noqa: PTH118


_SEVERAL = -1


def _same_ending(name: str) -> str:
    """The name with its ending in lower case."""
    stem, ending = os.path.splitext(name)  # noqa: PTH122
    return stem + ending.lower()


def _ends_of(image_at: Mapping[str, int]) -> dict[str, int]:
    """Which image, or _SEVERAL, has a path or bare name: with its ending, and with "." instead."""
    found: dict[str, int] = {}
    for path, image in image_at.items():
        bare = os.path.basename(path)  # noqa: PTH119
        keys = {_same_ending(name) for name in (path, bare)}
        keys |= {f"{os.path.splitext(name)[0]}." for name in (path, bare)}  # noqa: PTH122
        for key in keys:
            found[key] = _SEVERAL if found.get(key, image) != image else image
    return found


def _no_columns(file: Path, columns: Sequence[str], wanted: LabelColumns) -> DataError:
    return DataError(
        "data.labels_columns",
        "The label file {file} has the columns {columns}; {path} and {label} are needed.",
        "Name them in its first line, in any order, or say how they are called (--path-column, "
        "--label-column).",
        file=display_name(str(file)),
        columns=display_name(", ".join(columns)) or "none",
        path=wanted.path,
        label=wanted.label,
    )


def _no_match(file: Path, rows: int) -> DataError:
    return DataError(
        "data.labels_no_match",
        "None of the {rows} rows of the label file {file} names one of the images.",
        "Write paths relative to the file's folder or to a folder of images, or whole paths.",
        rows=rows,
        file=display_name(str(file)),
    )


def _two_labels(file: Path, first: LabelRow, second: LabelRow) -> DataError:
    return DataError(
        "data.labels_conflict",
        "The label file {file} gives {path} two labels: {first} in line {first_line}, {second} in "
        "line {second_line}.",
        "Remove one of the two lines.",
        file=display_name(str(file)),
        path=display_name(second.path),
        first=display_name(first.label) or "none",
        first_line=first.line,
        second=display_name(second.label) or "none",
        second_line=second.line,
    )


def _ambiguous(file: Path, row: LabelRow) -> DataError:
    return DataError(
        "data.labels_ambiguous",
        "Line {line} of the label file {file} names {path}, which stands in several folders.",
        "Write the whole path there.",
        line=row.line,
        file=display_name(str(file)),
        path=display_name(row.path),
    )
