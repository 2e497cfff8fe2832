"""What projects take up: reported from outside, counted in the namespace and its account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from core.db import hold
from core.errors import Invalid, QuotaExceeded
from core.words import say
from logs.kinds import REPORT_REPO_USAGE
from logs.record import record
from permissions.catalogue import PROJECT_USAGE_REPORT, QUOTA_MANAGE
from permissions.checks import require
from projects.models import Project
from quotas import services as quotas
from quotas.sizes import write_size

if TYPE_CHECKING:
    from core.actor import Actor


def report_usage(*, actor: Actor, project: Project, size_bytes: int) -> Project:
    """Take down how many bytes a project takes up now; the namespace's sum moves by the difference.

    Reported by a robot that is admin of the project, or by a superuser: people do not count bytes. Not one
    transaction: that growth was refused is told even though nothing was counted.

    Raises:
        Unauthenticated, Forbidden: neither of them.
        Invalid: not between 0 and 2^63 - 1, or the sum would not be (``field="size_bytes"``).
        QuotaExceeded: the project grew, and a limit refuses that; nothing is counted.
        NotFound: the project was deleted just now.
    """
    refusal = _report(actor, project, size_bytes)
    if refusal is not None:
        raise refusal
    return project


@transaction.atomic
def _report(actor: Actor, project: Project, size_bytes: int) -> QuotaExceeded | None:
    if actor.robot is not None:
        require(actor, PROJECT_USAGE_REPORT, project)
    else:
        require(actor, QUOTA_MANAGE)
    if not 0 <= size_bytes <= quotas.BYTES_MAX:
        raise Invalid("A size is a whole number of bytes from 0 to 2^63 - 1", field="size_bytes")
    ledger = quotas.take_ledger(namespace=project.namespace)
    previous = hold(project, gone=say("Repository not found")).size_bytes
    if size_bytes != previous:
        refusal = quotas.move_bytes(actor=actor, ledger=ledger, amount=size_bytes - previous)
        if refusal is not None:
            return refusal
    quotas.note_counted(ledger)
    project.size_bytes, project.size_reported_at = size_bytes, timezone.now()
    Project.objects.filter(pk=project.pk).update(
        size_bytes=size_bytes, size_reported_at=project.size_reported_at
    )
    if size_bytes != previous:
        record(
            REPORT_REPO_USAGE,
            actor=actor,
            namespace=project.namespace,
            project=project,
            repo=project.slug,
            size=write_size(size_bytes),
            size_bytes=size_bytes,
            previous_size_bytes=previous,
            metadata={"namespace": project.namespace.name},
        )
    return None
