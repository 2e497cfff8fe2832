"""What operators do with jobs that did not come to an end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from core.errors import NotFound
from core.words import say
from jobs.models import Job
from logs.kinds import RELEASE_JOB
from logs.record import record
from permissions.catalogue import JOB_MANAGE
from permissions.checks import require

if TYPE_CHECKING:
    from core.actor import Actor


@transaction.atomic
def release_job(*, actor: Actor, job: Job) -> None:
    """Let a job in quarantine be tried again, as if it were new, when it is next rung for.

    Raises:
        Unauthenticated, Forbidden: the actor is no superuser.
        NotFound: it is not in quarantine any more.
    """
    require(actor, JOB_MANAGE)
    gone, _ = Job.objects.filter(pk=job.pk).exclude(quarantined_at=None).delete()
    if not gone:
        raise NotFound(say("The job is not in quarantine any more"))
    record(RELEASE_JOB, actor=actor, job=str(job))
