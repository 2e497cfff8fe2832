"""Asking for log exports, and taking them back."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from core import egress
from core.bell import ring
from core.errors import Conflict, Invalid
from logs import tasks
from logs.kinds import (
    EXPORT_LOGS_CANCEL,
    EXPORT_LOGS_FAILURE,
    EXPORT_LOGS_RETRY,
    EXPORT_LOGS_SUCCESS,
)
from logs.models import LogEntry, LogExport
from logs.record import record
from logs.selectors import check_range, require_exporter
from permissions.catalogue import INSTANCE_LOG_EXPORT
from permissions.checks import check

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import Namespace
    from core.actor import Actor
    from projects.models import Project

FILTERS = frozenset({"performer", "kinds", "search", "about", "credential", "door", "ip"})
EMAIL_MAX = 254
# The wire asks for an @ and nothing more; what could become a second recipient or header is not an address.
ADDRESS = re.compile(r"[^\s@,;:<>()\[\]\"\x00-\x1f\x7f]+@[^\s@,;:<>()\[\]\"\x00-\x1f\x7f]+")


def request_export(
    *,
    actor: Actor,
    namespace: Namespace | None = None,
    project: Project | None = None,
    starts_at: datetime,
    ends_at: datetime,
    callback_url: str = "",
    callback_email: str = "",
    filters: dict[str, Any] | None = None,
) -> LogExport:
    """Queue an export of a project's log, a namespace's or, without both, the instance's; return its row.

    The file will hold what was written by now with ``starts_at <= at < ends_at``; ``filters`` narrows it with
    ``performer``, ``kinds`` and ``search`` as `logs.selectors.entries` does. Without a callback nobody is
    told. Not one transaction: the callback's name is looked up first, which may take seconds.

    Raises:
        Unauthenticated, Forbidden: the actor may not export there.
        Invalid: the range, the callback URL (``field="callback_url"``), the address
            (``field="callback_email"``) or a filter is not acceptable (quay-b.md 5.4).
    """
    require_exporter(actor, namespace, project)
    check_range(starts_at, ends_at)
    unknown = (filters or {}).keys() - FILTERS
    if unknown:
        raise Invalid(f"Unknown filter: {min(unknown)}", field="filters")
    if callback_url:
        egress.check_url(callback_url, field="callback_url")
    if callback_email and (len(callback_email) > EMAIL_MAX or not ADDRESS.fullmatch(callback_email)):
        raise Invalid("Invalid callback e-mail address", field="callback_email")
    return _queue(
        actor,
        LogExport(
            namespace=project.namespace if project else namespace,
            namespace_name=(project.namespace.name if project else namespace.name if namespace else ""),
            project=project,
            project_name=project.slug if project else "",
            filters={key: value for key, value in (filters or {}).items() if value},
            starts_at=starts_at,
            ends_at=ends_at,
            requested_by=actor.user,
            requested_by_name=actor.user.username if actor.user else "",
            dialect=actor.dialect,
            callback_url=callback_url,
            callback_email=callback_email,
        ),
    )


@transaction.atomic
def _queue(actor: Actor, export: LogExport) -> LogExport:
    # What is written from here on, this request's own entry first of all, is not in the file.
    export.last_id = LogEntry.objects.aggregate(last=Max("id"))["last"] or 0
    export.save(force_insert=True)
    told = _told(export.callback_url, export.callback_email, export.project_name)
    told |= {"export_id": str(export.uuid), "message": f"Export {export.uuid} is queued"}
    record(EXPORT_LOGS_SUCCESS, actor=actor, namespace=export.namespace, metadata=told)
    ring(tasks.build_export, export.pk)
    return export


def record_refused_export(
    *,
    actor: Actor,
    error: str,
    namespace: Namespace | None = None,
    project: str = "",
    callback_url: str = "",
    callback_email: str = "",
) -> None:
    """Record that an export was refused (quay-b.md 5.4); the door calls it after the rollback.

    The entry is the namespace's; ``project`` is the name that was asked for, whether there is one or not.
    """
    told = _told(callback_url[:2048], callback_email[:EMAIL_MAX], project[:255])
    record(EXPORT_LOGS_FAILURE, actor=actor, namespace=namespace, metadata=told | {"error": error[:1024]})


def _told(url: str, email: str, project: str) -> dict[str, Any]:
    # Neither entry is attached to the project: its name is only told (quay-b.md 9).
    told = {"date/time": int(time.time()), "url": url or None, "email": email or None}
    return told | ({"repo": project} if project else {})


@transaction.atomic
def cancel_export(*, actor: Actor, export: LogExport) -> LogExport:
    """End an export that is not finished yet, or take back one that is: its link dies at once.

    Raises:
        Unauthenticated, Forbidden: the actor may neither export there nor the whole instance's log.
        Conflict: it has failed, expired or been cancelled already.
    """
    _require_keeper(actor, export)
    Status = LogExport.Status
    unfinished = LogExport.objects.filter(pk=export.pk, status__in=[Status.QUEUED, Status.RUNNING])
    finished = LogExport.objects.filter(pk=export.pk, status=Status.DONE).exclude(storage_name="")
    now = timezone.now()
    # Without its claim a worker that is on it notices at its next heartbeat. The file is removed by a worker.
    ended = {"status": Status.CANCELLED, "claim": None, "due_at": now, "finished_at": now}
    if not (unfinished.update(**ended) or finished.update(**ended)):
        raise Conflict("The export is over already")
    export.refresh_from_db()
    record(EXPORT_LOGS_CANCEL, actor=actor, namespace=export.namespace, export_id=str(export.uuid))
    ring(tasks.build_export, export.pk)
    return export


@transaction.atomic
def retry_export(*, actor: Actor, export: LogExport) -> LogExport:
    """Begin a failed export anew, with all its attempts; one that pauses after a failure goes on at once.

    Raises:
        Unauthenticated, Forbidden: as `cancel_export`.
        Conflict: it is being built, done or cancelled.
    """
    _require_keeper(actor, export)
    Status = LogExport.Status
    waiting = Q(status=Status.FAILED) | Q(status=Status.QUEUED, claim=None)
    again = LogExport.objects.filter(waiting, pk=export.pk).update(
        status=Status.QUEUED,
        claim=None,
        due_at=timezone.now(),
        attempts=0,
        tellings=0,
        error="",
        finished_at=None,
    )
    if not again:
        raise Conflict("Only an export that failed or waits is tried again")
    export.refresh_from_db()
    record(EXPORT_LOGS_RETRY, actor=actor, namespace=export.namespace, export_id=str(export.uuid))
    ring(tasks.build_export, export.pk)
    return export


def _require_keeper(actor: Actor, export: LogExport) -> None:
    if not check(actor, INSTANCE_LOG_EXPORT):
        require_exporter(actor, export.namespace, export.project)
