"""What is asked of a method that makes vectors of clips: by its watcher, by indexes and exports."""

from __future__ import annotations

from abc import abstractmethod

from sit_engine.methods.clips.encoder import ClipEncoder
from sit_engine.methods.clips.reader import FrameReader
from sit_engine.methods.clips.table import FrameTable
from sit_engine.methods.protocol import Method


class ClipMethod(Method):
    """A network that reads frames, and an encoder of clips of them."""

    side: int
    """Of a frame's view, in px."""
    clip_frames: int
    """Frames of a clip."""
    table: FrameTable | None = None
    """What is kept of the training frames; None before the first step."""

    @property
    @abstractmethod
    def reader(self) -> FrameReader:
        """What reads frames."""

    @property
    @abstractmethod
    def clips(self) -> ClipEncoder:
        """What makes vectors of clips."""
