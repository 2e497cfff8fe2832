"""Long lists, cut by number: which part of a list a page shows, and the ways to the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.room import Room

DIGITS_MAX = 9


@dataclass(frozen=True)
class Paging:
    """Rows ``first`` to ``last`` of ``found``, counted from one; empty addresses lead nowhere."""

    first: int
    last: int
    found: int
    newer: str
    older: str

    @property
    def is_cut(self) -> bool:
        """Tell whether there is more than this page shows."""
        return bool(self.newer or self.older)


def start_of(room: Room) -> int:
    """Return where the address wants the page to start, counted from zero; nonsense is zero."""
    asked = room.asked("start")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= DIGITS_MAX else 0


def paging(room: Room, *, found: int, size: int) -> Paging:
    """Return what stands below a page of ``size`` rows of ``found``."""
    start = start_of(room)
    return Paging(
        first=start + 1,
        last=min(start + size, found),
        found=found,
        newer=room.here(start=str(max(start - size, 0) or "")) if start else "",
        older=room.here(start=str(start + size)) if start + size < found else "",
    )
