"""What an export's file looks like: Quay's JSON, JSON Lines, or CSV. `logs.exports.file` reads and writes.

Each entry is drawn alone, so that the file is the same however it was read: in one go, in pages, in parts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import orjson
from django.db.models import F, TextField
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast

from core import sheets
from core.avatars import avatar
from logs.performers import performer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import QuerySet
    from django.db.models.expressions import Combinable

    from logs.models import LogEntry, LogExport

    Column = Sequence[Any]  # bytes, or None, of so many entries

# The same people and places come again and again, so each is drawn once.
REMEMBERED = 10_000


class Format(ABC):
    """How entries become bytes, whether PostgreSQL draws most of each or Python does."""

    # What follows the name of the file, and what the browser is told that it is.
    extension: ClassVar[str]
    content_type: ClassVar[str]

    def __init__(self, export: LogExport) -> None:
        self.export = export

    @abstractmethod
    def opening(self) -> bytes:
        """Return what stands before the first entry."""

    def ending(self) -> bytes:
        """Return what stands behind the last entry."""
        return b""

    @abstractmethod
    def asked(self, rows: QuerySet[LogEntry]) -> QuerySet[LogEntry, Any]:
        """Return the query that PostgreSQL is asked: the entry's key first, then what `drawn` reads."""

    @abstractmethod
    def drawn(self, columns: Sequence[Column]) -> bytes:
        """Return entries from the columns behind the key, as PostgreSQL wrote them."""

    @abstractmethod
    def columns(self, rows: QuerySet[LogEntry]) -> QuerySet[LogEntry, Any]:
        """Return the query of which other databases give pages: moment and key first, then what is drawn."""

    @abstractmethod
    def draw(self, rows: Iterable[Sequence[Any]]) -> bytes:
        """Return entries from the rows of that query."""


def format_of(export: LogExport) -> Format:
    """Return how the file of an export is written."""
    return FORMATS[export.format](export)


def date_range(export: LogExport) -> tuple[datetime, datetime]:
    """Return the first and the last moment of an export: its end is told as the last day, not the next."""
    return export.starts_at, max(export.starts_at, export.ends_at - timedelta(milliseconds=1))


def _sql(sql: str) -> RawSQL:
    return RawSQL(sql, [])  # noqa: S611 - no value in it


# Quay's JSON: one object (quay-b.md 5.4) -----------------------------------------------------------------

# An entry without its people and places, as PostgreSQL itself writes it.
HEAD = """'{"kind":' || to_json(logs_logentry.kind)::text
|| ',"metadata":' || logs_logentry.metadata::text
|| ',"ip":' || coalesce('"' || host(logs_logentry.ip) || '"', 'null')
|| ',"datetime":"' || to_char(logs_logentry.at AT TIME ZONE 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS')
|| ' -0000"'"""
PEOPLE = ("performer_kind", "performer_name", "performer_email")
PLACES = ("namespace_kind", "namespace_name")


class Quay(Format):
    """One JSON object, one entry a line, with an end mark."""

    extension = "json"
    content_type = "application/json"

    @property
    def names(self) -> tuple[str, ...]:
        """Whose names stand with an entry."""
        # Only the log of the whole instance says whose each entry is (quay-b.md 5.2).
        return PEOPLE if self.export.namespace_name else (*PEOPLE, *PLACES)

    def opening(self) -> bytes:
        """Return what stands before the first entry."""
        first, last = date_range(self.export)
        details = {
            "start_time": formatdate(first.timestamp()),
            "end_time": formatdate(last.timestamp()),
            "namespace": self.export.namespace_name or None,
            "repository": self.export.project_name or None,
        }
        told = orjson.dumps({"export_id": str(self.export.uuid), "details": details})
        return told.removesuffix(b"}") + b',"logs":[\n'

    def ending(self) -> bytes:
        """Return what stands behind the last entry."""
        return b'{"terminator":true}]}\n'

    def asked(self, rows: QuerySet[LogEntry]) -> QuerySet[LogEntry, Any]:
        """Return the query that PostgreSQL is asked."""
        return rows.annotate(head=_sql(HEAD)).values_list("id", "head", *self.names)

    def drawn(self, columns: Sequence[Column]) -> bytes:
        """Return entries from its columns."""
        # A million times: no line of Python for each.
        heads, *names = columns
        return b"".join(chain.from_iterable(zip(heads, map(_drawn_tail, *names), strict=True)))

    def columns(self, rows: QuerySet[LogEntry]) -> QuerySet[LogEntry, Any]:
        """Return the query of which other databases give pages."""
        told = rows.annotate(told=Cast("metadata", TextField()))
        return told.values_list("at", "id", "kind", "told", "ip", *self.names)

    def draw(self, rows: Iterable[Sequence[Any]]) -> bytes:
        """Return entries from the rows of that query."""
        return b"".join(
            b'{"kind":%b,"metadata":%b,"ip":%b,"datetime":"%b"%b'
            % (orjson.dumps(kind), told.encode(), orjson.dumps(ip), _date(at), _tail(*people))
            for at, _, kind, told, ip, *people in rows
        )


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


