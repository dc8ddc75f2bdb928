"""What an import took from a file: what it is, and each part that was mapped, resized or dropped."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from sit_engine.counted import filled
from sit_engine.paths import display_name
from sit_engine.records.imported import ANOTHER, AS_GIVEN, AS_SAID, Imported, ImportRow
from sit_studio.look.sentences import say_text
from sit_studio.look.words import count
from sit_studio.widgets.basics import label
from sit_studio.widgets.tables.line_table import LineTable

WIDTHS = (80, 352, 168, 104)
MOST_PX = {1: 368, 2: 216}
"""Of the columns with names; the whole of one that is longer is its tooltip."""


class ImportedView(QWidget):
    """Shows one `Imported`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        self.what = label("", wrap=True, selectable=True)
        self.sizes = label("", wrap=True, selectable=True)
        self.others = label("", "muted", wrap=True)
        self.place = label("", wrap=True, selectable=True)
        self.pixels = label("", "caption", wrap=True)
        for part in (self.what, self.sizes, self.others, self.place, self.pixels):
            column.addWidget(part)
        self.whole = QCheckBox(self.tr("Show every part"))
        self.whole.setToolTip(self.tr("Otherwise equal parts of all blocks take one line"))
        self.whole.toggled.connect(lambda _: self._fill())
        heads = [
            self.tr("Became"), self.tr("In the file"), self.tr("Here"), self.tr("Size"),
            self.tr("Why"),
        ]  # fmt: skip
        self.table = LineTable(heads, self.tr("Parts of the file"))
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        for place, width in enumerate(WIDTHS):
            self.table.setColumnWidth(place, width)
        column.addWidget(self.whole)
        column.addWidget(self.table, 1)
        self.found: Imported | None = None

    def show_imported(self, found: Imported) -> None:
        """Show another import."""
        self.found = found
        network = (
            self.tr("its network {name}").format(name=found.network)
            if found.network
            else self.tr("its only network")
        )
        what = self.tr("{file} is a checkpoint of {layout}; taken was {network}.")
        self.what.setText(what.format(file=found.source, layout=found.layout, network=network))
        self.what.setToolTip(self.tr("sha256 {digest}").format(digest=found.sha256))
        facts = found.facts
        sizes = self.tr(
            "Width {width}, {depth} blocks, {heads} attention heads ({whence}); views of {side} px, "
            "patches of {patch} px, tokens before the patches: {tokens}."
        )
        if facts.network:
            sizes = self.tr(
                "Width {width} of the last map, {depth} blocks or stages; views of {side} px, places of "
                "{patch} px, tokens before the places: {tokens}."
            )
        if facts.registers:
            sizes += " " + self.tr("Registers, which nothing reads: {registers}.")
        if facts.variant != "plain":
            sizes += " " + self.tr("Variant {variant}.")
        self.sizes.setText(
            filled(sizes,
                width=facts.width, depth=facts.depth, heads=facts.heads, whence=self._whence(found),
                side=facts.image_size, patch=facts.patch_size, tokens=facts.tokens,
                registers=facts.registers, variant=facts.variant,
            )
        )  # fmt: skip
        others = found.others()
        text = self.tr("The file holds other networks too: {names}.").format(
            names=", ".join(others)
        )
        self.others.setText(text)
        self.others.setVisible(bool(others))
        self.place.setText(self.tr("Written to {path}").format(path=display_name(str(found.path))))
        self.pixels.setText(say_text(found.pixels))
        self._fill()

    def _fill(self) -> None:
        found = self.found
        if found is not None:
            rows = self._rows(found, folded=not self.whole.isChecked())
            self.table.lines.show(len(rows), lambda number: rows[number])
            for place, most in MOST_PX.items():
                self.table.resizeColumnToContents(place)
                self.table.setColumnWidth(place, min(self.table.columnWidth(place), most))

    def _rows(self, found: Imported, *, folded: bool) -> list[list[str]]:
        rows = [self._cells(self.tr("Mapped"), row) for row in found.mapped_rows(folded=folded)]
        for table in found.resized:
            why = self.tr("{before} × {before} patches became {after} × {after}")
            words = why.format(before=table.before, after=table.after)
            rows.append([self.tr("Resized"), "", table.name, "", words])
        rows += [[self.tr("Folded"), say_text(said), "", "", ""] for said in found.folded]
        rows += [self._cells(self.tr("Dropped"), row) for row in found.dropped_rows(folded=folded)]
        return rows

    def _cells(self, became: str, row: ImportRow) -> list[str]:
        size = row.size
        if row.parts > 1:
            size = filled(self.tr("{n} parts"), n=count(row.parts))
        # In the window it is a choice of the form.
        is_other = row.why == ANOTHER.format(name=row.theirs)
        why = self.tr("another network") if is_other else say_text(row.why)
        return [became, display_name(row.theirs), row.ours, size, why]

    def _whence(self, found: Imported) -> str:
        if found.heads_from == AS_GIVEN:
            return self.tr("as given")
        if found.heads_from == AS_SAID:
            return self.tr("as its settings say")
        return self.tr("usual for this width in {layout}").format(layout=found.layout)
