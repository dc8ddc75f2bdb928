"""Numbers and times as people read them; Qt-free."""

from __future__ import annotations

import math

THIN = "\u202f"


def count(value: float) -> str:
    """A whole number with thin spaces: 12 345."""
    return f"{value:,.0f}".replace(",", THIN)


def figure(value: float | None, digits: int = 3) -> str:
    """Three significant digits; "–" when there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size >= 6 or size < -4:
        return f"{value:.{digits - 1}e}"
    if size >= digits - 1:
        return count(value)
    return f"{value:.{max(0, digits - 1 - size)}f}"


def percent(share: float | None, digits: int = 1) -> str:
    """A share as percent."""
    if share is None or not math.isfinite(share):
        return "–"
    return f"{100 * share:.{digits}f}{THIN}%"


def size(bytes_: float) -> str:
    """Bytes in the unit that fits."""
    for unit in ("B", "kB", "MB", "GB"):
        if bytes_ < 1000:
            return f"{figure(bytes_)}{THIN}{unit}"
        bytes_ /= 1000
    return f"{figure(bytes_)}{THIN}TB"


def duration(seconds: float) -> str:
    """A time in words, for example "3 min 20 s"."""
    if not math.isfinite(seconds):
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def clock(seconds: float) -> str:
    """A moment or a length of a video, as players show it: 0:07, 1:02:09."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
