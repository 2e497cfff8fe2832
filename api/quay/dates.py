"""Dates as the Quay wire writes and reads them (quay-a.md 1)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def rfc2822(when: datetime | None) -> str | None:
    """Return ``Mon, 13 Jan 2025 11:41:16 -0000``, or null."""
    if when is None:
        return None
    # As email.utils.formatdate, at a fifth of its time: a list has two of these in every row.
    when = when.astimezone(UTC)
    return (
        f"{DAYS[when.weekday()]}, {when.day:02d} {MONTHS[when.month - 1]} {when.year:04d}"
        f" {when.hour:02d}:{when.minute:02d}:{when.second:02d} -0000"
    )


def http_date(when: datetime | None) -> str | None:
    """Return ``Mon, 13 Jan 2025 11:41:16 GMT``, or null: what service keys alone are written with."""
    return formatdate(when.timestamp(), usegmt=True) if when is not None else None


def day(text: str | None) -> datetime | None:
    """Return the start of the day ``mm/dd/yyyy`` (UTC); anything else is ignored, as the wire does."""
    try:
        return datetime.strptime(text or "", "%m/%d/%Y").replace(tzinfo=UTC)
    except ValueError:
        return None
