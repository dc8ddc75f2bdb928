"""Axes of the plots: ticks in our figures, a logarithmic axis, steps, epochs or time below."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pyqtgraph as pg

from sit_studio.look.words import THIN, count

XKind = Literal["step", "epoch", "time"]

VALUE_AXIS_WIDTH_PX = 76
STEP_AXIS_HEIGHT_PX = 44
TIME_UNITS = (1.0, 60.0, 3600.0)


class ValueAxis(pg.AxisItem):  # type: ignore[misc]
    """The vertical axis; its positions are log10 of the values while `is_log`."""

    def __init__(self) -> None:
        super().__init__("left")
        self.is_log = False
        self.enableAutoSIPrefix(False)
        self.setWidth(VALUE_AXIS_WIDTH_PX)
        self.setStyle(tickLength=0, tickTextOffset=6, maxTickLevel=0)
        self.setTickDensity(1.4)

    def set_log(self, is_log: bool) -> None:
        self.is_log = is_log
        self.picture = None
        self.update()

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[Any]:
        if not self.is_log:
            return list(super().tickValues(minVal, maxVal, size))
        low, high = max(minVal, -300.0), min(maxVal, 300.0)
        if high - low < 1:
            found = super().tickValues(10.0**low, 10.0**high, size)
            return [(gap, [math.log10(v) for v in values if v > 0]) for gap, values in found[:1]]
        return [(1.0, _log_ticks(low, high, size))]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if self.is_log:
            return [_short(10.0**value) for value in values]
        return [_tick(value, spacing) for value in values]


class StepAxis(pg.AxisItem):  # type: ignore[misc]
    """The horizontal axis."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self.kind: XKind = "step"
        self.enableAutoSIPrefix(False)
        self.setHeight(STEP_AXIS_HEIGHT_PX)
        self.setStyle(tickLength=4, tickTextOffset=4, maxTickLevel=0, hideOverlappingLabels=False)

    def set_kind(self, kind: XKind) -> None:
        self.kind = kind
        self.picture = None
        self.update()

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[Any]:
        if self.kind == "time":
            unit = max((u for u in TIME_UNITS if u * 2 <= maxVal - minVal), default=1.0)
            found = super().tickValues(minVal / unit, maxVal / unit, size)
            return [(gap * unit, [value * unit for value in values]) for gap, values in found]
        found = super().tickValues(minVal, maxVal, size)
        if self.kind == "step":
            whole = [(gap, values) for gap, values in found if gap >= 1]
            return whole or [(1.0, list(range(math.ceil(minVal), math.floor(maxVal) + 1)))]
        return list(found)

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if self.kind == "time":
            return [clock(value) for value in values]
        if self.kind == "step":
            return [count(value) for value in values]
        return [_tick(value, spacing) for value in values]


def clock(seconds: float) -> str:
    """A point in time on an axis: "45 s", "3:20 min", "1:05 h"."""
    span = max(round(seconds), 0)
    if span < 60:
        return f"{span}{THIN}s"
    if span < 3600:
        return f"{span // 60}:{span % 60:02d}{THIN}min"
    return f"{count(span // 3600)}:{span % 3600 // 60:02d}{THIN}h"


def _tick(value: float, spacing: float) -> str:
    """A tick with just the digits its spacing needs."""
    if abs(value) < spacing * 1e-6:
        return "0"
    if spacing >= 1:
        return count(value) if abs(value) < 1e7 else _short(value)
    digits = -math.floor(math.log10(spacing) + 1e-9)
    if digits > 4:
        return _short(value)
    return f"{value:.{digits}f}"


def _short(value: float) -> str:
    """A number of up to three digits: 0.05, 2, 5.4e-5."""
    mantissa, _, exponent = f"{value:.3g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def _log_ticks(low: float, high: float, size: float) -> list[float]:
    """Decades; with their 2 and 5 where there is room; every few where there is not."""
    decades = np.arange(math.floor(low), math.ceil(high) + 1)
    room = max(size / 40, 2)
    if (high - low) * 3 <= room:
        ticks = [float(d) + more for d in decades for more in (0.0, math.log10(2), math.log10(5))]
    else:
        ticks = [float(d) for d in decades[:: max(1, math.ceil(len(decades) / room))]]
    return [tick for tick in ticks if low <= tick <= high]
