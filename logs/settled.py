"""Following the log without missing anything: in an order in which none can appear before another later.

``id`` and ``at`` are taken when an entry is written, not when it is committed: who follows by them alone
skips what a slow transaction commits late. So each entry keeps which transaction wrote it (``xact``), and is
*settled* once no transaction with a lower number is under way. Settled entries are read in the order
(xact, id). SQLite has one writer at a time: there the order is that of the ids, and all that can be read is
settled.

A dump that is restored into another cluster brings numbers along that the new cluster has not reached yet.
That begins an *era*: from then on the new cluster's numbers are written on top of the highest that is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from django.db import connection, transaction
from django.db.models import BooleanField, Max, Q
from django.db.models.expressions import RawSQL

from core.errors import Invalid
from logs.models import LogEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet

# The transactions that other databases of the cluster run: they cannot write here. Read before `BOUND`, not
# in it: one that ends while a statement runs is still in that statement's snapshot, but not to be seen here.
ELSEWHERE = """
SELECT coalesce(array_agg(other.backend_xid::text), '{}') FROM pg_stat_activity AS other
WHERE other.backend_xid IS NOT NULL
    AND other.datid <> (SELECT oid FROM pg_database WHERE datname = current_database())
"""
# What no transaction below it can still write: the oldest one under way, wherever it may write to this table.
# What began elsewhere since `ELSEWHERE` was read has a higher number than all that was written until then.
BOUND = """
SELECT era.base, era.cluster = (SELECT system_identifier::text FROM pg_control_system()), era.base + least(
    coalesce(
        (SELECT min(running::text::bigint) FROM pg_snapshot_xip(pg_current_snapshot()) AS running
         WHERE running::xid::text <> ALL (%s)),
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint),
    pg_current_xact_id_if_assigned()::text::bigint)
FROM logs_era AS era
"""
# In one statement: the highest key is of the same moment as the transactions.
SIGHT = """
SELECT era.base, pg_snapshot_xmax(now)::text::bigint,
    ARRAY(SELECT running::text::bigint FROM pg_snapshot_xip(now) AS running),
    pg_current_xact_id_if_assigned()::text::bigint, (SELECT max(id) FROM logs_logentry)
FROM logs_era AS era, pg_current_snapshot() AS now
"""
AFTER = '("logs_logentry"."xact", "logs_logentry"."id") > (%s, %s)'
UP_TO = '("logs_logentry"."xact", "logs_logentry"."id") <= (%s, %s)'


@dataclass(frozen=True, order=True, slots=True)
class Cursor:
    """A place in the log: all that is settled up to here was read. As text ``xact.id``."""

    xact: int = 0
    id: int = 0

    def __str__(self) -> str:
        return f"{self.xact}.{self.id}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what was written by ``str``; of no text, the place before everything. Raises Invalid."""
        if not text:
            return cls()
        xact, dot, pk = text.partition(".")
        if not (dot and xact.isdecimal() and pk.isdecimal() and xact.isascii() and pk.isascii()):
            raise Invalid("This is no place in the log", field="cursor")
        return cls(int(xact), int(pk))

    @classmethod
    def of(cls, entry: LogEntry) -> Self:
        """Return the place of an entry, which was read from the database."""
        return cls(entry.xact, entry.pk)


START = Cursor()


def settled_after(cursor: Cursor, limit: int, namespace_id: int | None = None) -> list[LogEntry]:
    """Return the next settled entries after a place, in the order of `Cursor`; of one namespace, if named.

    Whoever goes on from ``Cursor.of`` the last one meets every entry that is ever committed, and each once.
    What the own transaction has written is not settled before it ends. Of one namespace, all that others have
    written since is looked at as well.
    """
    found = after(cursor, settled())
    if namespace_id is not None:
        found = found.filter(namespace=namespace_id)
    return list(in_order(found)[:limit])


def head() -> Cursor:
    """Return the place of the last settled entry: who stands there has read all that can be read."""
    last = in_order(settled(), newest_first=True).first()
    return Cursor.of(last) if last else START


def settled() -> QuerySet[LogEntry]:
    """Return what is settled now, in no order."""
    if connection.vendor != "postgresql":
        return LogEntry.objects.all()
    return LogEntry.objects.filter(xact__lt=bound())


