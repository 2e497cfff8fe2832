"""Counting what all projects take up. The row is the queue: a bell may be lost, late, or ring twice."""

from __future__ import annotations

import logging
from datetime import timedelta

from celery import shared_task
from django.db.models import Exists, OuterRef, Q, Sum
from django.utils import timezone

from core.batches import delete_in_batches
from core.bell import ring
from projects.models import Project
from quotas.models import LimitRequest, Quota, RegistrySize, Resource, UsageSample
from quotas.selectors import FORECAST_DAYS, default_limit, drifting

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)  # after which a worker that counts is taken for dead
BYTES_MAX = 2**63 - 1
SAMPLED_AT_ONCE = 500


def _due() -> Q:
    status = RegistrySize.Status
    return Q(status=status.QUEUED) | Q(status=status.RUNNING, started_at__lt=timezone.now() - LEASE)


@shared_task(name="quotas.count_registry")
def count_registry() -> None:
    """Count, if somebody asked for it and nobody else does; and look whether the counters are right."""
    now, status = timezone.now(), RegistrySize.Status
    if not RegistrySize.objects.filter(_due()).update(status=status.RUNNING, started_at=now):
        return
    # Namespace by namespace: each of their sums fits into 64 bits, the whole may not.
    living = Project.objects.filter(deleted_at=None, namespace__deleted_at=None).order_by()
    sums = living.values("namespace").annotate(whole=Sum("size_bytes")).values_list("whole", flat=True)
    size = min(sum(int(whole) for whole in sums.iterator()), BYTES_MAX)
    wrong = drifting()
    for row, truth in wrong:
        log.error("Counted bytes of %s are %d, but its projects have %d", row, row.used, truth)
    # Another worker may have taken over meanwhile: its count is the newer one.
    RegistrySize.objects.filter(status=status.RUNNING, started_at=now).update(
        status=status.IDLE, size_bytes=size, drifting=len(wrong), ran_at=timezone.now()
    )


@shared_task(name="quotas.sample")
def sample() -> None:
    """Note how much of each limited resource is used, once a day, and forget what is too old to tell a pace.

    Goes on where it was killed: what has a sample of today is done.
    """
    today, last = timezone.now().date(), 0
    limited = Q(limit__isnull=False)
    if default_limit() is not None:
        limited |= Q(resource=Resource.BYTES, namespace__isnull=False, used__gt=0)
    due = Quota.objects.filter(limited).exclude(samples__day=today).order_by("pk")
    while rows := list(due.filter(pk__gt=last).values_list("pk", "used")[:SAMPLED_AT_ONCE]):
        last = rows[-1][0]
        UsageSample.objects.bulk_create(
            [UsageSample(quota_id=pk, day=today, used=used) for pk, used in rows], ignore_conflicts=True
        )
    delete_in_batches(UsageSample.objects.filter(day__lt=today - timedelta(days=FORECAST_DAYS)))
    limit = Quota.objects.filter(pk=OuterRef("quota_id"))
    for left in (UsageSample, LimitRequest):  # of limits that are gone
        delete_in_batches(left.objects.filter(~Exists(limit)))


@shared_task(name="quotas.sweep")
def sweep() -> None:
    """Ring again if a count is due: a bell was lost, or a worker died."""
    if RegistrySize.objects.filter(_due()).exists():
        ring(count_registry)
