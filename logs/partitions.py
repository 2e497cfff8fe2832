"""The log's monthly partitions (PostgreSQL): making them ahead, and taking one out as a whole."""

from __future__ import annotations

import logging
import re
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

log = logging.getLogger(__name__)

AHEAD = 3
BOUNDS = """
SELECT inhrelid::regclass::text, pg_get_expr(relpartbound, inhrelid)
FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'logs_logentry'::regclass
"""
SPAN = re.compile(r"FROM \((MINVALUE|'.+?')\) TO \('(.+?)'\)")


class Partition(NamedTuple):
    """A partition and what it holds: ``starts_at <= at < ends_at``, or all before its end."""

    name: str
    starts_at: datetime | None
    ends_at: datetime


def next_month(day: date) -> date:
    """Return the first day of the month after a day's."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def midnight(day: date) -> datetime:
    """Return the first moment of a day (UTC)."""
    return datetime.combine(day, time(), tzinfo=UTC)


def partitions() -> list[Partition]:
    """Return those that have bounds, the earliest first; none on SQLite."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(BOUNDS)
        told = [(name, SPAN.search(bounds)) for name, bounds in cursor.fetchall()]
    found = []
    for name, span in told:
        if span is not None:  # the one for all the rest has none
            start = None if span[1] == "MINVALUE" else datetime.fromisoformat(span[1].strip("'"))
            found.append(Partition(name, start, datetime.fromisoformat(span[2])))
    return sorted(found, key=lambda one: one.ends_at)


def make_ahead(today: date | None = None) -> list[str]:
    """Make the partitions of this month and the three after it; return the names of those that are new.

    One that cannot be made now, because writers hold on to the table or entries of the month came before it,
    is tried again next time: until then its entries go to the partition for all the rest.
    """
    there = partitions()
    if not there:
        return []
    month, made = (today or timezone.now().date()).replace(day=1), []
    for _ in range(AHEAD + 1):
        start, month = month, next_month(month)
        if any(
            (one.starts_at or midnight(date.min)) < midnight(month) and midnight(start) < one.ends_at
            for one in there
        ):
            continue
        name = f"logs_logentry_{start:%Y_%m}"
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '2s'")
                cursor.execute(
                    f"CREATE TABLE {name} PARTITION OF logs_logentry"
                    f" FOR VALUES FROM ('{midnight(start).isoformat()}') TO ('{midnight(month).isoformat()}')"
                )
        except DatabaseError as error:
            log.warning("The log's partition %s was not made: %s", name, error)
        else:
            made.append(name)
    return made


def whole(starts_at: datetime, ends_at: datetime) -> Partition | None:
    """Return the partition that holds exactly this span, if there is one."""
    return next((one for one in partitions() if (one.starts_at, one.ends_at) == (starts_at, ends_at)), None)
