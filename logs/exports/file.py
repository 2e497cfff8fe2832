"""The file of an export, part by part: rows stream from the database, oldest first, and memory stays flat."""

from __future__ import annotations

import hashlib
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Protocol

from django.conf import settings
from django.db import connection
from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from logs.formats import Format, format_of
from logs.models import LogEntry
from logs.selectors import matching
from logs.settled import Sight

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from datetime import datetime

    from django.db.backends.base.base import BaseDatabaseWrapper

    from logs.models import LogExport

BATCH = 2000
# Rows shall come from the index in order, from the first second on: no sort that nobody hears of, no spill.
PLAN = ("enable_sort", "enable_seqscan", "enable_bitmapscan", "jit")
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


class Read(Protocol):
    """Yields entries behind a place as they stand in the file, many at a time."""

    def __call__(
        self, rows: QuerySet[LogEntry], form: Format, after: Place | None, most: int
    ) -> Generator[tuple[int, int, bytes]]:
        """Yield how many there are, the key of the last one, and the bytes."""
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
def reading() -> Iterator[Read]:
    """Yield how entries are read, for as many parts as there are."""
    if connection.vendor != "postgresql":
        yield _page
        return
    # A connection of its own: the other one keeps the row's lease while this one streams.
    reader = connection.copy()
    try:
        reader.set_autocommit(False)
        yield partial(_copy, reader)
    finally:
        reader.close()


def write_part(
    read: Read,
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
    with closing(read(rows_of(export), form, after, most)) as found:
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


def _copy(
    reader: BaseDatabaseWrapper, rows: QuerySet[LogEntry], form: Format, after: Place | None, most: int
) -> Generator[tuple[int, int, bytes]]:
    if after is not None:
        # Compared as rows, so that the index is entered at the very place.
        behind = RawSQL(AFTER, [after.at, after.id], BooleanField())  # noqa: S611 - a moment and a number
        rows = rows.filter(behind, at__gte=after.at)
    statement, values = form.copied(rows.order_by("at", "id"))[:most].query.sql_with_params()
    try:
        with reader.cursor() as cursor:
            for switch in PLAN:
                cursor.execute(f"SET LOCAL {switch} = off")
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            with cursor.copy(f"COPY ({statement}) TO STDOUT{form.copy_options}", values) as copy:
                lines = iter(copy)
                while batch := [bytes(line) for line in islice(lines, BATCH)]:
                    yield len(batch), form.key(batch[-1]), form.from_copy(batch)
    finally:
        reader.rollback()


# SQLite --------------------------------------------------------------------------------------------------


def _page(
    rows: QuerySet[LogEntry], form: Format, after: Place | None, most: int
) -> Generator[tuple[int, int, bytes]]:
    """Page by page, so that no read lasts long."""
    left = most
    while batch := list(_columns(after, rows, form)[: min(BATCH, left)]):
        at, pk = batch[-1][:2]
        yield len(batch), pk, form.draw(batch)
        after, left = Place(at, pk), left - len(batch)


def _columns(after: Place | None, rows: QuerySet[LogEntry], form: Format) -> QuerySet[LogEntry, Any]:
    # It stands first: of two bounds of one kind, SQLite begins at the one it reads first.
    behind = Q(at__gte=after.at) & (Q(at__gt=after.at) | Q(id__gt=after.id)) if after else Q()
    return form.columns((LogEntry.objects.filter(behind) & rows).order_by("at", "id"))
