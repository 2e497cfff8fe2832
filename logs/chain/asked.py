"""Verifications that somebody asked for: worked on one after the other, each for so long at most.

The row is the queue. A worker that is silent for a minute is taken for dead, and another begins anew.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db.models import F, Q, Sum
from django.utils import timezone

from core.words import say
from jobs.guard import is_stopping
from logs.chain.verification import Verification, names
from logs.leases import renewed
from logs.models import LogChain, LogSeal, LogVerification

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from logs.chain.findings import Finding

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
LONGEST = timedelta(minutes=15)
TELLING_SECONDS = 1.0
TRIES = 3
KEPT = timedelta(days=90)
FINDINGS_MAX = 200  # are told one by one; all are counted
LOST = say("Its worker was lost, again and again.")
TOO_LONG = say("It took longer than {minutes} minutes: verify from a later day on.", minutes=15)
WRONG = say("Something went wrong.")
Status = LogVerification.Status


class _Over(Exception):
    """It ends here: cancelled, somebody else's, too long, or the worker is to stop."""


def due(limit: int) -> list[int]:
    """Return the verifications that somebody should look at now."""
    rows = LogVerification.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
    return list(rows.values_list("pk", flat=True)[:limit])


def prune() -> None:
    """Forget what was verified long ago."""
    LogVerification.objects.filter(ended_at__lt=timezone.now() - KEPT).delete()


def work(pk: int) -> None:
    """Go through the log for a verification, if it is due and nobody is at another one."""
    claim, now = uuid4(), timezone.now()
    if LogVerification.objects.filter(status=Status.RUNNING, due_at__gt=now).exclude(pk=pk).exists():
        return
    taken = LogVerification.objects.filter(pk=pk, due_at__lte=now).update(
        status=Status.RUNNING, claim=claim, due_at=_lease_end(), tries=F("tries") + 1
    )
    if not taken:
        return
    row = LogVerification.objects.get(pk=pk)
    if row.tries > TRIES:
        _end(row, Status.FAILED, error=row.error or LOST)
        return
    try:
        with renewed(_mine(row), _lease_end, every=LEASE / 3, longest=LONGEST):
            _go_through(row)
    except _Over:
        return
    except Exception:  # whatever it is: it is tried again
        log.exception("A verification of the log fails: %s", pk)
        _mine(row).update(error=WRONG, due_at=timezone.now() + timedelta(seconds=10))


def _go_through(row: LogVerification) -> None:
    scopes = None if row.namespace_id is None else [row.namespace_id]
    _mine(row).update(expected=_expected(scopes, row.since), seals=0)
    telling = _Telling(row)
    walk = telling.walk = Verification(scopes, row.since, heard=telling)
    kept: list[Finding] = []
    for finding in walk.run():
        telling()
        if len(kept) < FINDINGS_MAX:
            kept.append(finding)
    known = names({one.scope for one in kept})
    _end(
        row,
        Status.DONE,
        error="",
        seals=walk.seals,
        archived=walk.archived,
        erased=walk.erased,
        checkpoints=walk.checkpoints.count,
        found={sort.value: number for sort, number in walk.found.items()},
        findings=[[one.sort, known[one.scope], one.where, one.entry, one.words] for one in kept],
    )


class _Telling:
    """Writes down how far it is, and ends what was cancelled or takes too long."""

    walk: Verification

    def __init__(self, row: LogVerification) -> None:
        self.row, self.end, self.next = row, monotonic() + LONGEST.total_seconds(), 0.0

    def __call__(self) -> None:
        now = monotonic()
        if now > self.end:
            _end(self.row, Status.FAILED, error=TOO_LONG, seals=self.walk.seals)
            raise _Over
        if is_stopping():
            _mine(self.row).update(due_at=timezone.now(), claim=None, tries=F("tries") - 1)
            raise _Over
        if now < self.next:
            return
        self.next = now + TELLING_SECONDS
        if not _mine(self.row).update(seals=self.walk.seals):
            raise _Over


def _expected(scopes: list[int] | None, since: datetime | None) -> int:
    """Return how many seals there are to go through; from a day on, as far as that is told by one chain."""
    rows = LogChain.objects.all() if scopes is None else LogChain.objects.filter(scope__in=scopes)
    total = rows.aggregate(number=Sum("position"))["number"] or 0
    if since is None or scopes is None:
        return total
    return LogSeal.objects.filter(scope__in=scopes, at__gte=since).count()


def _mine(row: LogVerification) -> QuerySet[LogVerification]:
    return LogVerification.objects.filter(Q(pk=row.pk, claim=row.claim, ended_at=None))


def _end(row: LogVerification, status: str, **changes: Any) -> None:
    _mine(row).update(status=status, due_at=None, claim=None, ended_at=timezone.now(), **changes)


def _lease_end() -> datetime:
    return timezone.now() + LEASE
