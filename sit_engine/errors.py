"""The one tree of errors: a code, what happened, and what to do about it."""

from __future__ import annotations

from sit_engine.counted import Sentence


class SitError(Exception):
    """Something the user can understand and act on.

    `code` is stable; `message` and `hint` are English templates, which travel with their `values`.
    """

    exit_code = 1

    def __init__(self, code: str, message: str, hint: str = "", **values: object) -> None:
        self.code = code
        self.message = Sentence(message, **values)
        self.hint = Sentence(hint, **values)
        self.values = self.message.values
        super().__init__(f"{self.message} {self.hint}".strip())


class ConfigError(SitError):
    """A setting has a value that cannot be used."""

    exit_code = 4


class DataError(SitError):
    """The images, their folder or their labels cannot be used."""

    exit_code = 5


class NotFiniteError(SitError):
    """The loss stayed NaN or infinite."""

    exit_code = 6


class OutOfMemoryError(SitError):
    """The device or the machine has too little memory for these settings."""

    exit_code = 7


class DiskError(SitError):
    """A file or folder cannot be written."""

    exit_code = 8


class DeviceError(SitError):
    """The chosen device is missing or failed."""

    exit_code = 9


class RankError(SitError):
    """Processes that train one run together lost each other, or cannot be started."""

    exit_code = 10


class RunError(SitError):
    """The run folder is not what was expected: missing, in use, or of another version."""

    exit_code = 2


class FileError(SitError):
    """A file that we wrote ourselves is missing, damaged, or something else bears its name."""

    exit_code = 5


class CheckpointError(SitError):
    """A checkpoint is missing, damaged or not ours."""

    exit_code = 5


class ExportError(SitError):
    """The export could not be made, or differs from the model."""

    exit_code = 1


STOPPED_EXIT_CODE = 3


class CancelledError(SitError):
    """The user stopped a scan or a decoding; what was decoded is kept."""

    exit_code = STOPPED_EXIT_CODE

    def __init__(self) -> None:
        super().__init__("data.cancelled", "Reading the images was cancelled.")


NOT_REPRODUCED_EXIT_CODE = 11
"""Of `sit-engine replay`: the step that was not finite is finite here."""
TERMINATED_EXIT_CODE = 143
