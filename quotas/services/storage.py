"""The storage quota of a namespace: a limit in bytes, with thresholds (quay-b.md 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from core.db import insert, update
from core.errors import Conflict, Invalid, NotFound
from core.words import say
from logs.kinds import (
    ORG_CHANGE_QUOTA,
    ORG_CHANGE_QUOTA_LIMIT,
    ORG_CREATE_QUOTA,
    ORG_CREATE_QUOTA_LIMIT,
    ORG_DELETE_QUOTA,
    ORG_DELETE_QUOTA_LIMIT,
)
from logs.record import record
from permissions.catalogue import QUOTA_MANAGE
from permissions.checks import require
from quotas import selectors
from quotas.models import Quota, Resource, Threshold
from quotas.services.usage import BYTES_MAX, notice
from quotas.sizes import write_size

if TYPE_CHECKING:
    from accounts.models import Namespace
    from core.actor import Actor

PERCENT_MAX = 100


@transaction.atomic
def create_quota(*, actor: Actor, namespace: Namespace, limit_bytes: int) -> Quota:
    """Limit the bytes of a namespace. Without thresholds the limit enforces nothing (quay-b.md 6.6).

    Raises:
        Forbidden: only superusers.
        Invalid: not between 1 and 2^63 - 1 bytes.
        Conflict: the namespace has a storage quota.
    """
    require(actor, QUOTA_MANAGE)
    row = _row(namespace)
    if row.limit is not None:
        raise Conflict("The namespace already has a quota")
    row.limit = _checked(limit_bytes)
    update(row, "limit")
    record(ORG_CREATE_QUOTA, actor=actor, namespace=namespace, metadata=_told(namespace, row.limit))
    notice(actor=actor, namespace=namespace, own=row)
    return row


@transaction.atomic
def change_quota(*, actor: Actor, namespace: Namespace, limit_bytes: int) -> Quota:
    """Change the limit of a namespace's bytes; thresholds stay.

    Raises:
        Forbidden: only superusers.
        Invalid: not between 1 and 2^63 - 1 bytes.
        NotFound: the namespace has no storage quota.
    """
    require(actor, QUOTA_MANAGE)
    row = _limited(namespace)
    previous, row.limit = row.limit or 0, _checked(limit_bytes)
    update(row, "limit")
    told = _told(namespace, row.limit) | {
        "previous_limit_bytes": previous,
        "previous_limit": write_size(previous),
    }
    record(ORG_CHANGE_QUOTA, actor=actor, namespace=namespace, metadata=told)
    notice(actor=actor, namespace=namespace, own=row)
    return row


@transaction.atomic
def delete_quota(*, actor: Actor, namespace: Namespace) -> None:
    """Lift the limit of a namespace's bytes, thresholds with it; what is used stays counted.

    Raises:
        Forbidden: only superusers.
        NotFound: the namespace has no storage quota.
    """
    require(actor, QUOTA_MANAGE)
    row = _limited(namespace)
    told = _told(namespace, row.limit or 0) | {"quota_id": row.pk}
    row.thresholds.all().delete()
    row.limit = None
    update(row, "limit")
    record(ORG_DELETE_QUOTA, actor=actor, namespace=namespace, metadata=told)
    notice(actor=actor, namespace=namespace, own=row)


@transaction.atomic
def add_threshold(*, actor: Actor, namespace: Namespace, kind: str, percent: int) -> Threshold:
    """Add a threshold to a namespace's storage quota: ``Warning`` or ``Reject``, in any case, at 1 to 100 %.

    Raises:
        Forbidden: only superusers.
        Invalid: an unknown kind (``field="type"``), or no such percentage (``field="threshold_percent"``).
        Conflict: there is this threshold already.
        NotFound: the namespace has no storage quota.
    """
    require(actor, QUOTA_MANAGE)
    row = _limited(namespace)
    step = Threshold(quota=row, kind=_kind(kind), percent=_percent(percent))
    insert(step, taken=say("The quota has this limit already"))
    record(ORG_CREATE_QUOTA_LIMIT, actor=actor, namespace=namespace, metadata=_told_step(namespace, step))
    notice(actor=actor, namespace=namespace, own=row)
    return step


@transaction.atomic
def change_threshold(
    *,
    actor: Actor,
    namespace: Namespace,
    quota_id: str,
    limit_id: str,
    kind: str | None = None,
    percent: int | None = None,
) -> Threshold:
    """Change the threshold of these numbers; None leaves as it is. Raises as `add_threshold`."""
    require(actor, QUOTA_MANAGE)
    row = _limited(namespace)
    step = selectors.threshold(namespace=namespace, quota_id=quota_id, limit_id=limit_id)
    before = {"previous_type": step.kind, "previous_threshold_percent": step.percent}
    step.kind = step.kind if kind is None else _kind(kind)
    if step.kind != before["previous_type"]:
        step.told_at = None  # that it refuses is news to who was warned
    step.percent = step.percent if percent is None else _percent(percent)
    update(step, "kind", "percent", "told_at", taken=say("The quota has this limit already"))
    told = _told_step(namespace, step) | before
    record(ORG_CHANGE_QUOTA_LIMIT, actor=actor, namespace=namespace, metadata=told)
    notice(actor=actor, namespace=namespace, own=row)
    return step


@transaction.atomic
def delete_threshold(*, actor: Actor, namespace: Namespace, quota_id: str, limit_id: str) -> None:
    """Remove the threshold of these numbers.

    Raises:
        Forbidden: only superusers.
        NotFound: the namespace has none of these numbers.
    """
    require(actor, QUOTA_MANAGE)
    _limited(namespace)
    step = selectors.threshold(namespace=namespace, quota_id=quota_id, limit_id=limit_id)
    told = _told_step(namespace, step) | {"limit_id": step.pk}
    step.delete()
    record(ORG_DELETE_QUOTA_LIMIT, actor=actor, namespace=namespace, metadata=told)


def _row(namespace: Namespace) -> Quota:
    rows = Quota.objects.select_for_update(no_key=True)
    row = rows.filter(namespace=namespace, resource=Resource.BYTES).first()
    if row is None:
        raise NotFound("The namespace was deleted just now", absent="quota")
    return row


def _limited(namespace: Namespace) -> Quota:
    row = _row(namespace)
    if row.limit is None:
        raise NotFound("The namespace has no quota", absent="quota")
    return row


def _checked(limit_bytes: int) -> int:
    if not 0 < limit_bytes <= BYTES_MAX:
        raise Invalid("A limit is a whole number of bytes from 1 to 2^63 - 1", field="limit_bytes")
    return limit_bytes


def _kind(kind: str) -> str:
    canonical = kind.capitalize()
    if canonical not in Threshold.Kind.values:
        raise Invalid(say("Unknown quota limit type {kind!r}", kind=kind[:40]), field="type")
    return canonical


def _percent(percent: int) -> int:
    if not 1 <= percent <= PERCENT_MAX:
        field = "threshold_percent_zero" if percent < 1 else "threshold_percent"
        raise Invalid("A limit stands at 1 to 100 percent", field=field)
    return percent


def _told(namespace: Namespace, limit: int) -> dict[str, Any]:
    return {"namespace": namespace.name, "limit_bytes": limit, "limit": write_size(limit)}


def _told_step(namespace: Namespace, step: Threshold) -> dict[str, Any]:
    return {"namespace": namespace.name, "type": step.kind, "threshold_percent": step.percent}
