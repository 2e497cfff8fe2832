"""Streams of the usage log: begun, tested, paused, set to another place, given new secrets, ended."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Namespace
from core import seal
from core.bell import ring
from core.db import hold_all, insert_below, one_at_a_time
from core.errors import Conflict, Invalid, NotFound
from core.words import say
from logs import settled
from logs.kinds import (
    CHANGE_LOG_STREAM,
    CREATE_LOG_STREAM,
    DELETE_LOG_STREAM,
    PAUSE_LOG_STREAM,
    RESUME_LOG_STREAM,
    REWIND_LOG_STREAM,
    ROTATE_LOG_STREAM,
    TEST_LOG_STREAM,
)
from logs.record import record
from logs.settled import Cursor
from notifications.channels.webhook import new_secret
from permissions.catalogue import INSTANCE_LOG_STREAM, LOG_STREAM_CHANGE
from permissions.checks import check, require
from streams import channels, tasks
from streams.batches import told
from streams.config import checked
from streams.models import Stream

if TYPE_CHECKING:
    from core.actor import Actor
    from logs.kinds import LogKind

GRACE_MAX = timedelta(days=30)  # that an old secret lives on
OF_INSTANCE_MAX = 20
Method = Stream.Method
GONE = say("There is no such stream")


def create_stream(
    *,
    actor: Actor,
    namespace: Namespace | None = None,
    method: str,
    config: dict[str, Any],
    title: str = "",
    cursor: str | None = None,
) -> tuple[Stream, str]:
    """Push an organization's log, or the instance's (without one), to a receiver from now on.

    ``config`` of a webhook is its ``url``; of a receiver of syslog its ``url`` (``syslog+tls://…``) and, if
    more than the system's is to be trusted, its ``authority`` (certificates in PEM); of a file, which is the
    instance's alone, its ``name`` in the directory that the settings name. ``cursor`` is a place in the log
    to begin behind, as receivers are told it; "" begins with the oldest entry that is there. Returns the
    stream and, of a webhook, the secret in clear that its batches are signed with (``whsec_…``); of others
    "". Not one transaction: names are looked up first, which may take seconds.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the organization, or the instance.
        Invalid: ``field`` names what is not acceptable: method, config, authority, title, cursor, namespace.
        Conflict: there are as many streams there as may be, or one to that file.
        NotFound: the organization was deleted just now.
    """
    _require_change(actor, namespace)
    if namespace is not None and namespace.kind != Namespace.Kind.ORGANIZATION:
        raise Invalid("Only the logs of organizations are streamed", field="namespace")
    if not title.isprintable():
        raise Invalid("A title is one line of text", field="title")
    stream = Stream(
        namespace=namespace,
        title=" ".join(title.split()),
        method=method,
        config=checked(method, config, of_instance=namespace is None),
        created_by=actor.user,
    )
    begin = _place(cursor) if cursor is not None else None
    return _add(actor, stream, begin)


def _place(cursor: str) -> Cursor:
    """Return a place that is not ahead of the log, so that nothing is left out. Raises Invalid."""
    found = Cursor.read(cursor)
    if found > settled.head():
        raise Invalid("The log has not come to that place yet", field="cursor")
    return found


@transaction.atomic
def _add(actor: Actor, stream: Stream, begin: Cursor | None) -> tuple[Stream, str]:
    if stream.namespace_id is None:
        one_at_a_time("log streams")
        most = OF_INSTANCE_MAX
        same = Stream.objects.filter(method=Method.FILE, config=stream.config)
        if stream.method == Method.FILE and same.exists():
            raise Conflict("There is a stream to that file already", field="config")
    else:
        if not hold_all(Namespace, [stream.namespace_id]):
            raise NotFound("The organization was deleted just now")
        most = settings.STREAMS_PER_ORGANIZATION
    begin = settled.head() if begin is None else begin
    stream.xact, stream.entry = begin.xact, begin.id
    secret = new_secret() if stream.method == Method.WEBHOOK else ""
    stream.secret_sealed = seal.seal(secret) if secret else ""
    beside = Stream.objects.filter(namespace=stream.namespace_id)
    insert_below(stream, "method", beside, most, full=say("There are {most} streams already", most=most))
    _tell(CREATE_LOG_STREAM, actor, stream, cursor=str(begin))
    ring(tasks.work)
    return stream, secret


def change_stream(*, actor: Actor, stream: Stream, config: dict[str, Any]) -> Stream:
    """Push a stream to another webhook, or to another receiver of syslog; it keeps its place.

    ``config`` is as for `create_stream`, and whole. What failed before is forgotten, and a batch that was
    not acknowledged goes to the new receiver; a stream that is off stays so. A webhook keeps its secret. Not
    one transaction: names are looked up first.

    Raises:
        Unauthenticated, Forbidden, NotFound: as `delete_stream`.
        Invalid: ``field`` is config or authority; or it is a file's (``field="method"``).
    """
    _require_change(actor, stream.namespace)
    if stream.method == Method.FILE:
        raise Invalid("A stream to a file stays with that file", field="method")
    return _turn(actor, stream, checked(stream.method, config, of_instance=stream.namespace is None))


@transaction.atomic
def _turn(actor: Actor, stream: Stream, config: dict[str, Any]) -> Stream:
    before = channels.target(stream)
    # Whoever is sending to the old receiver just now may not note it any more.
    _write(
        stream,
        config=config,
        claim=None,
        due_at=None if stream.disabled_at else timezone.now(),
        failures=0,
        failing_since=None,
        error="",
        last_status=None,
        test_asked_at=None,
        tested_at=None,
        test_error="",
    )
    _tell(CHANGE_LOG_STREAM, actor, stream, old_target=before)
    ring(tasks.work)
    return stream


@transaction.atomic
def delete_stream(*, actor: Actor, stream: Stream) -> None:
    """End a stream: nothing more is sent.

    Raises:
        Unauthenticated, Forbidden: the actor administers neither the organization nor the instance.
        NotFound: somebody else ended it just now.
    """
    _require_change(actor, stream.namespace)
    if not Stream.objects.filter(pk=stream.pk).delete()[0]:
        raise NotFound(GONE)
    _tell(DELETE_LOG_STREAM, actor, stream)


@transaction.atomic
def pause_stream(*, actor: Actor, stream: Stream) -> Stream:
    """Switch a stream off by hand. It keeps its place. Raises as `delete_stream`."""
    _require_change(actor, stream.namespace)
    _write(
        stream,
        disabled_at=Coalesce("disabled_at", Value(timezone.now())),
        paused=True,
        due_at=None,
        claim=None,
        mail_due_at=None,
    )
    _tell(PAUSE_LOG_STREAM, actor, stream)
    return stream


@transaction.atomic
def resume_stream(*, actor: Actor, stream: Stream) -> Stream:
    """Let a stream go on where it stood, at once: one that is off, or that pauses after a failure.

    Raises as `delete_stream`.
    """
    _require_change(actor, stream.namespace)
    _write(
        stream,
        disabled_at=None,
        paused=False,
        failures=0,
        failing_since=None,
        error="",
        mail_due_at=None,
        **_due_now(),
    )
    _tell(RESUME_LOG_STREAM, actor, stream)
    ring(tasks.work)
    return stream


@transaction.atomic
def rewind_stream(*, actor: Actor, stream: Stream, cursor: str) -> Stream:
    """Set a stream to another place in the log: what lies behind that is sent, again or for the first time.

    ``cursor`` is as receivers are told it; "" is before the oldest entry.

    Raises:
        Unauthenticated, Forbidden, NotFound: as `delete_stream`.
        Invalid: it is no place, or one that the log has not come to (``field="cursor"``).
    """
    _require_change(actor, stream.namespace)
    place, before = _place(cursor), Cursor(stream.xact, stream.entry)
    # Whoever is sending just now may not note it any more.
    _write(
        stream,
        xact=place.xact,
        entry=place.id,
        until_xact=None,
        until_entry=None,
        claim=None,
        due_at=None if stream.disabled_at else timezone.now(),
    )
    _tell(REWIND_LOG_STREAM, actor, stream, cursor=str(place), old_cursor=str(before))
    ring(tasks.work)
    return stream


@transaction.atomic
def test_stream(*, actor: Actor, stream: Stream) -> Stream:
    """Have a worker send a message without entries, also of a stream that is off. Raises as `delete_stream`.

    What came of it stands in ``tested_at`` and ``test_error``; it does not count as a failure.
    """
    _require_change(actor, stream.namespace)
    _write(stream, test_asked_at=timezone.now(), **_due_now())
    _tell(TEST_LOG_STREAM, actor, stream)
    ring(tasks.work)
    return stream


@transaction.atomic
def rotate_stream_secret(*, actor: Actor, stream: Stream, grace: timedelta) -> str:
    """Make a new secret and return it in clear. The one before lives on for the ``grace``, no older one does.

    Raises:
        Unauthenticated, Forbidden: as `delete_stream`.
        Invalid: it is no webhook; or the grace is negative, or more than thirty days.
        Conflict: somebody made a new one, or ended the stream, just now.
    """
    _require_change(actor, stream.namespace)
    if not stream.secret_sealed:
        raise Invalid("Only webhooks have a secret", field="method")
    if not timedelta(0) <= grace <= GRACE_MAX:
        raise Invalid(
            say("The old secret lives on for {days} days at most", days=GRACE_MAX.days), field="grace"
        )
    secret, until = new_secret(), timezone.now() + grace if grace else None
    rows = Stream.objects.filter(pk=stream.pk, secret_sealed=stream.secret_sealed)
    changed = rows.update(
        secret_sealed=seal.seal(secret),
        old_secret_sealed=stream.secret_sealed if until else "",
        old_secret_until=until,
    )
    if not changed:
        raise Conflict("Somebody else made a new secret just now")
    stream.refresh_from_db()
    _tell(ROTATE_LOG_STREAM, actor, stream, old_until=until.isoformat() if until else "")
    return secret


def _due_now() -> dict[str, Any]:
    # Whoever is sending just now looks again as soon as that is over: two at a time would send twice.
    return {"due_at": Case(When(claim=None, then=Value(timezone.now())), default=F("due_at"))}


def _require_change(actor: Actor, namespace: Namespace | None) -> None:
    """Pass who administers the organization; and who runs the instance, whosever log it is."""
    if namespace is None:
        require(actor, INSTANCE_LOG_STREAM)
    elif not check(actor, INSTANCE_LOG_STREAM):
        require(actor, LOG_STREAM_CHANGE, namespace)


def _write(stream: Stream, **changes: Any) -> None:
    if not Stream.objects.filter(pk=stream.pk).update(**changes):
        raise NotFound(GONE)
    stream.refresh_from_db(fields=list(changes))


def _tell(kind: LogKind, actor: Actor, stream: Stream, **more: Any) -> None:
    record(kind, actor=actor, namespace=stream.namespace, metadata=told(stream), **more)