@lru_cache(maxsize=REMEMBERED)
def _drawn_tail(*names: bytes) -> bytes:
    return _tail(*(name.decode() for name in names))


def _date(at: datetime) -> bytes:
    return formatdate(at.astimezone(UTC).timestamp()).encode()


# JSON Lines and CSV: the same fields ---------------------------------------------------------------------

# What a field is called in the file -> what holds it.
TEXTS = {
    "kind": "kind",
    "namespace": "namespace_name",
    "project": "project_name",
    "performer": "performer_name",
    "performer_kind": "performer_kind",
    "credential": "credential_name",
    "door": "dialect",
}
FIELDS = ("time", *TEXTS, "ip", "metadata")


def fields(entry: LogEntry) -> dict[str, Any]:
    """Return an entry as an object of these fields, as a line of JSON Lines has them."""
    texts = {name: getattr(entry, column) for name, column in TEXTS.items()}
    return {"time": _time(entry.at), **texts, "ip": entry.ip, "metadata": entry.metadata}


TIME = "to_char(logs_logentry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


class Plain(Format):
    """The fields of an entry, one after the other."""

    def columns(self, rows: QuerySet[LogEntry]) -> QuerySet[LogEntry, Any]:
        """Return the query of which other databases give pages."""
        told = rows.annotate(told=Cast("metadata", TextField()))
        return told.values_list("at", "id", *TEXTS.values(), "ip", "told")


class JsonLines(Plain):
    """One JSON object for each entry, and nothing else."""

    extension = "jsonl"
    content_type = "application/x-ndjson"
    LINE = (
        f"'{{\"time\":\"' || {TIME} || '\"'"
        + "".join(
            f""" || ',"{name}":' || to_json(logs_logentry.{column})::text""" for name, column in TEXTS.items()
        )
        + """ || ',"ip":' || coalesce('"' || host(logs_logentry.ip) || '"', 'null')"""
        """ || ',"metadata":' || logs_logentry.metadata::text || E'}\\n'"""
    )

    def opening(self) -> bytes:
        """Return what stands before the first entry."""
        return b""

    def asked(self, rows: QuerySet[LogEntry]) -> QuerySet[LogEntry, Any]:
        """Return the query that PostgreSQL is asked."""
        return rows.annotate(line=_sql(self.LINE)).values_list("id", "line")

    def drawn(self, columns: Sequence[Column]) -> bytes:
        """Return entries from its column."""
        [lines] = columns
        return b"".join(lines)

    def draw(self, rows: Iterable[Sequence[Any]]) -> bytes:
        """Return entries from the rows of that query."""
        return b"".join(
            b'{"time":"%b"%b,"ip":%b,"metadata":%b}\n'
            % (
                _time(at).encode(),
                b"".join(
                    b',"%b":%b' % (name, orjson.dumps(text)) for name, text in zip(NAMES, texts, strict=True)
                ),
                orjson.dumps(ip),
                told.encode(),
            )
            for at, _, *texts, ip, told in rows
        )


NAMES = tuple(name.encode() for name in TEXTS)


class Csv(Plain):
    """RFC 4180 with a heading; no cell begins what a spreadsheet would take for a formula."""

    extension = "csv"
    content_type = "text/csv; charset=utf-8"

    def opening(self) -> bytes:
        """Return what stands before the first entry."""
        return ",".join(FIELDS).encode() + b"\r\n"

    def asked(self, rows: QuerySet[LogEntry]) -> QuerySet[LogEntry, Any]:
        """Return the query that PostgreSQL is asked."""
        cells: dict[str, Combinable] = {f"cell_{name}": _cell(column) for name, column in TEXTS.items()}
        found = rows.annotate(time=_sql(TIME), host=_sql("host(logs_logentry.ip)"), **cells)
        return found.annotate(told=F("metadata")).values_list("id", "time", *cells, "host", "told")

    def drawn(self, columns: Sequence[Column]) -> bytes:
        """Return entries from its columns, which begin no formula."""
        texts = ([(cell or b"").decode() for cell in column] for column in columns)
        return sheets.written(zip(*texts, strict=True))

    def draw(self, rows: Iterable[Sequence[Any]]) -> bytes:
        """Return entries from the rows of that query."""
        return sheets.lines([_time(at), *texts, ip, told] for at, _, *texts, ip, told in rows)


def _cell(column: str) -> RawSQL:
    """Return a text as a cell."""
    first = ", ".join(f"chr({ord(sign)})" for sign in sheets.FORMULAS)
    text = f"logs_logentry.{column}"
    return _sql(f"CASE WHEN left({text}, 1) IN ({first}) THEN '''' || {text} ELSE {text} END")


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


FORMATS: dict[str, type[Format]] = {"quay": Quay, "csv": Csv, "jsonl": JsonLines}
