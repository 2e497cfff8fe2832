"""Log entries for tests, straight into the table: at chosen moments, with whatever names they carry."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from io import BytesIO
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from django.test import override_settings

from logs import settled
from logs.exports import file as exports
from logs.models import LogEntry

if TYPE_CHECKING:
    from accounts.models import Organization, User
    from logs.exports.file import Written
    from logs.models import LogExport
    from projects.models import Project

START = datetime(2025, 3, 1, tzinfo=UTC)
END = datetime(2025, 3, 8, tzinfo=UTC)
WEEK: dict[str, Any] = {"starts_at": START, "ends_at": END}


def entry(where: Organization | User | None, at: datetime = START, **fields: Any) -> LogEntry:
    """Return an entry of a namespace, not yet written."""
    space = where.namespace if where else None
    fields = {
        "kind": "create_robot",
        "performer_name": "owner",
        "performer_kind": "user",
        "performer_email": "owner@example.test",
        "ip": "10.0.0.9",
        "metadata": {"robot": "ci"},
        "namespace": space,
        "namespace_name": space.name if space else "",
        "namespace_kind": space.kind if space else "",
        **fields,
    }
    return LogEntry(at=at, **fields)


def entries(
    where: Organization | User | None, count: int, *, step: timedelta = timedelta(minutes=1), **fields: Any
) -> list[LogEntry]:
    """Write ``count`` entries, ``step`` apart from `START` on."""
    return LogEntry.objects.bulk_create(
        [
            entry(where, START + step * number, **{"metadata": {"number": number}, **fields})
            for number in range(count)
        ]
    )


def file(export: LogExport) -> tuple[bytes, list[int], Written]:
    """Return the file of an export in one part, how many entries were told on the way, and what it is."""
    out, whole = BytesIO(), hashlib.sha256()
    told: list[int] = []
    with exports.reading() as read:
        found = exports.write_part(
            read, export, out, after=None, is_first=True, whole=whole, progress=told.append
        )
    data = out.getvalue()
    assert found.is_last
    assert (found.size, found.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert whole.hexdigest() == found.sha256
    return data, told, found


def file_in_one(export: LogExport) -> tuple[bytes, list[int], Written]:
    """Return what `file` does, however small parts are otherwise."""
    with override_settings(EXPORT_PART_ROWS=10_000):
        return file(export)


def settle() -> None:
    """Wait until all that is committed is settled: PostgreSQL's own transactions may be under way."""
    end = monotonic() + 20
    while settled.settled().count() < LogEntry.objects.count():
        assert monotonic() < end, "Somebody keeps a transaction open"
        sleep(0.01)


def of_project(project: Project, at: datetime = START, **fields: Any) -> LogEntry:
    """Write an entry of a project."""
    found = entry(None, at, **fields)
    found.namespace, found.project = project.namespace, project
    found.namespace_name, found.project_name = project.namespace.name, project.slug
    found.save()
    return found
