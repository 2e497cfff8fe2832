"""Dates as the Quay wire writes and reads them (quay-a.md 1)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import formatdate


def rfc2822(when: datetime | None) -> str | None:
    """Return ``Mon, 13 Jan 2025 11:41:16 -0000``, or null."""
    return formatdate(when.timestamp()) if when is not None else None


def http_date(when: datetime | None) -> str | None:
    """Return ``Mon, 13 Jan 2025 11:41:16 GMT``, or null: what service keys alone are written with."""
    return formatdate(when.timestamp(), usegmt=True) if when is not None else None


def day(text: str | None) -> datetime | None:
    """Return the start of the day ``mm/dd/yyyy`` (UTC); anything else is ignored, as the wire does."""
    try:
        return datetime.strptime(text or "", "%m/%d/%Y").replace(tzinfo=UTC)
    except ValueError:
        return None
