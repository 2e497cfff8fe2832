"""Purging what was in the trash for long enough, or what somebody wanted gone for good."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core.actor import Actor
from core.batches import delete_in_batches
from core.bell import ring
from jobs.guard import each
from logs.kinds import PURGE_TRASH
from logs.record import record
from trash.archive import move
from trash.models import Trashed, TrashedRows

BATCH = 20  # pages, of which each may hold a thousand rows
AT_ONCE = 500


@shared_task(name="trash.move")
def put_away(thing_id: int) -> None:
    """Put away the rows of a thing that was deleted."""
    move(thing_id)


@shared_task(name="trash.purge")
def purge(thing_id: int) -> None:
    """Remove what is left of a thing that nobody can restore any more; what its worker still holds, too.

    With an organization goes what was in its trash.
    """
    thing = Trashed.objects.filter(pk=thing_id, status=Trashed.Status.PURGING).first()
    if thing is None:
        return
    if thing.kind == Trashed.Kind.ORGANIZATION:
        purge_within(thing.namespace_id)
    _remove(thing_id)


def purge_within(namespace_id: int) -> None:
    """Remove what lies in the trash of a namespace that is dead for good."""
    within = Trashed.objects.filter(namespace=namespace_id).exclude(kind=Trashed.Kind.ORGANIZATION)
    for thing_id in list(within.order_by("pk").values_list("pk", flat=True)):
        Trashed.objects.filter(pk=thing_id).update(status=Trashed.Status.PURGING)
        _remove(thing_id)


def _remove(thing_id: int) -> None:
    delete_in_batches(TrashedRows.objects.filter(thing=thing_id), size=BATCH)
    Trashed.objects.filter(pk=thing_id).delete()


@transaction.atomic
def _end(thing: Trashed) -> None:
    there = Trashed.objects.filter(pk=thing.pk).exclude(status=Trashed.Status.PURGING)
    if there.update(status=Trashed.Status.PURGING):
        by = Actor.of_system()
        record(PURGE_TRASH, actor=by, namespace=thing.namespace, what=thing.kind, name=thing.name)


@shared_task(name="trash.sweep")
def sweep() -> None:
    """Purge what has been in the trash for MUSTER_TRASH_DAYS, and go on where a bell was lost."""
    oldest = timezone.now() - timedelta(days=settings.TRASH_DAYS)
    old = Trashed.objects.filter(deleted_at__lt=oldest).exclude(status=Trashed.Status.PURGING)
    for thing in old.select_related("namespace").order_by("deleted_at")[:AT_ONCE]:
        _end(thing)
    ended = Trashed.objects.filter(status=Trashed.Status.PURGING)
    each(purge, ended.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    moving = Trashed.objects.filter(status=Trashed.Status.MOVING)
    for thing_id in moving.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]:
        ring(put_away, thing_id)
