"""The queue of streams: what each is to send next, and what became of it.

What is sent lies behind a stream's place in the log, in the order of `logs.settled`, so that no entry can
turn up behind it later. The place moves only after the receiver has acknowledged: whoever is killed between
is followed by somebody who sends the same batch again.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from core.actor import Actor
from core.bell import ring_by_name
from core.db import KEYS_MAX
from logs import settled
from logs.formats import fields
from logs.kinds import DISABLE_LOG_STREAM
from logs.models import LogEntry
from logs.record import record
from logs.settled import Cursor
from notifications.channels import Answer, Undelivered
from streams import channels
from streams.models import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from notifications.channels import Letter

log = logging.getLogger(__name__)

# After the first failure, the second, ...; then as after the last.
PAUSES = tuple(timedelta(seconds=one) for one in (5, 30, 120, 300, 900, 1800, 3600))
ERROR_MAX = 1000


@dataclass(frozen=True)
class Waiting:
    """A stream that is due, and whose it is: the key of its namespace, or 0."""

    pk: int
    tenant: int


@dataclass(frozen=True)
class Batch:
    """What a stream that is ours is to send: so many entries up to a place, or a test (without one)."""

    stream: Stream
    letter: Letter | None
    to: Cursor | None
    count: int
    problem: Undelivered | None = None


# Waking --------------------------------------------------------------------------------------------------


def wake() -> None:
    """Let streams be due for which something was written; the others move on to the end of the log.

    Of all that rest it costs a few queries, and one reading of what is new.
    """
    resting = Stream.objects.filter(due_at=None, disabled_at=None)
    rows: list[Any] = list(resting.values_list("pk", "namespace", "xact", "entry"))
    if not rows:
        return
    head, first = settled.head(), min(Cursor(xact, entry) for _, _, xact, entry in rows)
    if first >= head:
        return
    new = settled.up_to(head, settled.after(first, LogEntry.objects.all()))
    spaces: set[int | None] = set(new.order_by().values_list("namespace_id", flat=True).distinct())
    behind = [(pk, space) for pk, space, xact, entry in rows if Cursor(xact, entry) < head]
    due = [pk for pk, space in behind if space is None or space in spaces]
    _update(resting, due, due_at=timezone.now())
    quiet = {pk for pk, _ in behind}.difference(due)
    # Not back: somebody else may have found and sent more meanwhile.
    short = resting.filter(Q(xact__lt=head.xact) | Q(xact=head.xact, entry__lt=head.id))
    _update(short, sorted(quiet), xact=head.xact, entry=head.id)


def _update(rows: QuerySet[Stream], keys: list[int], **changes: Any) -> None:
    for start in range(0, len(keys), KEYS_MAX):
        rows.filter(pk__in=keys[start : start + KEYS_MAX]).update(**changes)


def due(limit: int, *, without: Iterable[int] = (), without_tenants: Iterable[int] = ()) -> list[Waiting]:
    """Return streams that are due, those that wait longest first."""
    rows = Stream.objects.filter(due_at__lte=timezone.now()).filter(_worth_a_look())
    rows = rows.exclude(pk__in=list(without))
    if taken := set(without_tenants):
        # Those of the instance are the operator's own.
        rows = rows.filter(Q(namespace=None) | ~Q(namespace__in=taken))
    found = rows.order_by("due_at", "pk").values_list("pk", "namespace_id")[:limit]
    return [Waiting(pk, space or 0) for pk, space in found]


def _worth_a_look() -> Q:
    return Q(disabled_at=None) | Q(test_asked_at__isnull=False)


# Taking --------------------------------------------------------------------------------------------------


def take(stream_id: int) -> Batch | None:
    """Take a stream that is due, and return what it is to send; None if that is nothing, or not ours."""
    claim, now = uuid4(), timezone.now()
    rows = Stream.objects.filter(_worth_a_look(), pk=stream_id, due_at__lte=now)
    until = now + timedelta(seconds=settings.STREAM_LEASE_SECONDS)
    if not rows.update(claim=claim, due_at=until):
        return None
    mine = Stream.objects.select_related("namespace").filter(pk=stream_id, claim=claim)
    stream = mine.first()
    if stream is None:
        return None
    if stream.test_asked_at is not None:
        return _prepared(stream, [], None)
    return _next(stream)


def _next(stream: Stream) -> Batch | None:
    after = Cursor(stream.xact, stream.entry)
    if stream.until_xact is not None and stream.until_entry is not None:
        to = Cursor(stream.until_xact, stream.until_entry)
        found = list(settled.in_order(_its_own(stream, settled.up_to(to, settled.after(after, _all())))))
        if found:
            return _prepared(stream, found, to)
        # All of it went to the archive meanwhile.
        on = _keep(stream, xact=to.xact, entry=to.id, until_xact=None, until_entry=None)
        return _next(stream) if on else None
    head = settled.head()
    rows = settled.in_order(_its_own(stream, settled.up_to(head, settled.after(after, _all()))))
    found = _fitting(rows[: settings.STREAM_BATCH_ROWS])
    if not found:
        head = max(head, after)
        _keep(stream, xact=head.xact, entry=head.id, due_at=None, claim=None)
        return None
    to = Cursor.of(found[-1])
    if not _keep(stream, until_xact=to.xact, until_entry=to.id):
        return None
    return _prepared(stream, found, to)


def _all() -> QuerySet[LogEntry]:
    return LogEntry.objects.all()


def _its_own(stream: Stream, rows: QuerySet[LogEntry]) -> QuerySet[LogEntry]:
    return rows if stream.namespace_id is None else rows.filter(namespace=stream.namespace_id)


def _fitting(rows: Iterable[LogEntry]) -> list[LogEntry]:
    """Return entries until they fill a batch: one at least."""
    found: list[LogEntry] = []
    size = 0
    for entry in rows:
        size += len(json.dumps(fields(entry)))
        if found and size > settings.STREAM_BATCH_BYTES:
            break
        found.append(entry)
    return found


def _prepared(stream: Stream, entries: list[LogEntry], to: Cursor | None) -> Batch:
    try:
        if to is None:
            letter = channels.test(stream)
        else:
            letter = channels.prepare(stream, entries, Cursor(stream.xact, stream.entry), to)
    except Undelivered as error:
        return Batch(stream, None, to, len(entries), error)
    return Batch(stream, letter, to, len(entries))


def _keep(stream: Stream, **changes: Any) -> bool:
    """Write changes, if the row is still this worker's; tell whether it is."""
    if not Stream.objects.filter(pk=stream.pk, claim=stream.claim).update(**changes):
        log.info("Stream %s is somebody else's now", stream.uuid)
        return False
    for name, value in changes.items():
        setattr(stream, name, value)
    return True


