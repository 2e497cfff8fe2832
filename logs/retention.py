"""What is older than the log is kept: written to a file, read back, and only then dropped.

By months (UTC), whole ones: of the instance after ``LOG_RETENTION_DAYS``, of an organization sooner if it
says so. A `LogArchive` is the row that is the queue, as with exports: who has it holds a lease, and whoever
comes after a dead worker goes on where the row says. What was not settled, summed and sealed when the file
was begun is not in it, and stays. What fails is tried again, later each time; its row tells operators why.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

import orjson
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.models import Namespace, Organization
from core.actor import Actor
from core.db import one_at_a_time
from jobs.guard import Stopped, go_on
from logs import counts, partitions, settled
from logs.chain import sealing
from logs.chain.content import COLUMNS
from logs.exports import store
from logs.kinds import ARCHIVE_LOG
from logs.leases import renewed
from logs.models import LogArchive, LogCount, LogEntry, LogExport, LogMark
from logs.record import record
from logs.settled import Cursor
from streams.models import Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

Status = LogArchive.Status
LEASE = timedelta(minutes=5)
LONGEST = timedelta(hours=12)  # a worker that has not come to an end by then is taken for stuck
PAUSE = timedelta(minutes=1)
AGAIN, AGAIN_AT_MOST = timedelta(minutes=5), timedelta(days=1)  # 5 min after a failure, then 10, 20, ...
ERROR_MAX = 1000
HELD_UP_AT_MOST = timedelta(days=1)
STREAMS_HOLD_UP = timedelta(days=7)
BATCH = 2000
DROPPED_AT_ONCE = 800  # keys in one statement: fewer than any SQLite takes


class Lost(Exception):
    """The row is somebody else's now."""


class HeldUp(Exception):
    """An export under way reads of the month, or a stream has not sent it."""


# What is due ---------------------------------------------------------------------------------------------


def plan() -> None:
    """Make a row for the oldest month of each log that is to be dropped, if none is under way."""
    scopes = _kept_for()
    with transaction.atomic():
        one_at_a_time("log retention")
        busy = set(LogArchive.objects.exclude(status=Status.DONE).values_list("scope", flat=True))
        for scope, (name, days) in scopes.items():
            if scope not in busy and (span := _oldest_month(scope, days)):
                LogArchive.objects.create(
                    scope=scope, namespace_name=name, starts_at=span[0], ends_at=span[1]
                )


def _kept_for() -> dict[int, tuple[str, int]]:
    """Return, by scope, its name and for how many days its log is kept; none for what is kept for good."""
    scopes = {counts.INSTANCE: ("", settings.LOG_RETENTION_DAYS)} if settings.LOG_RETENTION_DAYS else {}
    # Where the instance keeps its log no longer, an organization's own number says nothing.
    sooner = Organization.objects.filter(log_retention_days__isnull=False).exclude(namespace=None)
    if settings.LOG_RETENTION_DAYS:
        sooner = sooner.filter(log_retention_days__lt=settings.LOG_RETENTION_DAYS)
    return scopes | {
        pk: (name, days)
        for pk, name, days in sooner.values_list("namespace", "namespace__name", "log_retention_days")
    }


def _oldest_month(scope: int, days: int) -> tuple[datetime, datetime] | None:
    """Return the month of the oldest entry, if all of it is older than so many days."""
    rows = LogEntry.objects.filter(namespace=scope) if scope else LogEntry.objects.all()
    first = rows.order_by("at", "id").values_list("at", flat=True).first()
    if first is None:
        return None
    month = first.astimezone(UTC).date().replace(day=1)
    end = partitions.midnight(partitions.next_month(month))
    return (partitions.midnight(month), end) if _is_old(end, days) else None


def _is_old(end: datetime, days: int) -> bool:
    return end <= timezone.now() - timedelta(days=days)


def due() -> list[int]:
    """Return the rows that somebody should look at now."""
    rows = LogArchive.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
    return list(rows.values_list("pk", flat=True))


