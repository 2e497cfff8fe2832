"""Reading quotas; whoever calls has checked that the actor is inside the namespace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.errors import NotFound
from quotas.models import Quota, Resource, Threshold

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from django.db.models import QuerySet

    from accounts.models import Namespace


DIGITS_MAX = 18


@dataclass(frozen=True)
class Step:
    """A threshold: ``percent`` of the limit at which growth is warned about or refused."""

    pk: int
    kind: str
    percent: int


@dataclass(frozen=True)
class Storage:
    """The storage quota of a namespace: bytes used, the limit (None for no limit) and its thresholds."""

    pk: int
    used: int
    limit: int | None
    steps: list[Step] = field(default_factory=list)


def bytes_of(*, namespace_id: int) -> Storage | None:
    """Return the storage quota of a namespace with its thresholds; one query."""
    return bytes_of_many(namespaces=[namespace_id]).get(namespace_id)


def bytes_of_many(*, namespaces: Iterable[int] | QuerySet[Any]) -> dict[int, Storage]:
    """Return the storage quotas of many namespaces by their keys, with thresholds; one query."""
    rows = (
        Quota.objects.filter(namespace__in=namespaces, resource=Resource.BYTES)
        .order_by("pk", "thresholds__pk")
        .values_list(
            "namespace", "pk", "used", "limit", "thresholds__pk", "thresholds__kind", "thresholds__percent"
        )
    )
    found: dict[int, Storage] = {}
    for namespace_id, pk, used, limit, step, kind, percent in rows:
        quota = found.setdefault(namespace_id, Storage(pk, used, limit))
        if step is not None:
            quota.steps.append(Step(step, kind, percent))
    return found


def storage(*, namespace: Namespace, quota_id: str) -> Storage:
    """Return the storage quota of a namespace by its number, as a path wrote it.

    Raises:
        NotFound: the namespace has none, or not of this number.
    """
    found = bytes_of(namespace_id=namespace.pk)
    if found is None or found.limit is None or str(found.pk) != quota_id:
        raise NotFound("There is no such quota", absent="quota")
    return found


def threshold(*, namespace: Namespace, quota_id: str, limit_id: str) -> Threshold:
    """Return a threshold of a namespace's storage quota by the numbers in a path. Raises NotFound."""
    found = None
    if limit_id.isascii() and limit_id.isdigit() and len(limit_id) <= DIGITS_MAX:
        found = Threshold.objects.filter(
            pk=int(limit_id), quota__namespace=namespace, quota__resource=Resource.BYTES
        ).first()
    if found is None or str(found.quota_id) != quota_id:
        raise NotFound("There is no such limit", absent="limit")
    return found


def of_namespace(*, namespace: Namespace) -> dict[str, Quota]:
    """Return all quotas of a namespace by resource; one query."""
    return {row.resource: row for row in Quota.objects.filter(namespace=namespace)}
