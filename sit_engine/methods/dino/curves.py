"""What runs of DINO and SimDINO tell of their learning."""

from __future__ import annotations

from sit_engine.config.traits import TEACHER_MOMENTUM, CurveInfo, HealthCard

CURVES = (
    CurveInfo("dino", "agreement on prototypes"),
    CurveInfo("compression", "compression"),
    CurveInfo("expansion", "expansion"),
    CurveInfo(
        "doubt",
        "doubt of the teacher",
        "Doubt",
        "%",
        is_share=True,
        health=HealthCard(
            "Doubt of the teacher",
            "How evenly the teacher spreads an image over the prototypes; near 100 % it tells none "
            "apart.",
            "Measured where there are prototypes.",
            is_percent=True,
        ),
    ),
    CurveInfo(
        "agreement",
        "agreement of two views",
        "Agreement",
        health=HealthCard(
            "Two views agree",
            "Mean cosine of a view and the teacher's of another view of the image, from −1 to 1.",
            "Measured with the loss simdino.",
        ),
    ),
    CurveInfo("coding_rate", "coding rate", "Coding rate"),
    TEACHER_MOMENTUM,
    CurveInfo("teacher_temperature", "teacher temperature", "Teacher temperature"),
)
