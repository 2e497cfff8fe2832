"""The file of an export: rows stream from the database, oldest first, and memory stays flat."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Q, QuerySet

from logs.formats import Format, format_of
from logs.models import LogEntry
from logs.selectors import matching

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from logs.models import LogExport

BATCH = 2000
# Rows shall come from the index in order, from the first second on: no sort that nobody hears of, no spill.
PLAN = ("enable_sort", "enable_seqscan", "enable_bitmapscan", "jit")


@dataclass(frozen=True)
class Written:
    """What was written: entries, bytes, and the SHA-256 in hex."""

    rows: int
    size: int
    sha256: str


def rows_of(export: LogExport) -> QuerySet[LogEntry]:
    """Return what belongs into an export, in no order: as asked for, and not later than it was asked for."""
    rows = matching(
        namespace_id=export.namespace_id,
        project_id=export.project_id,
        starts_at=export.starts_at,
        ends_at=export.ends_at,
        **export.filters,
    )
    return rows.filter(id__lte=export.last_id)


def write(export: LogExport, out: IO[bytes], progress: Callable[[int], None]) -> Written:
    """Write the whole file to ``out``, oldest entry first; tell ``progress`` the number of entries so far."""
    digest, size, rows = hashlib.sha256(), 0, 0

    def put(piece: bytes) -> None:
        nonlocal size
        digest.update(piece)
        out.write(piece)
        size += len(piece)

    form = format_of(export)
    put(form.opening())
    read = _copy if connection.vendor == "postgresql" else _page
    with closing(read(rows_of(export).order_by("at", "id"), form)) as found:
        for count, piece in found:
            put(piece)
            rows += count
            progress(rows)
    put(form.ending())
    return Written(rows, size, digest.hexdigest())


# PostgreSQL ----------------------------------------------------------------------------------------------


def _copy(rows: QuerySet[LogEntry], form: Format) -> Generator[tuple[int, bytes]]:
    """Yield entries as they stand in the file, many at a time, with their number: one COPY."""
    statement, values = form.copied(rows).query.sql_with_params()
    # A connection of its own: the other one keeps the row's lease while this one streams.
    reader = connection.copy()
    try:
        reader.set_autocommit(False)
        with reader.cursor() as cursor:
            for switch in PLAN:
                cursor.execute(f"SET LOCAL {switch} = off")
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            with cursor.copy(f"COPY ({statement}) TO STDOUT{form.copy_options}", values) as copy:
                lines = iter(copy)
                while batch := [bytes(line) for line in islice(lines, BATCH)]:
                    yield len(batch), form.from_copy(batch)
        reader.rollback()
    finally:
        reader.close()


# SQLite --------------------------------------------------------------------------------------------------


def _page(rows: QuerySet[LogEntry], form: Format) -> Generator[tuple[int, bytes]]:
    """Yield entries as `_copy` does: page by page, so that no read lasts long."""
    after = Q()
    while batch := list(_columns(after, rows, form)[:BATCH]):
        yield len(batch), form.draw(batch)
        at, pk = batch[-1][:2]
        # It stands first above: of two bounds of one kind, SQLite begins at the one it reads first.
        after = Q(at__gte=at) & (Q(at__gt=at) | Q(id__gt=pk))


def _columns(after: Q, rows: QuerySet[LogEntry], form: Format) -> QuerySet[LogEntry, Any]:
    return form.columns(LogEntry.objects.filter(after) & rows)
