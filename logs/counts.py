"""How often each kind happened on each day, kept as sums, so that a chart does not count the log anew.

The sums (`LogCount`) hold exactly the entries up to a place in the log, the mark (`LogMark`), which moves
over what is settled alone. So no entry can turn up behind it: whoever reads takes the sums and counts what
lies after the mark, in one statement, and is right at every moment, whatever is committed late. Sums and
mark move in one transaction. Whose they are is the ``scope``: the key of a namespace, or `INSTANCE` for all.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

from core.statements import Statement
from logs import settled
from logs.models import LogMark
from logs.settled import Cursor

if TYPE_CHECKING:
    from collections.abc import Collection

INSTANCE = 0
STEP = 50_000  # entries in one transaction: about a second
DAY = timedelta(days=1)

ADD = """
WITH counted AS (
    SELECT namespace_id, DATE(at) AS day, kind, count(*) AS n FROM logs_logentry
    WHERE {span} GROUP BY namespace_id, DATE(at), kind)
INSERT INTO logs_logcount (scope, day, kind, count)
SELECT namespace_id, day, kind, n FROM counted WHERE namespace_id IS NOT NULL
UNION ALL
SELECT 0, day, kind, sum(n) FROM counted GROUP BY day, kind
ON CONFLICT (scope, day, kind) DO UPDATE SET count = logs_logcount.count + excluded.count
"""
SUMMED = """
SELECT kind, day, sum(n) FROM ({pieces}) AS found GROUP BY kind, day HAVING sum(n) > 0 ORDER BY day, kind
"""
SUMS = "SELECT kind, day, count AS n FROM logs_logcount WHERE {where}"
COUNTED = "SELECT kind, DATE(at), count(*) FROM logs_logentry {by_key} WHERE {where} GROUP BY kind, DATE(at)"
SPAN = {
    "postgresql": "(xact, id) > (%s, %s) AND (xact, id) <= (%s, %s)",
    "sqlite": "id > %s AND id <= %s",
}
# A bound from above, though it is none, lets PostgreSQL take this for a narrow range, which it is. Of a bound
# that it does not know beforehand it would expect a third of the table, and read the whole.
TAIL = {
    "postgresql": """(xact, id) > (coalesce((SELECT xact FROM logs_logmark), 0),
            coalesce((SELECT entry FROM logs_logmark), 0))
        AND xact >= coalesce((SELECT xact FROM logs_logmark), 0) AND xact <= 9223372036854775807""",
    "sqlite": "id > coalesce((SELECT entry FROM logs_logmark), 0)",
}
# SQLite would go by the namespace's index through all that it has ever told.
BY_KEY = {"postgresql": "", "sqlite": "NOT INDEXED"}


def roll_up(limit: int = 0) -> bool:
    """Count at most ``limit`` (or `STEP`) more of the settled entries; tell whether there may be more.

    Of several that run at once one counts, and the others leave at once.
    """
    limit = limit or STEP
    LogMark.objects.bulk_create([LogMark(pk=LogMark.ONLY)], ignore_conflicts=True)
    with transaction.atomic():
        skip = connection.features.has_select_for_update_skip_locked
        mark = LogMark.objects.select_for_update(skip_locked=skip).filter(pk=LogMark.ONLY).first()
        if mark is None:
            return False
        before = Cursor(mark.xact, mark.entry)
        rows = settled.after(before, settled.settled())
        ordered = settled.in_order(rows).values_list("xact", "id")
        found = list(ordered[limit - 1 : limit])
        is_more = bool(found)
        if not found:
            found = list(settled.in_order(rows, newest_first=True).values_list("xact", "id")[:1])
        if not found:
            return False
        to = Cursor(*found[0])
        with connection.cursor() as cursor:
            cursor.execute(ADD.format(span=SPAN[connection.vendor]), _span(before, to))
        LogMark.objects.filter(pk=LogMark.ONLY).update(xact=to.xact, entry=to.id)
    return is_more


def _span(before: Cursor, to: Cursor) -> list[int]:
    if connection.vendor == "postgresql":
        return [before.xact, before.id, to.xact, to.id]
    return [before.id, to.id]


def whole_days(starts_at: datetime | None, ends_at: datetime | None) -> tuple[date | None, date | None]:
    """Return the first day that lies in a range as a whole, and the first after it that does not."""
    first = None
    if starts_at is not None:
        first = starts_at.astimezone(UTC).date()
        # Of the last day there is, none comes after it: what begins on it, holds none as a whole.
        if starts_at != _at(first) and first < date.max:
            first += DAY
    return first, None if ends_at is None else ends_at.astimezone(UTC).date()


def by_day(
    *,
    namespace_id: int | None,
    starts_at: datetime | None,
    ends_at: datetime | None,
    kinds: Collection[str] = (),
) -> list[tuple[str, date, int]] | None:
    """Return (kind, day, count) of a namespace, or of the instance, by day and kind, with one statement.

    ``starts_at <= at < ends_at``: whole days come from the sums and what lies after the mark, the pieces of
    days at both ends are counted. None where no whole day lies between them.
    """
    first, last = whole_days(starts_at, ends_at)
    if first is not None and last is not None and first >= last:
        return None
    pieces = [
        _sums(namespace_id, first, last, kinds),
        _counted(namespace_id, _at(first), _at(last), kinds, tail=True),
    ]
    if starts_at is not None and starts_at != _at(first):
        pieces.append(_counted(namespace_id, starts_at, _at(first), kinds))
    if ends_at is not None and ends_at != _at(last):
        pieces.append(_counted(namespace_id, _at(last), ends_at, kinds))
    # Planned once: neither the sums nor the tail can be found by anything but their own index.
    statement = _statement(SUMMED.format(pieces=" UNION ALL ".join(sql for sql, _ in pieces)))
    rows, _ = statement.run(
        [value for _, values in pieces for value in values], connections[DEFAULT_DB_ALIAS]
    )
    return [(kind, _day(day), int(count)) for kind, day, count in rows]


@lru_cache(maxsize=64)
def _statement(sql: str) -> Statement:
    return Statement(sql)


def _sums(
    namespace_id: int | None, first: date | None, last: date | None, kinds: Collection[str]
) -> tuple[str, list[Any]]:
    asked: dict[str, Any] = {"scope = %s": INSTANCE if namespace_id is None else namespace_id}
    if first is not None:
        asked["day >= %s"] = first.isoformat()
    if last is not None:
        asked["day < %s"] = last.isoformat()
    return SUMS.format(where=" AND ".join([*asked, *_of_kinds(kinds)])), [*asked.values(), *kinds]


def _counted(
    namespace_id: int | None,
    starts_at: datetime | None,
    ends_at: datetime | None,
    kinds: Collection[str],
    *,
    tail: bool = False,
) -> tuple[str, list[Any]]:
    stored = connection.ops.adapt_datetimefield_value
    asked: dict[str, Any] = {}
    if starts_at is not None:
        asked["at >= %s"] = stored(starts_at)
    if ends_at is not None:
        asked["at < %s"] = stored(ends_at)
    if namespace_id is not None:
        # Of the tail, no index of a namespace: PostgreSQL would go through all that it told within the range.
        asked[f"namespace_id{' + 0' if tail else ''} = %s"] = namespace_id
    where = [*asked, *_of_kinds(kinds), *([TAIL[connection.vendor]] if tail else [])]
    by_key = BY_KEY[connection.vendor] if tail else ""
    return COUNTED.format(by_key=by_key, where=" AND ".join(where)), [*asked.values(), *kinds]


def _of_kinds(kinds: Collection[str]) -> list[str]:
    return [f"kind IN ({', '.join(['%s'] * len(kinds))})"] if kinds else []


def _at(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), tzinfo=UTC)


def _day(told: date | str) -> date:
    return date.fromisoformat(told) if isinstance(told, str) else told