# Afterwards ----------------------------------------------------------------------------------------------


def attempt(batch: Batch) -> Answer | Undelivered:
    """Send a batch. It touches no database."""
    if batch.letter is None:
        return batch.problem or Undelivered("There is nothing to send.")
    try:
        return batch.letter.send()
    except Undelivered as error:
        return error


def note(batch: Batch, outcome: Answer | Undelivered) -> None:
    """Write what became of a batch, and leave the stream to others."""
    if batch.to is None:
        _note_test(batch, outcome)
    elif isinstance(outcome, Undelivered):
        _note_failure(batch, outcome)
    else:
        _keep(
            batch.stream,
            xact=batch.to.xact,
            entry=batch.to.id,
            until_xact=None,
            until_entry=None,
            due_at=timezone.now(),  # there may be more
            claim=None,
            failures=0,
            failing_since=None,
            error="",
            last_status=outcome.status,
            sent_entries=F("sent_entries") + batch.count,
            sent_batches=F("sent_batches") + 1,
            sent_at=timezone.now(),
        )


def _note_test(batch: Batch, outcome: Answer | Undelivered) -> None:
    stream, failed = batch.stream, isinstance(outcome, Undelivered)
    answer = outcome.answer if isinstance(outcome, Undelivered) else outcome
    now = timezone.now()
    _keep(
        stream,
        test_asked_at=None,
        tested_at=now,
        test_error=str(outcome)[:ERROR_MAX] if failed else "",
        last_status=answer.status,
        # What waited for a pause to be over need not, once the receiver is there.
        due_at=None if stream.disabled_at else _pause_over(stream, now) if failed else now,
        claim=None,
    )


def _pause_over(stream: Stream, now: datetime) -> datetime:
    return now + _pause(stream, stream.failures) if stream.failures else now


def _pause(stream: Stream, failures: int) -> timedelta:
    """Return how long a stream rests after so many failures in a row: up to a tenth longer than planned.

    Each in its own way: what failed together shall not come again together.
    """
    planned = PAUSES[min(failures, len(PAUSES)) - 1]
    return planned * (1 + (stream.uuid.int + failures * 37) % 100 / 1000)


@transaction.atomic
def _note_failure(batch: Batch, error: Undelivered) -> None:
    stream, now = batch.stream, timezone.now()
    failures = stream.failures + 1
    since = stream.failing_since or now
    due_at = now + max(_pause(stream, failures), timedelta(seconds=error.pause))
    changes: dict[str, Any] = {
        "due_at": due_at,
        "claim": None,
        "failures": failures,
        "failing_since": since,
        "error": str(error)[:ERROR_MAX],
        "last_status": error.answer.status,
    }
    is_enough = error.gone or since <= now - timedelta(hours=settings.STREAM_FAILING_HOURS)
    if is_enough:
        changes |= {"disabled_at": now, "due_at": None, "mail_due_at": now}
    if _keep(stream, **changes) and is_enough:
        record(
            DISABLE_LOG_STREAM,
            actor=Actor.of_system(),
            namespace=stream.namespace,
            metadata=told(stream),
            failures=failures,
            cursor=str(Cursor(stream.xact, stream.entry)),
        )
        ring_by_name("streams.tell_off", stream.pk)


def told(stream: Stream) -> dict[str, Any]:
    """Return the metadata of log entries about a stream."""
    return {
        "stream": str(stream.uuid),
        "title": stream.title,
        "method": stream.method,
        "target": channels.target(stream),
    }


def prune() -> None:
    """Forget secrets that live no longer."""
    over = Stream.objects.filter(old_secret_until__lte=timezone.now())
    over.update(old_secret_sealed="", old_secret_until=None)
