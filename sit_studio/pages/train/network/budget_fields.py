"""How much a network may cost: a slider in words, what is counted, and the time measured here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSlider, QVBoxLayout, QWidget

from sit_engine.config.facts import DataFacts, DeviceFacts
from sit_engine.config.families.network_cost import CostUnit
from sit_engine.config.families.searched import as_settings
from sit_engine.counted import filled
from sit_studio.engine.job import Job
from sit_studio.engine.questions import Answer
from sit_studio.look.words import count
from sit_studio.models.network_budget import NetworkBudget
from sit_studio.pages.train.network.network_words import cost_words
from sit_studio.widgets.basics import button, label
from sit_studio.widgets.choice import Choice


class BudgetFields(QWidget):
    """`failed` tells why a time could not be measured."""

    failed = Signal(object)

    def __init__(
        self,
        budgets: Sequence[NetworkBudget],
        facts: DataFacts,
        device: DeviceFacts,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.budgets, self.facts, self.device = budgets, facts, device
        self.measured: dict[int, float] = {}
        """Milliseconds an image of the plain network, by step."""
        self.job = Job(self)
        self.job.changed.connect(self._show)
        self.job.failed.connect(self.failed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(16)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, len(budgets) - 1)
        self.slider.setPageStep(1)
        self.slider.setTickPosition(QSlider.TickPosition.NoTicks)
        self.slider.setAccessibleName(self.tr("Budget"))
        self.slider.setMinimumHeight(28)
        self.word = label("", "cardTitle")
        self.word.setToolTip(
            self.tr("What networks of about that cost suit. Only this machine can be measured.")
        )
        row.addWidget(self.slider, 1)
        row.addWidget(self.word)
        column.addLayout(row)
        self.cost = label("", "muted", wrap=True)
        self.time = label("", "muted", wrap=True)
        column.addWidget(self.cost)
        below = QHBoxLayout()
        below.setSpacing(8)
        self.measure = button(self.tr("Measure its time here"), self._measure)
        below.addWidget(self.time, 1)
        below.addWidget(self.measure)
        column.addLayout(below)
        self.unit = Choice()
        for name, words in (
            ("multiply-adds", self.tr("Multiply-adds of an image, by formula")),
            ("parameters", self.tr("Parameters")),
            ("milliseconds", self.tr("Time of an image, measured on this machine")),
        ):
            self.unit.addItem(words, name)
        self.unit.currentIndexChanged.connect(self._on_unit)
        self.slider.valueChanged.connect(self._on_slid)
        own = [place for place, budget in enumerate(budgets) if budget.factor == 1]
        self.slider.setValue(own[0])
        # The slider stays as long as it is.
        self.word.ensurePolished()
        wide = self.word.fontMetrics().horizontalAdvance
        self.word.setMinimumWidth(max(wide(self._words(each.factor)) for each in budgets) + 8)
        self._show()

    @property
    def budget(self) -> NetworkBudget:
        """The step."""
        return self.budgets[self.slider.value()]

    @property
    def text(self) -> str:
        """As the engine reads it; empty while the time it stands for is not measured."""
        unit: CostUnit = self.unit.currentData()
        return self.budget.text(unit, self.measured.get(self.slider.value()))

    def _on_slid(self, _: int) -> None:
        self.job.cancel()
        self._measure_if_needed()
        self._show()

    def _on_unit(self, _: int) -> None:
        self._measure_if_needed()

    def _measure_if_needed(self) -> None:
        """A budget of time is nothing before it is measured."""
        is_wanted = self.unit.currentData() == "milliseconds"
        if is_wanted and not self.slider.isSliderDown() and not self.text:
            self._measure()

    def _measure(self) -> None:
        place, budget = self.slider.value(), self.budget
        if place in self.measured:
            return

        def hear(answer: Answer) -> None:
            self.measured[place] = float(answer["milliseconds"])

        model = as_settings(budget.shape, budget.image_size)
        kind = "cpu" if self.device.kind == "cpu" else "auto"
        params = {"model": model, "facts": asdict(self.facts), "device": kind}
        self.job.start("network_time", params, hear)

    def _show(self) -> None:
        budget, place = self.budget, self.slider.value()
        words = self._words(budget.factor)
        self.word.setText(words)
        self.slider.setAccessibleDescription(words)
        text = self.tr(
            "{share} the plain network that these settings give: {cost} an image, by formula, such as "
            "one of {depth} blocks, {width} wide, with {parameters} parameters."
        )
        self.cost.setText(
            filled(
                text, share=self._share(budget.factor),
                cost=cost_words("multiply-adds", budget.multiply_adds),
                depth=budget.shape.depth, width=count(budget.shape.width),
                parameters=cost_words("parameters", budget.parameters),
            )
        )  # fmt: skip
        found = self.measured.get(place)
        name = self.device.name
        if self.job.is_busy:
            self.time.setText(self.tr("Measuring its time…"))
        elif found is None:
            self.time.setText(self.tr("Its time here is not measured yet."))
        else:
            time = self.tr("It takes {time} an image on {device}, measured eight at a time.")
            self.time.setText(time.format(time=cost_words("milliseconds", found), device=name))
        self.measure.setVisible(found is None)
        self.measure.setEnabled(not self.job.is_busy)

    def _words(self, factor: float) -> str:
        """What such a network suits; of other machines nothing is measured."""
        is_gpu = self.device.kind != "cpu"
        here = self.tr("This GPU") if is_gpu else self.tr("This computer")
        smaller = self.tr("A laptop") if is_gpu else self.tr("A small tablet")
        larger = self.tr("A larger GPU") if is_gpu else self.tr("A GPU")
        texts = {
            1 / 8: self.tr("A phone"),
            1 / 4: smaller,
            1 / 2: self.tr("{machine}, lightly"),
            1.0: "{machine}",
            2.0: self.tr("{machine}, with patience"),
            4.0: larger,
            8.0: self.tr("A large GPU") if not is_gpu else self.tr("Several GPUs"),
        }
        return texts[factor].format(machine=here)

    def _share(self, factor: float) -> str:
        return {
            1 / 8: self.tr("An eighth of the multiply-adds of"),
            1 / 4: self.tr("A quarter of the multiply-adds of"),
            1 / 2: self.tr("Half of the multiply-adds of"),
            1.0: self.tr("The multiply-adds of"),
            2.0: self.tr("Twice the multiply-adds of"),
            4.0: self.tr("Four times the multiply-adds of"),
            8.0: self.tr("Eight times the multiply-adds of"),
        }[factor]