@dataclass(frozen=True, slots=True)
class Sight:
    """What could be read at a moment: always the same entries, whatever is committed later.

    Those with an ``id`` up to ``last_id`` whose transaction is below ``below`` and none of ``without``, which
    were under way, or ``own``, which was that of who looked. Without a ``below`` (SQLite) the id says it all.
    """

    last_id: int
    below: int | None = None
    without: tuple[int, ...] = ()
    own: int | None = None

    def of(self, entries: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
        """Return those of the entries that could be read."""
        found = entries.filter(id__lte=self.last_id)
        if self.below is None:
            return found
        seen = Q(xact__lt=self.below) & ~Q(xact__in=self.without)
        return found.filter(seen if self.own is None else seen | Q(xact=self.own))


def sight() -> Sight:
    """Return what can be read now. Unlike of what is `settled`, a slow transaction hides only its own."""
    if connection.vendor != "postgresql":
        return Sight(LogEntry.objects.aggregate(last=Max("id"))["last"] or 0)
    bound()  # for the numbers to be this cluster's
    with connection.cursor() as cursor:
        cursor.execute(SIGHT)
        base, below, without, own, last_id = cursor.fetchone()
    return Sight(last_id or 0, base + below, tuple(base + one for one in without), own and base + own)


def after(cursor: Cursor, entries: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
    """Return those of the entries that come after a place."""
    if connection.vendor != "postgresql":
        return entries.filter(id__gt=cursor.id)
    return entries.filter(_compared(AFTER, cursor))


def up_to(cursor: Cursor, entries: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
    """Return those of the entries that come before a place, or stand there."""
    if connection.vendor != "postgresql":
        return entries.filter(id__lte=cursor.id)
    return entries.filter(_compared(UP_TO, cursor))


def in_order(entries: QuerySet[LogEntry], *, newest_first: bool = False) -> QuerySet[LogEntry]:
    """Return the entries in the order of `Cursor`."""
    fields = ("xact", "id") if connection.vendor == "postgresql" else ("id",)
    return entries.order_by(*(f"-{field}" for field in fields) if newest_first else fields)


def _compared(sql: str, cursor: Cursor) -> RawSQL:
    # Compared as rows, so that the index is entered at the very place, however much one transaction wrote.
    return RawSQL(sql, [cursor.xact, cursor.id], BooleanField())  # noqa: S611 - both are numbers


def bound() -> int:
    """Return the ``xact`` from which on entries are not settled yet (PostgreSQL)."""
    _, ours, found = _bound()
    if not ours:
        begin_era()
        _, _, found = _bound()
    return found


def _bound() -> tuple[int, bool, int]:
    with connection.cursor() as cursor:
        cursor.execute(ELSEWHERE)
        (elsewhere,) = cursor.fetchone()
        cursor.execute(BOUND, [elsewhere])
        base, ours, found = cursor.fetchone()
    return base, ours, found


@transaction.atomic
def begin_era() -> bool:
    """Notice that the database was restored into another cluster; tell whether it was so just now.

    What is there then is settled. What was written before anybody noticed is put behind it.
    """
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        run: Callable[..., Any] = cursor.execute
        run("SET LOCAL lock_timeout = '2s'")
        # Writers end first, and the next ones write in the new era.
        run("LOCK TABLE logs_logentry, logs_era IN SHARE ROW EXCLUSIVE MODE")
        run("SELECT cluster, base, (SELECT system_identifier::text FROM pg_control_system()) FROM logs_era")
        cluster, before, ours = cursor.fetchone()
        if cluster == ours:
            return False
        run("SELECT coalesce(max(xact), 0) + 1 FROM logs_logentry")
        (base,) = cursor.fetchone()
        # Written here, not restored: PostgreSQL's own mark of the row names the same transaction.
        run(
            "UPDATE logs_logentry SET xact = %(base)s + xact - %(before)s"
            " WHERE xact > %(before)s AND xact <= %(before)s + pg_current_xact_id()::text::bigint"
            " AND (xact - %(before)s) %% 4294967296 = xmin::text::bigint",
            {"base": base, "before": before},
        )
        run(
            "ALTER TABLE logs_logentry ALTER COLUMN xact"
            f" SET DEFAULT ({base:d} + pg_current_xact_id()::text::bigint)"
        )
        run("UPDATE logs_era SET cluster = %s, base = %s", [ours, base])
    return True
