"""What was done at once, written down as a run that has ended: its page outlives the answer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from core.db import insert
from core.errors import Conflict
from projects.services import code
from runs.models import Run, RunItem
from runs.services.asking import BATCH, NAME_MAX, TAKEN, asked_before

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import Organization
    from core.actor import Actor

APPLY = "code.apply"
SYSTEM = "system"  # as the log calls it
BECAME = {
    code.ADD: RunItem.Status.ADDED,
    code.CHANGE: RunItem.Status.CHANGED,
    code.REMOVE: RunItem.Status.REMOVED,
}
KEPT_MAX = 500  # names of what a file left alone; the others are counted
REASON_MAX = RunItem._meta.get_field("reason").max_length or 0


@transaction.atomic
def apply_code(
    *,
    actor: Actor,
    organization: Organization,
    document: code.Document,
    prune: bool = False,
    expected: str = "",
    file: str = "file",
    uuid: UUID | None = None,
) -> tuple[code.Diff, Run | None]:
    """Make an organization as a file says; return what was done, and the run that tells of it.

    There is none if nothing was to be done. Raises as `projects.services.code.apply_document`.
    """
    uuid = uuid or uuid4()
    diff = code.apply_document(
        actor=actor,
        organization=organization,
        document=document,
        prune=prune,
        expected=expected,
        file=file,
        run=uuid,
    )
    return diff, None if diff.is_empty else _note(actor, organization, diff, uuid)


def apply_code_once(
    *,
    actor: Actor,
    organization: Organization,
    document: code.Document,
    prune: bool,
    expected: str,
    uuid: UUID | None,
) -> Run | None:
    """Do as `apply_code` does, once for each key: what its form did before is returned, not done again."""
    namespace = organization.namespace
    if uuid and (done := asked_before(actor, namespace, APPLY, uuid)):
        return done
    try:
        return apply_code(
            actor=actor,
            organization=organization,
            document=document,
            prune=prune,
            expected=expected,
            uuid=uuid,
        )[1]
    except Conflict:  # the same form, sent twice at once
        if uuid and (done := asked_before(actor, namespace, APPLY, uuid)):
            return done
        raise


def _note(actor: Actor, organization: Organization, diff: code.Diff, uuid: UUID) -> Run:
    now, steps = timezone.now(), diff.steps
    became = Counter(BECAME[step.sign].value for step in steps)
    run = Run(
        namespace=organization.namespace,
        action=APPLY,
        arguments={
            **{status.value: became[status.value] for status in BECAME.values()},
            "pruned": diff.prune,
            "notes": diff.notes,
            "kept": [code.title_of(key) for key in diff.kept[:KEPT_MAX]],
            "kept_number": len(diff.kept),
        },
        asked_by=actor.user,
        asked_by_name=actor.user.username if actor.user else SYSTEM,
        ip=actor.ip,
        user_agent=actor.user_agent,
        status=Run.Status.DONE,
        number=len(steps),
        done=len(steps),
        started_at=now,
        ended_at=now,
        uuid=uuid,
    )
    insert(run, taken=TAKEN)
    items = (
        RunItem(
            run=run,
            position=position,
            name=step.title[:NAME_MAX],
            status=BECAME[step.sign],
            reason=_cut(code.describe(step)),
        )
        for position, step in enumerate(steps)
    )
    RunItem.objects.bulk_create(items, batch_size=BATCH)
    return run


def _cut(words: str) -> str:
    return words if len(words) <= REASON_MAX else f"{words[: REASON_MAX - 1]}…"