def work(archive_id: int) -> bool:
    """Write what is to be dropped, and drop it, if nobody else does; tell whether that is done."""
    claim, now = uuid4(), timezone.now()
    due = LogArchive.objects.filter(pk=archive_id, due_at__lte=now)
    if not due.update(claim=claim, due_at=now + LEASE):
        return False
    archive = LogArchive.objects.get(pk=archive_id)
    mine = LogArchive.objects.filter(pk=archive_id, claim=claim)
    with renewed(mine, _lease_end, every=LEASE / 3, longest=LONGEST):
        try:
            return _step(archive)
        except Lost:
            log.info("Archive %s is somebody else's now", archive_id)
            return False
        except HeldUp:
            mine.update(due_at=timezone.now() + PAUSE)
            return False
        except Stopped:
            mine.update(due_at=timezone.now())  # whoever comes next goes on
            raise
        except OperationalError:
            raise  # the database is away, or others are at what is to be dropped: no fault of the file's
        except Exception as error:  # a storage raises what it likes: noted for operators, and it climbs
            _put_back(archive, error)
            raise


def _step(archive: LogArchive) -> bool:
    _wait_for_exports(archive)
    _wait_for_streams(archive)
    if archive.status == Status.WRITING:
        if not _is_still_due(archive) or not _write(archive):
            return False
    else:
        _check(archive)
    _drop(archive)
    return True


def _put_back(archive: LogArchive, error: Exception) -> None:
    """Note a failure, and let the row rest for the longer the more there were in a row."""
    if connection.in_atomic_block and connection.needs_rollback:
        return
    failures = archive.failures + 1
    pause = min(AGAIN * 2 ** min(failures - 1, 10), AGAIN_AT_MOST)
    words = f"{type(error).__name__}: {error}"[:ERROR_MAX]
    log.error("Archive %s failed (%d times in a row), next try in %s: %s", archive, failures, pause, words)
    try:
        _keep(archive, failures=failures, error=words, due_at=timezone.now() + pause, claim=None)
    except Lost:
        log.info("Archive %s is somebody else's now", archive.pk)


def _lease_end() -> datetime:
    return timezone.now() + LEASE


def _wait_for_streams(archive: LogArchive) -> None:
    """Go on if no stream that is on has yet to send some of this month; it is waited for for a week at most.

    Raises:
        HeldUp: one has.
    """
    if archive.status != Status.WRITING or timezone.now() > archive.created_at + STREAMS_HOLD_UP:
        return
    within = LogEntry.objects.filter(at__gte=archive.starts_at, at__lt=archive.ends_at)
    on = Stream.objects.filter(disabled_at=None)
    for stream in on.filter(Q(namespace=archive.scope) | Q(namespace=None)) if archive.scope else on:
        unsent = settled.after(Cursor(stream.xact, stream.entry), within)
        if (scope := stream.namespace_id or archive.scope) != counts.INSTANCE:
            unsent = unsent.filter(namespace=scope)
        if unsent.exists():
            raise HeldUp


def _wait_for_exports(archive: LogArchive) -> None:
    """Go on if no export under way reads of this month; none holds it up for more than a day. Raises HeldUp.

    Where entries are dropped, it is called within the same transaction, when nobody can ask for one any more
    until that has ended.
    """
    if timezone.now() > archive.created_at + HELD_UP_AT_MOST:
        return
    under_way = LogExport.objects.filter(
        status__in=(LogExport.Status.QUEUED, LogExport.Status.RUNNING),
        starts_at__lt=archive.ends_at,
        ends_at__gt=archive.starts_at,
    )
    if archive.scope:  # an export without a namespace is the instance's
        under_way = under_way.filter(Q(namespace=archive.scope) | Q(namespace=None))
    if under_way.exists():
        raise HeldUp


def _keep(archive: LogArchive, **changes: Any) -> None:
    """Write changes, and keep the row. Raises Lost."""
    changes = {"due_at": _lease_end(), **changes}
    if not LogArchive.objects.filter(pk=archive.pk, claim=archive.claim).update(**changes):
        raise Lost
    for name, value in changes.items():
        setattr(archive, name, value)


def rows_of(archive: LogArchive) -> QuerySet[LogEntry]:
    """Return what is in the file, as far as it is not dropped yet, in no order."""
    rows = LogEntry.objects.filter(at__gte=archive.starts_at, at__lt=archive.ends_at)
    if archive.scope:
        rows = rows.filter(namespace=archive.scope)
    return settled.up_to(Cursor(archive.xact, archive.entry), rows)


