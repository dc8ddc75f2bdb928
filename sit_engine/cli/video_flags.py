"""--frame-rate and --gifs: flags of the verbs that read folders without a run."""

from __future__ import annotations

import argparse
import math


def add_video_flags(parser: argparse.ArgumentParser) -> None:
    """How videos are read."""
    parser.add_argument(
        "--frame-rate",
        type=_rate,
        default=1.0,
        metavar="R",
        help="of videos: pictures a second that are taken (default 1)",
    )
    parser.add_argument(
        "--gifs",
        choices=["image", "video"],
        default="image",
        help="what a GIF that moves is: an image, of which the first picture is used, or a video",
    )


def _rate(text: str) -> float:
    rate = float(text)
    if not (math.isfinite(rate) and 0 < rate <= 60):
        raise argparse.ArgumentTypeError("a number above 0, and 60 at most")
    return rate
