"""Labels from a CSV file with the columns path and label; read by scan.

A path is absolute, or relative to the file's own folder or to a folder of images.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sit_engine.data.names import cell_name, display_name, plain_cell, unescape_name
from sit_engine.errors import DataError

UNMATCHED_ROWS = "is named in the label file, but is not among the images"
DELIMITERS = ",;\t"


@dataclass(frozen=True)
class LabelRow:
    """One line of the file; `line` counts from 1, an empty `label` is none."""

    line: int
    path: str
    label: str


def labels_from(
    file: str | Path, roots: Sequence[str], paths: Sequence[str]
) -> tuple[list[str | None], int]:
    """A class name or None for each absolute path, and how many rows name no image.

    Raises DataError when no row does, when one image has two labels, or when the file is no CSV.
    """
    place = Path(file).absolute()
    finder = _Finder(place, roots, paths)
    row_of: dict[int, LabelRow] = {}
    unmatched = 0
    for row in read_rows(place):
        image = finder.find(row)
        if image is None:
            unmatched += 1
        elif row_of.setdefault(image, row).label != row.label:
            raise _two_labels(place, row_of[image], row)
    if paths and not row_of:
        raise _no_match(place, unmatched)
    found = (row_of.get(image) for image in range(len(paths)))
    return [None if row is None else row.label or None for row in found], unmatched


def read_rows(file: Path) -> Iterator[LabelRow]:
    """All rows that are not blank."""
    text = _text(file)
    header_line = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=header_line.count)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    try:
        columns = [name.strip() for name in next(reader, [])]
        places = [name.lower() for name in columns]
        if "path" not in places or "label" not in places:
            raise _no_columns(file, columns)
        path_at, label_at = places.index("path"), places.index("label")
        for cells in reader:
            if any(cells):
                path, label = (cells[at] if at < len(cells) else "" for at in (path_at, label_at))
                yield LabelRow(reader.line_num, path, plain_cell(label.strip()))
    except csv.Error as error:
        raise DataError(
            "data.labels_csv",
            "The label file {file} cannot be read: line {line} is not valid CSV ({why}).",
            "Correct that line, or save the table again as CSV.",
            file=display_name(str(file)),
            line=reader.line_num,
            why=error,
        ) from None


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

    def find(self, row: LabelRow) -> int | None:
        """As it is written, as `scan --json` or our tables write it, or with Windows' separators."""
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
        return None

    def _at(self, folder: str, name: str) -> int | None:
        return self.image_at.get(os.path.normpath(os.path.join(folder, name)))  # noqa: PTH118


def _no_columns(file: Path, columns: Sequence[str]) -> DataError:
    return DataError(
        "data.labels_columns",
        "The label file {file} has the columns {columns}; path and label are needed.",
        "Name them in its first line, in any order.",
        file=display_name(str(file)),
        columns=display_name(", ".join(columns)) or "none",
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