# The file ------------------------------------------------------------------------------------------------


def _is_still_due(archive: LogArchive) -> bool:
    """Tell whether the month is still to be dropped; if not, forget the row: it may have waited for long."""
    _, days = _kept_for().get(archive.scope, ("", None))
    if days is not None and _is_old(archive.ends_at, days):
        return True
    _remove_files(archive)
    LogArchive.objects.filter(pk=archive.pk, claim=archive.claim).delete()
    return False


def _check(archive: LogArchive) -> None:
    """Read the file again before more is dropped: it may be gone since. Raises what reading raises."""
    if _read_back(archive, archive.storage_name) != (archive.entries, archive.sha256):
        message = f"{archive.storage_name} is not any more what was written: nothing more is dropped"
        raise OSError(message)


def _remove_files(archive: LogArchive) -> None:
    for name in (archive.storage_name, _manifest_of(archive.storage_name)):
        store.remove(name)


def _write(archive: LogArchive) -> bool:
    """Write the file and read it back; return False if there is nothing to write."""
    _remove_files(archive)  # of an attempt that was cut off
    while counts.roll_up():
        _keep(archive)
    while sealing.seal_some():
        _keep(archive)
    mark = LogMark.objects.first()
    if mark is None:
        return False
    sealed = sealing.mark()
    to = min(Cursor(mark.xact, mark.entry), Cursor(sealed.xact, sealed.entry))
    label = f"namespace-{archive.scope}" if archive.scope else "instance"
    name = f"archive/{label}-{archive.starts_at:%Y-%m}-{archive.claim.hex if archive.claim else ''}.jsonl.gz"
    _keep(archive, xact=to.xact, entry=to.id, storage_name=name)
    path = Path(settings.DATA) / "work" / f"archive-{archive.claim}.part"
    with store.draft_at(path) as file:
        entries = _fill(archive, file)
        if not entries:
            LogArchive.objects.filter(pk=archive.pk, claim=archive.claim).delete()
            return False
        size, digest = file.tell(), _digest(file)
        store.put(path, file, name)
    if _read_back(archive, name) != (entries, digest):
        message = f"{name} reads back otherwise than it was written"
        raise OSError(message)
    manifest = {
        "format": 1,
        "file": name,
        "entries": entries,
        "bytes": size,
        "sha256": digest,
        "namespace": archive.namespace_name or None,
        "starts_at": archive.starts_at.isoformat(),
        "ends_before": archive.ends_at.isoformat(),
        "written_at": timezone.now().isoformat(),
    }
    storages["exports"].save(_manifest_of(name), ContentFile(orjson.dumps(manifest)))
    with transaction.atomic():
        _keep(archive, status=Status.DROPPING, entries=entries, size_bytes=size, sha256=digest)
        _count_unsent(archive)
    return True


def _count_unsent(archive: LogArchive) -> None:
    """Note of each stream that is behind the archive's edge how many entries it will not find any more.

    What it sends in the moments until they are dropped is counted all the same.
    """
    rows = rows_of(archive)
    streams = Stream.objects.all()
    if archive.scope:
        streams = streams.filter(Q(namespace=archive.scope) | Q(namespace=None))
    for stream in streams:
        unsent = settled.after(Cursor(stream.xact, stream.entry), rows)
        if stream.namespace_id is not None:
            unsent = unsent.filter(namespace=stream.namespace_id)
        if count := unsent.count():
            Stream.objects.filter(pk=stream.pk).update(lost_entries=F("lost_entries") + count)


def _manifest_of(name: str) -> str:
    return name.replace(".jsonl.gz", ".manifest.json")


def _fill(archive: LogArchive, file: IO[bytes]) -> int:
    entries = 0
    with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as out:
        for batch in _pages(rows_of(archive)):
            out.write(b"".join(orjson.dumps(dict(zip(COLUMNS, row, strict=True))) + b"\n" for row in batch))
            entries += len(batch)
            _keep(archive)
            go_on()
    file.flush()
    return entries


