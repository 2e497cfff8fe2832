"""The file of an export, part by part: rows come from the database in turns, oldest first; memory stays flat.

A turn is about a millisecond of PostgreSQL's time, and it begins the next one while the worker writes the
last one down; then it waits. Where it may write on for as long as somebody reads, whole time slices go by
before the session of another call has its processor again. So they do where the worker never waits: it
rests after each turn, for as short as the system can, and who waits for its processor has it then.
"""

from __future__ import annotations

import hashlib
from contextlib import closing, contextmanager
from dataclasses import dataclass
from time import sleep
from typing import IO, TYPE_CHECKING, Any, Protocol

from django.conf import settings
from django.db import connection
from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL
from psycopg.pq import ExecStatus

from core.statements import answers, error_of
from logs.formats import Format, format_of
from logs.models import LogEntry
from logs.selectors import matching
from logs.settled import Sight

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from datetime import datetime

    from django.db.backends.base.base import BaseDatabaseWrapper

    from logs.models import LogExport

PAGE = 2000  # entries, where each page is a query
TURN = 250  # entries, where PostgreSQL hands out the next ones of a query
REST = 20e-6  # seconds after each turn, and some more, as no system wakes up that soon
STEP = 500  # entries that it counts in a turn
# Rows shall come from the index in order, from the first second on: no sort that nobody hears of, no spill.
PLAN = ("enable_sort = off", "enable_seqscan = off", "enable_bitmapscan = off", "cursor_tuple_fraction = 1")
AFTER = '("logs_logentry"."at", "logs_logentry"."id") > (%s, %s)'


@dataclass(frozen=True, slots=True)
class Place:
    """An entry, behind which reading goes on."""

    at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: entries, bytes, the SHA-256 in hex, and the last entry up to here, if any."""

    rows: int
    size: int
    sha256: str
    place: Place | None
    is_last: bool


class Reader(Protocol):
    """Reads entries from a database."""

    def count(self, rows: QuerySet[LogEntry]) -> int:
        """Return how many there are."""
        ...

    def read(
        self, rows: QuerySet[LogEntry], form: Format, after: Place | None, most: int
    ) -> Generator[tuple[int, int, bytes]]:
        """Yield entries behind a place as they stand in the file: how many, the last one's key, the bytes."""
        ...


def rows_of(export: LogExport) -> QuerySet[LogEntry]:
    """Return what belongs into an export, in no order: as asked for, and what could be read by then."""
    rows = matching(
        namespace_id=export.namespace_id,
        project_id=export.project_id,
        starts_at=export.starts_at,
        ends_at=export.ends_at,
        **export.filters,
    )
    return Sight(last_id=export.last_id or 0, **export.sight).of(rows)


@contextmanager
def reading() -> Iterator[Reader]:
    """Yield what reads entries, for as many parts as there are."""
    if connection.vendor != "postgresql":
        yield _Pages()
        return
    # A connection of its own: the other one keeps the row's lease while this one streams.
    own = connection.copy()
    try:
        own.set_autocommit(False)
        yield _Turns(own)
    finally:
        own.close()


def write_part(
    reader: Reader,
    export: LogExport,
    out: IO[bytes],
    *,
    after: Place | None,
    is_first: bool,
    whole: hashlib._Hash,
    progress: Callable[[int], None],
) -> Written:
    """Write the part behind an entry, or the first one, to ``out``; tell ``progress`` its entries so far.

    It ends after ``EXPORT_PART_ROWS`` entries or ``EXPORT_PART_BYTES``, whatever comes first, at the same
    entry whoever writes it. ``whole`` is the digest of the file so far, and goes on.
    """
    form, digest, size, rows = format_of(export), hashlib.sha256(), 0, 0
    last_id: int | None = None

    def put(piece: bytes) -> None:
        nonlocal size
        digest.update(piece)
        whole.update(piece)
        out.write(piece)
        size += len(piece)

    if is_first:
        put(form.opening())
    most = settings.EXPORT_PART_ROWS
    is_last = True
    with closing(reader.read(rows_of(export), form, after, most)) as found:
        for count, key, piece in found:
            put(piece)
            rows, last_id = rows + count, key
            progress(rows)
            if rows >= most or size >= settings.EXPORT_PART_BYTES:
                is_last = False
                break
    if is_last:
        put(form.ending())
    place = after if last_id is None else _place(export, last_id)
    return Written(rows, size, digest.hexdigest(), place, is_last)


