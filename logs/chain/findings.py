"""What a verification finds, and where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Sort(StrEnum):
    """What happened to an entry, or to what proves it."""

    ALTERED = "altered"
    SWAPPED = "swapped"
    REMOVED = "removed"
    CUT_OFF = "cut off"  # the end of a chain is missing
    INSERTED = "inserted"  # before the mark, and not sealed
    SEAL = "seal"  # the seals themselves were edited
    CHECKPOINT = "checkpoint"  # the log is not what was signed, or what was signed is gone
    ERASED = "erased"  # more was taken out of entries than the log tells
    ARCHIVE = "archive"  # a file of the archive is gone, or another


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was sealed: in which chain, at which position and which entry, if known.

    ``last`` is the last position of a run.
    """

    sort: Sort
    scope: int
    position: int | None = None
    entry: int | None = None
    words: str = ""
    last: int | None = None

    @property
    def where(self) -> str:
        """Return the position, or the span of positions, as text."""
        if self.position is None:
            return "-"
        return f"{self.position}" if self.last in (None, self.position) else f"{self.position}-{self.last}"