def _pages(rows: QuerySet[LogEntry]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield rows of `COLUMNS`, oldest first, page by page, so that no read lasts long."""
    after = Q()
    while batch := list(
        (LogEntry.objects.filter(after) & rows).order_by("at", "id").values_list(*COLUMNS)[:BATCH]
    ):
        yield batch
        pk, at = batch[-1][:2]
        after = Q(at__gte=at) & (Q(at__gt=at) | Q(id__gt=pk))


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # any file will do


def _read_back(archive: LogArchive, name: str) -> tuple[int, str]:
    """Return how many entries the stored file holds, and its SHA-256, read from the storage."""
    with storages["exports"].open(name, "rb") as file:
        digest = _digest(file)
        file.seek(0)
        entries = 0
        with gzip.GzipFile(fileobj=file, mode="rb") as told:
            for number, line in enumerate(told, 1):
                entries = number
                orjson.loads(line)
                if number % 100_000 == 0:
                    _keep(archive)
    return entries, digest


# Dropping ------------------------------------------------------------------------------------------------


def _drop(archive: LogArchive) -> None:
    if archive.scope or not _detach(archive):
        while _drop_some(archive):
            _keep(archive)
            go_on()
        with transaction.atomic():
            days = LogCount.objects.filter(day__gte=archive.starts_at.date(), day__lt=archive.ends_at.date())
            days.filter(count__lte=0).delete()
            _end(archive)


def _end(archive: LogArchive) -> None:
    """Note, inside the transaction, that all is dropped."""
    done: dict[str, Any] = {"status": Status.DONE, "finished_at": timezone.now(), "failures": 0, "error": ""}
    _keep(archive, due_at=None, claim=None, **done)
    record(
        ARCHIVE_LOG,
        actor=Actor.of_system(),
        namespace=Namespace.objects.filter(pk=archive.scope, deleted_at=None).first()
        if archive.scope
        else None,
        month=f"{archive.starts_at:%Y-%m}",
        entries=archive.entries,
        file=archive.storage_name,
        sha256=archive.sha256,
    )


def _detach(archive: LogArchive) -> bool:
    """Drop the whole partition with its sums, if it holds nothing but what is in the file."""
    found = partitions.whole(archive.starts_at, archive.ends_at)
    if found is None:
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        # The sums stand still, and nobody writes into this month any more.
        list(LogMark.objects.select_for_update())
        cursor.execute(f"LOCK TABLE {found.name} IN SHARE MODE")
        within = LogEntry.objects.filter(at__gte=archive.starts_at, at__lt=archive.ends_at)
        if settled.after(Cursor(archive.xact, archive.entry), within).exists():
            return False
        cursor.execute(f"ALTER TABLE logs_logentry DETACH PARTITION {found.name}")
        # The whole log is held by now: who asks for an export looks at it first, and so has to wait.
        _wait_for_exports(archive)
        cursor.execute(f"DROP TABLE {found.name}")
        LogCount.objects.filter(day__gte=archive.starts_at.date(), day__lt=archive.ends_at.date()).delete()
        _end(archive)
    return True


@transaction.atomic
def _drop_some(archive: LogArchive) -> bool:
    """Delete some of the entries and take them from the sums; tell whether there may be more."""
    _hold_exports()
    _wait_for_exports(archive)
    list(LogMark.objects.select_for_update())  # the sums stand still
    found = list(
        rows_of(archive)
        .order_by("at", "id")
        .values_list("pk", "namespace_id", "at", "kind")[:DROPPED_AT_ONCE]
    )
    if not found:
        return False
    rows = LogEntry.objects.filter(pk__in=[pk for pk, *_ in found], at__gte=archive.starts_at)
    gone = rows.filter(at__lt=archive.ends_at)._raw_delete(rows.db)
    if gone != len(found):
        raise Lost
    summed: Counter[tuple[int, Any, str]] = Counter()
    for _, namespace_id, at, kind in found:
        day = at.astimezone(UTC).date()
        summed[counts.INSTANCE, day, kind] += 1
        if namespace_id is not None:
            summed[namespace_id, day, kind] += 1
    for (scope, day, kind), count in sorted(summed.items()):
        LogCount.objects.filter(scope=scope, day=day, kind=kind).update(count=F("count") - count)
    return True


def _hold_exports() -> None:
    """Let nobody ask for an export, inside the transaction, that would read what it drops.

    SQLite's write transactions come one at a time anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            cursor.execute("LOCK TABLE logs_logexport IN SHARE MODE")