def _place(export: LogExport, pk: int) -> Place:
    entries = LogEntry.objects.filter(id=pk, at__gte=export.starts_at, at__lt=export.ends_at)
    return Place(entries.values_list("at", flat=True).get(), pk)


# PostgreSQL ----------------------------------------------------------------------------------------------


class _Turns:
    """Opens a cursor on the server, and has so many rows at a time from it."""

    def __init__(self, own: BaseDatabaseWrapper) -> None:
        self.own = own

    def count(self, rows: QuerySet[LogEntry]) -> int:
        """Return how many there are: by a cursor that moves, as no row has to come for that."""
        with self._cursor(rows.order_by().values("id")) as cursor:
            found = 0
            while cursor.execute(f"MOVE {STEP} IN entries").rowcount:
                found += cursor.rowcount
                sleep(REST)
            return found

    def read(
        self, rows: QuerySet[LogEntry], form: Format, after: Place | None, most: int
    ) -> Generator[tuple[int, int, bytes]]:
        """Yield entries behind a place."""
        if after is not None:
            # Compared as rows, so that the index is entered at the very place.
            behind = RawSQL(AFTER, [after.at, after.id], BooleanField())  # noqa: S611 - a moment and a number
            rows = rows.filter(behind, at__gte=after.at)
        with self._cursor(form.asked(rows.order_by("at", "id"))[:most], *PLAN) as cursor:
            ahead = _Ahead(cursor.connection.pgconn, f"FETCH {TURN} FROM entries".encode())
            try:
                while count := (found := ahead.taken()).ntuples:
                    # As PostgreSQL wrote them, by column: making rows of them takes longer than all else.
                    value, each = found.get_value, range(count)
                    keys, *columns = ([value(row, at) for row in each] for at in range(found.nfields))
                    yield count, int(keys[-1]), form.drawn(columns)
                    sleep(REST)
            finally:
                ahead.stop()

    @contextmanager
    def _cursor(self, rows: QuerySet[LogEntry, Any], *switches: str) -> Iterator[Any]:
        # Also where it is known beforehand that nothing fits: the query is asked as any other.
        statement, values = rows.query.get_compiler(connection=self.own, elide_empty=False).as_sql()
        self.own.ensure_connection()
        try:
            with self.own.wrap_database_errors, self.own.connection.cursor() as cursor:
                for switch in (*switches, "jit = off", "max_parallel_workers_per_gather = 0"):
                    cursor.execute(f"SET LOCAL {switch}")
                cursor.execute(f"DECLARE entries NO SCROLL CURSOR FOR {statement}", values)
                yield cursor
        finally:
            self.own.rollback()


class _Ahead:
    """Has a command carried out again and again, the next time already while its last answer is worked on."""

    def __init__(self, server: Any, command: bytes) -> None:
        self.server, self.command = server, command
        self._ask()

    def taken(self) -> Any:
        """Return the next answer, once it is there, and ask for the one behind it."""
        found = answers(self.server)
        if found.status != ExecStatus.TUPLES_OK:
            raise error_of(found, self.server)
        self._ask()
        return found

    def stop(self) -> None:
        """Take the answer that was asked for last, as nothing else can be asked before."""
        answers(self.server)

    def _ask(self) -> None:
        self.server.send_query(self.command)
        self.server.flush()


# SQLite --------------------------------------------------------------------------------------------------


class _Pages:
    """Asks page by page, so that no read lasts long."""

    def count(self, rows: QuerySet[LogEntry]) -> int:
        """Return how many there are."""
        return rows.count()

    def read(
        self, rows: QuerySet[LogEntry], form: Format, after: Place | None, most: int
    ) -> Generator[tuple[int, int, bytes]]:
        """Yield entries behind a place."""
        left = most
        while batch := list(_columns(after, rows, form)[: min(PAGE, left)]):
            at, pk = batch[-1][:2]
            yield len(batch), pk, form.draw(batch)
            after, left = Place(at, pk), left - len(batch)


def _columns(after: Place | None, rows: QuerySet[LogEntry], form: Format) -> QuerySet[LogEntry, Any]:
    # It stands first: of two bounds of one kind, SQLite begins at the one it reads first.
    behind = Q(at__gte=after.at) & (Q(at__gt=after.at) | Q(id__gt=after.id)) if after else Q()
    return form.columns((LogEntry.objects.filter(behind) & rows).order_by("at", "id"))
