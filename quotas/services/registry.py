"""Asking for the size of everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from core.bell import ring
from logs.kinds import COUNT_REGISTRY
from logs.record import record
from permissions.catalogue import QUOTA_MANAGE
from permissions.checks import require
from quotas import tasks
from quotas.models import RegistrySize

if TYPE_CHECKING:
    from core.actor import Actor


@transaction.atomic
def request_registry_size(*, actor: Actor) -> bool:
    """Have a worker count what all projects take up; tell whether that is news (quay-b.md 6.4).

    Raises:
        Unauthenticated, Forbidden: only superusers.
    """
    require(actor, QUOTA_MANAGE)
    RegistrySize.objects.get_or_create(pk=1)
    idle = RegistrySize.objects.filter(status=RegistrySize.Status.IDLE)
    if not idle.update(status=RegistrySize.Status.QUEUED):
        return False
    record(COUNT_REGISTRY, actor=actor)
    ring(tasks.count_registry)
    return True
