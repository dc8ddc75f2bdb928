"""Settings that several methods have alike; loads no torch."""

from __future__ import annotations

from sit_engine.config.fields import setting

MOMENTUM = setting(
    "auto",
    "Teacher momentum, start",
    "Share of the teacher kept at each step; rises to 1.",
    ge=0,
    le=1,
)
HEAD_OUT = setting(256, "Head output", "Length of the vector that is contrasted.", ge=2, le=65_536)
