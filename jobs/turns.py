"""Turns of the schedule: each is taken by one scheduler, however many run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jobs.models import Turn

if TYPE_CHECKING:
    from collections.abc import Iterable


def take(name: str, slot: int) -> bool:
    """Take the turn of an entry in a slot; return False if somebody did already, of this slot or a later."""
    taken = {"slot": slot, "taken_at": datetime.now(UTC)}
    if Turn.objects.filter(name=name, slot__lt=slot).update(**taken):
        return True
    Turn.objects.bulk_create([Turn(name=name)], ignore_conflicts=True)  # the first time
    return bool(Turn.objects.filter(name=name, slot__lt=slot).update(**taken))


def last_taken() -> dict[str, datetime]:
    """Return when each entry's turn was last taken."""
    rows = Turn.objects.exclude(taken_at=None).values_list("name", "taken_at")
    return {name: at for name, at in rows if at is not None}


def forget_others(names: Iterable[str]) -> None:
    """Remove the turns of entries that the schedule no longer has."""
    Turn.objects.exclude(name__in=list(names)).delete()
