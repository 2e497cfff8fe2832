"""The queue of exports: who has a row, for how long, what is to be done for it, and what if that fails."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from django.conf import settings
from django.utils import timezone

from logs.downloads import link
from logs.exports import parts, store, tell
from logs.exports.lease import Lease, Lost, lease_end
from logs.models import LogExport
from logs.selectors import is_revoked

if TYPE_CHECKING:
    from datetime import datetime

log = logging.getLogger(__name__)

Status = LogExport.Status
PAUSE, GROWTH = timedelta(seconds=30), 4  # 30 s after the first failure, 2 min after the second


# Taking --------------------------------------------------------------------------------------------------


def due(limit: int) -> list[int]:
    """Return the exports that somebody should look at now, those that wait longest first."""
    rows = LogExport.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
    return list(rows.values_list("pk", flat=True)[:limit])


def take(export_id: int) -> Lease | None:
    """Take a row that is due; None if it is not, or if another worker was faster."""
    claim = uuid4()
    taken = LogExport.objects.filter(pk=export_id, due_at__lte=timezone.now()).update(
        claim=claim, due_at=lease_end()
    )
    if not taken:
        return None
    export = (
        LogExport.objects.select_related("namespace", "project", "requested_by")
        .filter(pk=export_id, claim=claim)
        .first()
    )
    return Lease(export) if export is not None else None


def work(export_id: int) -> None:
    """Do what is to be done next for an export, if it is due and nobody else has it."""
    lease = take(export_id)
    if lease is None:
        return
    export = lease.export
    with lease.renewed():
        try:
            _step(lease)
        except Lost:
            log.info("Export %s is somebody else's now", export.uuid)
        except Exception as error:  # a storage raises what it likes: noted for people here, and it climbs
            _put_back(lease, error)
            raise


def _step(lease: Lease) -> None:
    export = lease.export
    if export.status in (Status.QUEUED, Status.RUNNING) and not _build(lease):
        return
    if export.status == Status.DONE and export.expires_at and export.expires_at > timezone.now():
        _tell(lease)
    else:
        _drop(lease)


def _put_back(lease: Lease, error: Exception) -> None:
    export = lease.export
    words = f"Something went wrong ({type(error).__name__})."
    try:
        if export.status == Status.RUNNING and export.attempts >= settings.EXPORT_ATTEMPTS:
            _fail(lease, words)
        elif export.status == Status.RUNNING:
            lease.end(status=Status.QUEUED, error=words, due_at=_after(export.attempts))
        else:
            lease.end(error=words, due_at=_after(max(1, export.tellings)))
    except Lost:
        log.info("Export %s is somebody else's now", export.uuid)


def _after(failures: int) -> datetime:
    pause: timedelta = PAUSE * GROWTH ** (failures - 1)
    return timezone.now() + pause


# Building ------------------------------------------------------------------------------------------------


def _build(lease: Lease) -> bool:
    """Write the file, or the rest of it; return False if there will be none. What fails climbs."""
    export = lease.export
    if is_revoked(export):
        _fail(lease, "What it is about is gone, or who asked for it may not read it any more.")
        return False
    if export.attempts >= settings.EXPORT_ATTEMPTS:
        _fail(lease, "Its worker was lost, again and again.")
        return False
    lease.keep(
        status=Status.RUNNING,
        attempts=export.attempts + 1,
        started_at=timezone.now(),
        storage_name=export.storage_name or store.new_name(export),
    )
    whole = parts.write(lease)
    now = timezone.now()
    lease.keep(
        status=Status.DONE,
        percent=100,
        rows_written=whole.rows,
        size_bytes=whole.size,
        sha256=whole.sha256,
        error="",
        finished_at=now,
        expires_at=now + timedelta(seconds=settings.EXPORT_LINK_SECONDS),
    )
    return True


def _fail(lease: Lease, words: str) -> None:
    """End an export without a file; who wanted to be told is told once, as well as may be."""
    export = lease.export
    lease.keep(status=Status.FAILED, error=words, finished_at=timezone.now())
    try:
        if export.callback_url:
            tell.call_back(export, "failed", "")
        if export.callback_email:
            tell.mail(export, "failed", "", words)
    except tell.Untold as error:
        log.warning("Export %s: nobody told of its failure: %s", export.uuid, error)
    # A file that an attempt was cut off with is to be removed yet.
    lease.end(due_at=timezone.now() if export.storage_name else None)


# Afterwards ----------------------------------------------------------------------------------------------


def _tell(lease: Lease) -> None:
    """Call back, then mail; the file stays as it is however often this is tried."""
    export = lease.export
    to_call = export.callback_url != "" and export.called_back_at is None
    to_mail = export.callback_email != "" and export.mailed_at is None
    if not (to_call or to_mail) or export.tellings >= settings.EXPORT_ATTEMPTS:
        lease.end(due_at=export.expires_at)
        return
    # The link lives from when it is told.
    expires_at = timezone.now() + timedelta(seconds=settings.EXPORT_LINK_SECONDS)
    lease.keep(tellings=export.tellings + 1, expires_at=expires_at)
    last = export.tellings >= settings.EXPORT_ATTEMPTS
    problem = ""
    if to_call:
        try:
            tell.call_back(export, "success", link(export))
        except tell.Untold as error:
            problem, last = str(error), last or error.final
            if not last:
                lease.end(error=problem, due_at=_after(export.tellings))
                return
            lease.keep(error=problem, tellings=settings.EXPORT_ATTEMPTS)
        else:
            lease.keep(called_back_at=timezone.now(), error="")
    if to_mail:
        try:
            # Also when the callback failed for good: the file is there, and somebody waits for it.
            tell.mail(export, "success", link(export), problem)
        except tell.Untold as error:
            due_at = export.expires_at if last else _after(export.tellings)
            lease.end(error=f"{problem} {error}".strip(), due_at=due_at)
            return
        lease.keep(mailed_at=timezone.now(), error=problem)
    lease.end(due_at=export.expires_at)


def _drop(lease: Lease) -> None:
    """Remove the file of an export that has expired or was cancelled."""
    parts.remove(lease.export)
    lease.end(storage_name="", due_at=None)
