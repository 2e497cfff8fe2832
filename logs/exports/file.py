"""The file of an export: rows stream from the database into JSON, and memory stays flat (quay-b.md 5.4)."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from functools import lru_cache
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

import orjson
from django.db import connection
from django.db.models import Q, QuerySet, TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from core.avatars import avatar
from logs.models import LogEntry
from logs.performers import performer
from logs.selectors import matching

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from logs.models import LogExport

BATCH = 2000
# What an entry's people and places are made of: the same ones come again and again, so each is drawn once.
PEOPLE = ("performer_kind", "performer_name", "performer_email")
PLACES = ("namespace_kind", "namespace_name")
REMEMBERED = 10_000

# The rest of an entry, as PostgreSQL itself writes it.
HEAD = """'{"kind":' || to_json(logs_logentry.kind)::text
|| ',"metadata":' || logs_logentry.metadata::text
|| ',"ip":' || coalesce('"' || host(logs_logentry.ip) || '"', 'null')
|| ',"datetime":"' || to_char(logs_logentry.at AT TIME ZONE 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS')
|| ' -0000"'"""
# Rows shall come from the index in order, from the first second on: no sort that nobody hears of, no spill.
PLAN = ("enable_sort", "enable_seqscan", "enable_bitmapscan", "jit")
# How COPY writes the few characters that would be taken for its own.
ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


@dataclass(frozen=True)
class Written:
    """What was written: entries (without the terminator), bytes, and the SHA-256 in hex."""

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

    put(_opening(export))
    # Only the log of the whole instance says whose each entry is (quay-b.md 5.2).
    whole = not export.namespace_name
    read = _copy if connection.vendor == "postgresql" else _page
    with closing(
        read(rows_of(export).order_by("at", "id"), (*PEOPLE, *PLACES) if whole else PEOPLE)
    ) as found:
        for count, piece in found:
            put(piece)
            rows += count
            progress(rows)
    put(b'{"terminator":true}]}\n')
    return Written(rows, size, digest.hexdigest())


def date_range(export: LogExport) -> tuple[datetime, datetime]:
    """Return the first and the last moment of an export: its end is told as the last day, not the next."""
    return export.starts_at, max(export.starts_at, export.ends_at - timedelta(milliseconds=1))


def _opening(export: LogExport) -> bytes:
    first, last = date_range(export)
    details = {
        "start_time": formatdate(first.timestamp()),
        "end_time": formatdate(last.timestamp()),
        "namespace": export.namespace_name or None,
        "repository": export.project_name or None,
    }
    told = orjson.dumps({"export_id": str(export.uuid), "details": details})
    return told.removesuffix(b"}") + b',"logs":[\n'


@lru_cache(maxsize=REMEMBERED)
def _tail(kind: str, name: str, email: str, namespace_kind: str = "", namespace: str = "") -> bytes:
    """Return the end of an entry: its performer and its namespace, where it has them, and the comma after."""
    told: dict[str, Any] = {}
    person = performer(kind, name, email)
    if person is not None:
        told["performer"] = person
    if namespace:
        sort = "org" if namespace_kind == "organization" else "user"
        told["namespace"] = {"kind": sort, "name": namespace, "avatar": avatar(namespace, kind=sort)}
    rest = orjson.dumps(told)
    return (b"}" if rest == b"{}" else b"," + rest[1:]) + b",\n"


# PostgreSQL ----------------------------------------------------------------------------------------------


def _copy(rows: QuerySet[LogEntry], names: tuple[str, ...]) -> Generator[tuple[int, bytes]]:
    """Yield entries as JSON, many at a time, with their number: one COPY, drawn as it comes."""
    columns = rows.annotate(head=RawSQL(HEAD, [])).values_list("head", *names)  # noqa: S611 - no value in it
    statement, values = columns.query.sql_with_params()
    # A connection of its own: the other one keeps the row's lease while this one streams.
    reader = connection.copy()
    try:
        reader.set_autocommit(False)
        with reader.cursor() as cursor:
            for switch in PLAN:
                cursor.execute(f"SET LOCAL {switch} = off")
            cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
            with cursor.copy(f"COPY ({statement}) TO STDOUT", values) as copy:
                lines = iter(copy)
                while batch := [bytes(line) for line in islice(lines, BATCH)]:
                    yield len(batch), _from_copy(batch)
        reader.rollback()
    finally:
        reader.close()


def _from_copy(lines: list[bytes]) -> bytes:
    # A million times: each of these lines counts.
    pieces: list[bytes] = []
    escaped = b"\\" in b"".join(lines)
    for line in lines:
        head, _, names = line.partition(b"\t")
        if escaped:
            # Inside JSON all else is escaped already: COPY has only doubled the backslashes.
            head = head.replace(b"\\\\", b"\\")
        pieces += head, _copied_tail(names)
    return b"".join(pieces)


@lru_cache(maxsize=REMEMBERED)
def _copied_tail(names: bytes) -> bytes:
    return _tail(*(_unescaped(name).decode() for name in names.removesuffix(b"\n").split(b"\t")))


def _unescaped(text: bytes) -> bytes:
    first, *others = text.split(b"\\")
    found, literal = [first], False
    for part in others:
        if literal or not part:
            # Two in a row stand for one; what follows the second is text.
            found.append(part if literal else b"\\")
            literal = not literal
        else:
            found.append(ESCAPES.get(part[:1], part[:1]) + part[1:])
    return b"".join(found)


# SQLite --------------------------------------------------------------------------------------------------


def _page(rows: QuerySet[LogEntry], names: tuple[str, ...]) -> Generator[tuple[int, bytes]]:
    """Yield entries as JSON, many at a time, with their number: page by page, so that no read lasts long."""
    after = Q()
    while batch := list(_columns(LogEntry.objects.filter(after) & rows, names)[:BATCH]):
        yield (
            len(batch),
            b"".join(
                b'{"kind":%b,"metadata":%b,"ip":%b,"datetime":"%b"%b'
                % (orjson.dumps(kind), told.encode(), orjson.dumps(ip), _date(at), _tail(*people))
                for at, _, kind, told, ip, *people in batch
            ),
        )
        at, pk = batch[-1][:2]
        # It stands first above: of two bounds of one kind, SQLite begins at the one it reads first.
        after = Q(at__gte=at) & (Q(at__gt=at) | Q(id__gt=pk))


def _columns(rows: QuerySet[LogEntry], names: tuple[str, ...]) -> QuerySet[LogEntry, Any]:
    told = rows.annotate(told=Cast("metadata", TextField()))
    return told.values_list("at", "id", "kind", "told", "ip", *names)


def _date(at: datetime) -> bytes:
    return formatdate(at.astimezone(UTC).timestamp()).encode()
