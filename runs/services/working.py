"""Working on runs: one thing a transaction, each with the rights that the person has at that moment.

A thing, what became of it and the numbers of its run are written by one transaction, which holds the run:
whatever kills a worker, nothing is done twice and nothing is left out.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Namespace
from core.actor import Actor
from core.batches import delete_in_batches
from core.bell import ring_by_name
from core.errors import DomainError
from core.words import say
from jobs.guard import is_stopping
from runs.models import Run, RunItem
from runs.services.actions import ACTIONS, MISSING, Spared
from runs.services.asking import is_small

if TYPE_CHECKING:
    from datetime import datetime

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)  # without an item that came to an end, the worker is taken for dead
SLICE_SECONDS = 5.0  # then other runs have their turn
TRIES = 3
PAUSE = timedelta(seconds=2)
KEPT = timedelta(days=30)
DIALECT = "console"
LOST = say("Its worker was lost, again and again.")
NOBODY = say("Who asked for it is not here any more, or is disabled.")
REASON_MAX = RunItem._meta.get_field("reason").max_length or 0


def work(run_id: int, *, seconds: float = SLICE_SECONDS) -> bool:
    """Work on a run for a while, if it is due and nobody else has it; tell whether to ring again for it."""
    if settings.READ_ONLY or not _take(run_id):
        return False
    end = monotonic() + seconds
    try:
        while _next(run_id):
            if is_stopping() or monotonic() > end:
                _let_go(run_id)
                return not is_stopping()
    except Exception as error:  # whatever it is: it is tried again, and then that thing has failed
        log.exception("A run fails: %s", run_id)
        _note_trouble(run_id, error)
    return False


def work_now(run: Run) -> None:
    """Work on a small run before the page answers; a worker does the others, and what is not done by then."""
    if is_small(run) and work(run.pk):
        ring_by_name("runs.work", run.pk)


def due(limit: int) -> list[int]:
    """Return the runs that somebody should look at now, those that wait longest first."""
    rows = Run.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
    return list(rows.values_list("pk", flat=True)[:limit])


def prune() -> None:
    """Forget runs that ended long ago."""
    old = timezone.now() - KEPT
    delete_in_batches(RunItem.objects.filter(run__ended_at__lt=old))
    delete_in_batches(Run.objects.filter(ended_at__lt=old))


def _take(run_id: int) -> bool:
    now = timezone.now()
    taken = Run.objects.filter(pk=run_id, due_at__lte=now).update(
        status=Run.Status.RUNNING,
        due_at=now + LEASE,
        tries=F("tries") + 1,
        started_at=Coalesce("started_at", now),
    )
    return bool(taken)


def _let_go(run_id: int) -> None:
    Run.objects.filter(pk=run_id, ended_at=None).update(due_at=timezone.now(), tries=0)


@transaction.atomic
def _next(run_id: int) -> bool:
    """Do the next thing of a run; tell whether there may be more to do."""
    run = _hold(run_id)
    if run is None:
        return False
    item = run.items.filter(status=RunItem.Status.WAITING).order_by("position").first()
    if item is None:
        _write(run, status=Run.Status.DONE, due_at=None, ended_at=timezone.now())
        return False
    if run.tries > TRIES:
        _end(run, item, RunItem.Status.FAILED, LOST)
    else:
        _end(run, item, *_do(run, item))
    return True


def _hold(run_id: int) -> Run | None:
    """Hold a run until the transaction ends; None once it has ended."""
    rows = Run.objects.select_for_update(of=("self",), no_key=True).filter(pk=run_id, ended_at=None)
    return rows.select_related("namespace__organization", "asked_by__namespace").first()


def _do(run: Run, item: RunItem) -> tuple[str, str]:
    """Do it to one thing, with nothing left of it if it is refused; return what became of it, and why."""
    actor = _actor(run)
    if actor is None:
        return RunItem.Status.FAILED, NOBODY
    if not _lives(run.namespace):
        return RunItem.Status.FAILED, MISSING
    try:
        with transaction.atomic():
            note = ACTIONS[run.action].do(actor, run.namespace, item.target)
    except DomainError as error:
        return RunItem.Status.FAILED, error.message
    except Spared as spared:
        return RunItem.Status.SPARED, str(spared)
    return RunItem.Status.DONE, note


def _actor(run: Run) -> Actor | None:
    """Return who asked, as she is now."""
    user = run.asked_by
    if user is None or not user.is_active or user.deleted_at is not None:
        return None
    return Actor(user=user, dialect=DIALECT, ip=run.ip, user_agent=run.user_agent)


def _lives(namespace: Namespace) -> bool:
    """Tell whether it is nobody's grave: things of an organization in the trash are not to be changed."""
    if namespace.kind != Namespace.Kind.ORGANIZATION:
        return True
    organization = getattr(namespace, "organization", None)
    return organization is not None and organization.deleted_at is None


def _end(run: Run, item: RunItem, status: str, reason: str) -> None:
    RunItem.objects.filter(pk=item.pk).update(status=status, reason=reason[:REASON_MAX])
    _write(run, **{status: getattr(run, status) + 1}, tries=0, due_at=timezone.now() + LEASE)


def _write(run: Run, **changes: str | int | datetime | None) -> None:
    Run.objects.filter(pk=run.pk).update(**changes)


@transaction.atomic
def _note_trouble(run_id: int, error: Exception) -> None:
    """Let it be tried again; what went wrong too often has failed, and the others have their turn."""
    run = _hold(run_id)
    if run is None:
        return
    item = run.items.filter(status=RunItem.Status.WAITING).order_by("position").first()
    if item is not None and run.tries >= TRIES:
        what = say("Something went wrong ({what}).", what=type(error).__name__)
        _end(run, item, RunItem.Status.FAILED, what)
    _write(run, due_at=timezone.now() + PAUSE)
