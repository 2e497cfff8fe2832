"""Asking for log exports and verifications, and taking them back; erasing people; saved views."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from core import egress
from core.bell import ring
from core.db import hold, insert_below, one_at_a_time, update
from core.errors import Conflict, Invalid, NotFound, QuotaExceeded, Unauthenticated
from core.words import say
from logs import tasks
from logs.chain import erasing
from logs.kinds import (
    CANCEL_VERIFY_LOG,
    CHANGE_LOG_VIEW,
    CREATE_LOG_VIEW,
    DELETE_LOG_VIEW,
    ERASE_PERSON,
    EXPORT_LOGS_CANCEL,
    EXPORT_LOGS_FAILURE,
    EXPORT_LOGS_RETRY,
    EXPORT_LOGS_SUCCESS,
    RETRY_ARCHIVE,
    VERIFY_LOG,
)
from logs.models import LogArchive, LogExport, LogVerification, LogView
from logs.record import record
from logs.selectors import check_range, require_exporter, require_reader
from logs.settled import sight
from permissions.catalogue import (
    ACCOUNT_CHANGE,
    INSTANCE_LOG_EXPORT,
    INSTANCE_READ,
    JOB_MANAGE,
    LOG_READ,
    LOG_VIEW_SHARE,
    USER_MANAGE,
)
from permissions.checks import check, require

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import Namespace, User
    from core.actor import Actor
    from projects.models import Project

FILTERS = frozenset({"performer", "kinds", "search", "about", "credential", "door", "ip", "space"})
# How a file may be written, and what each is called.
EXPORT_FORMATS: dict[str, str] = {form.value: str(form.label) for form in LogExport.Format}
EMAIL_MAX = 254
# What the address of a log page may say, and so a saved view.
VIEW_FIELDS = frozenset(
    {
        *("q", "kind", "group", "performer", "about", "credential", "door", "ip", "namespace"),
        *("since", "until", "days"),
    }
)
VALUE_MAX = 511
VERIFICATIONS_A_DAY = 10  # of one log
VIEWS_MAX = 30  # of one person in one log
VIEW_TAKEN = say("You have a view of this name already")
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
    file_format: str = LogExport.Format.QUAY,
) -> LogExport:
    """Queue an export of a project's log, a namespace's or, without both, the instance's; return its row.

    The file will hold what was written by now with ``starts_at <= at < ends_at``; ``filters`` narrows it with
    what `logs.selectors.entries` takes beside the range; ``file_format`` is one of `EXPORT_FORMATS`. Without
    a callback nobody is told. Not one transaction: the callback's name is looked up first, which may take
    seconds.

    Raises:
        Unauthenticated, Forbidden: the actor may not export there.
        Invalid: the range, the callback URL (``field="callback_url"``), the address
            (``field="callback_email"``), a filter or the format is not acceptable (quay-b.md 5.4).
        QuotaExceeded: too many are under way, of the namespace or of the instance.
    """
    require_exporter(actor, namespace, project)
    check_range(starts_at, ends_at)
    unknown = (filters or {}).keys() - FILTERS
    if unknown:
        raise Invalid(say("Unknown filter: {name}", name=min(unknown)), field="filters")
    if file_format not in EXPORT_FORMATS:
        raise Invalid(say("Unknown format: {name}", name=file_format), field="format")
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
            format=file_format,
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
    _require_room(export)
    # What is written from here on, this request's own entry first of all, is not in the file.
    seen = sight()
    export.last_id = seen.last_id
    export.sight = {"below": seen.below, "without": seen.without, "own": seen.own} if seen.below else {}
    export.save(force_insert=True)
    told = _told(export.callback_url, export.callback_email, export.project_name)
    told |= {"export_id": str(export.uuid), "message": f"Export {export.uuid} is queued"}
    record(EXPORT_LOGS_SUCCESS, actor=actor, namespace=export.namespace, metadata=told)
    ring(tasks.build_export, export.pk)
    return export


def _require_room(export: LogExport) -> None:
    """Raise QuotaExceeded where as many exports are under way already as there may be at once."""
    one_at_a_time("log exports")
    # What is under way is due at some time: by the index of those that are.
    under_way = LogExport.objects.filter(
        due_at__isnull=False, status__in=(LogExport.Status.QUEUED, LogExport.Status.RUNNING)
    )
    most = settings.EXPORTS_AT_ONCE
    own_ones = Q(namespace=export.namespace) if export.namespace is not None else Q(pk=None)
    found = under_way.aggregate(all=Count("pk"), own=Count("pk", filter=own_ones))
    if found["all"] >= most:
        raise QuotaExceeded(
            say("There are {most} exports under way: ask again when one of them is over", most=most)
        )
    own = settings.EXPORTS_AT_ONCE_OF_NAMESPACE
    if found["own"] >= own:
        raise QuotaExceeded(
            say("There are {most} exports of this log under way: wait for one, or cancel it", most=own)
        )


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


@transaction.atomic
def retry_archive(*, actor: Actor, archive: LogArchive) -> None:
    """Let a month that could not be put away be tried again at once, not when its pause is over.

    Raises:
        Unauthenticated, Forbidden: the actor is no superuser.
        Conflict: it did not fail, or a worker is at it.
    """
    require(actor, JOB_MANAGE)
    waiting = LogArchive.objects.filter(pk=archive.pk, failures__gt=0, claim=None)
    if not waiting.exclude(status=LogArchive.Status.DONE).update(due_at=timezone.now()):
        raise Conflict("Only an archive that failed and waits is tried again")
    record(RETRY_ARCHIVE, actor=actor, month=f"{archive.starts_at:%Y-%m}", file=archive.storage_name)
    ring(tasks.keep_up)


# Verifications -------------------------------------------------------------------------------------------


@transaction.atomic
def request_verification(
    *, actor: Actor, namespace: Namespace | None = None, since: datetime | None = None
) -> LogVerification:
    """Let the log of a namespace, or of the instance, be held against its seals; return the row.

    Raises:
        Unauthenticated, Forbidden: the actor may not read the log there.
        Conflict: one is under way already, or there were as many as a day may have.
    """
    _require_verifier(actor, namespace)
    one_at_a_time("log verifications")
    rows = LogVerification.objects.filter(namespace=namespace)
    if rows.filter(ended_at=None).exists():
        raise Conflict("The log is being verified already")
    if rows.filter(created_at__gt=timezone.now() - timedelta(days=1)).count() >= VERIFICATIONS_A_DAY:
        words = say(
            "The log was verified {most} times within a day: try again later", most=VERIFICATIONS_A_DAY
        )
        raise Conflict(words)
    made = LogVerification.objects.create(
        namespace=namespace,
        since=since,
        asked_by_name=actor.user.username if actor.user else "",
        due_at=timezone.now(),
    )
    record(VERIFY_LOG, actor=actor, namespace=namespace, verification=str(made.uuid))
    ring(tasks.verify, made.pk)
    return made


def _require_verifier(actor: Actor, namespace: Namespace | None) -> None:
    require(actor, INSTANCE_READ if namespace is None else LOG_READ, namespace)


@transaction.atomic
def cancel_verification(*, actor: Actor, verification: LogVerification) -> None:
    """Go on no more with a verification.

    Raises:
        Unauthenticated, Forbidden: the actor may not read the log there.
        Conflict: it has ended.
    """
    _require_verifier(actor, verification.namespace)
    still = LogVerification.objects.filter(pk=verification.pk, ended_at=None)
    ended = {"status": LogVerification.Status.CANCELLED, "due_at": None, "ended_at": timezone.now()}
    if not still.update(claim=None, **ended):
        raise Conflict("The verification has ended already")
    key = str(verification.uuid)
    record(CANCEL_VERIFY_LOG, actor=actor, namespace=verification.namespace, verification=key)


# People --------------------------------------------------------------------------------------------------


def erase_person(*, actor: Actor, user: User) -> int:
    """Take out of all entries what tells of a person; return out of how many.

    Her names and addresses become empty, in others' entries as well; seals stay valid. By steps, each told in
    the log with its count: who is interrupted asks again. Files of the archive are not changed.

    Raises:
        Unauthenticated, Forbidden: the actor is no superuser.
    """
    require(actor, USER_MANAGE)
    total, last = 0, 0
    while found := list(erasing.candidates(user).filter(pk__gt=last).order_by("pk")[: erasing.BATCH]):
        last = found[-1].pk
        total += _erase(actor, user, [one.pk for one in found])
    return total


@transaction.atomic
def _erase(actor: Actor, user: User, keys: list[int]) -> int:
    count = erasing.erase(user, keys)
    if count:
        record(ERASE_PERSON, actor=actor, count=count)
    return count


# Views ---------------------------------------------------------------------------------------------------


@transaction.atomic
def save_view(
    *,
    actor: Actor,
    namespace: Namespace | None = None,
    name: str,
    query: dict[str, str],
    is_shared: bool = False,
) -> LogView:
    """Keep a filter of a namespace's log, or of the instance's, under a name for oneself; see `LogView`.

    Raises:
        Unauthenticated, Forbidden: the log is not the actor's to read, or to share views of.
        Invalid: no name, or what is no field of the filter.
        Conflict: she has one of that name there, or `VIEWS_MAX` already.
        NotFound: she is deleted.
    """
    user = _require_viewer(actor, namespace)
    _require_sharer(actor, namespace, is_shared)
    view = LogView(
        user=user, namespace=namespace, name=_named(name), query=_checked(query), is_shared=is_shared
    )
    hold(user)  # of two at once the second counts the first
    own = LogView.objects.filter(user=user, namespace=namespace)
    if own.filter(name=view.name).exists():
        raise Conflict(VIEW_TAKEN, field="name")
    insert_below(view, "name", own, VIEWS_MAX, full=say("There are {most} views already", most=VIEWS_MAX))
    record(CREATE_LOG_VIEW, actor=actor, namespace=_told_in(view), view=view.name, shared=view.is_shared)
    return view


@transaction.atomic
def change_view(
    *,
    actor: Actor,
    view: LogView,
    name: str | None = None,
    query: dict[str, str] | None = None,
    is_shared: bool | None = None,
) -> LogView:
    """Give a view another name, filter or readers; None leaves as it is. Raises as `save_view`.

    Of a shared one everybody may who shares there.
    """
    _require_keeper_of_view(actor, view)
    before, was_shared = view.name, view.is_shared
    view.is_shared = was_shared if is_shared is None else is_shared
    _require_sharer(actor, view.namespace, view.is_shared or was_shared)
    view.name = before if name is None else _named(name)
    view.query = view.query if query is None else _checked(query)
    view.changed_at = timezone.now()
    update(view, "name", "query", "is_shared", "changed_at", taken=VIEW_TAKEN)
    record(
        CHANGE_LOG_VIEW,
        actor=actor,
        namespace=view.namespace if was_shared else _told_in(view),
        view=view.name,
        old_name=before if before != view.name else "",
        shared=view.is_shared,
    )
    return view


@transaction.atomic
def delete_view(*, actor: Actor, view: LogView) -> None:
    """Delete a view. Raises as `save_view`; NotFound if it is gone."""
    _require_keeper_of_view(actor, view)
    if not LogView.objects.filter(pk=view.pk).delete()[0]:
        raise NotFound("There is no such view")
    record(DELETE_LOG_VIEW, actor=actor, namespace=_told_in(view), view=view.name, shared=view.is_shared)


def _require_viewer(actor: Actor, namespace: Namespace | None) -> User:
    require_reader(actor, namespace, None)
    # Her own things: who looks as another, or only reads, keeps none.
    require(actor, ACCOUNT_CHANGE, actor.user)
    if actor.user is None:
        raise Unauthenticated
    return actor.user


def _require_sharer(actor: Actor, namespace: Namespace | None, is_shared: bool) -> None:
    if not is_shared:
        return
    if namespace is None or namespace.kind != namespace.Kind.ORGANIZATION:
        raise Invalid("Only views of an organization's log are shared", field="is_shared")
    require(actor, LOG_VIEW_SHARE, namespace)


def _require_keeper_of_view(actor: Actor, view: LogView) -> None:
    """Pass who made it, while she reads the log; of a shared one, who may share there as well."""
    user = _require_viewer(actor, view.namespace)
    if view.user_id != user.pk:
        if not view.is_shared:
            raise NotFound("There is no such view")
        _require_sharer(actor, view.namespace, True)


def _told_in(view: LogView) -> Namespace | None:
    """Return in whose log it is told: in that of those who see it."""
    return view.namespace if view.is_shared or view.namespace is None else view.user.namespace


def _named(name: str) -> str:
    tidy = " ".join(name.split())
    if not tidy or not tidy.isprintable():
        raise Invalid("A view has a name", field="name")
    return tidy


def _checked(query: dict[str, str]) -> dict[str, str]:
    unknown = query.keys() - VIEW_FIELDS
    if unknown:
        raise Invalid(say("Unknown filter: {name}", name=min(unknown)), field="query")
    if any(len(value) > VALUE_MAX or "\0" in value for value in query.values()):
        raise Invalid("A value of the filter is too long, or no text", field="query")
    return {name: value for name, value in sorted(query.items()) if value}
