"""Reading quotas; whoever calls has checked that the actor is inside the namespace."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import F, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

from core.errors import NotFound
from permissions.catalogue import INSTANCE_READ
from permissions.checks import require
from projects.models import Project
from quotas.models import Quota, RegistrySize, Resource, Threshold

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from django.db.models import QuerySet

    from accounts.models import Namespace
    from core.actor import Actor


DIGITS_MAX = 18


@dataclass(frozen=True)
class Step:
    """A threshold: ``percent`` of the limit at which growth is warned about or refused."""

    pk: int
    kind: str
    percent: int


@dataclass(frozen=True)
class Storage:
    """The storage quota of a namespace: bytes used, the limit (None for no limit) and its thresholds.

    ``is_counted`` once a size was reported in the namespace.
    """

    pk: int
    used: int
    limit: int | None
    is_counted: bool
    steps: list[Step] = field(default_factory=list)

    @property
    def configured(self) -> int | None:
        """The namespace's own limit, or else the instance's default."""
        return default_limit() if self.limit is None else self.limit


def default_limit() -> int | None:
    """Return the storage limit of namespaces without one of their own, if the instance has one."""
    return settings.DEFAULT_QUOTA_BYTES if settings.DEFAULT_QUOTA_BYTES > 0 else None


def limit_of(row: Quota) -> int | None:
    """Return the limit that holds for a counter: its own or, of a namespace's storage, the instance's."""
    if row.limit is None and row.resource == Resource.BYTES and row.namespace_id is not None:
        return default_limit()
    return row.limit


def by_name_limit_of(row: Quota) -> int | None:
    """Return how many projects there may be for one more to be made by name: its own, or the instance's."""
    default = settings.PROJECTS_BY_NAME if settings.PROJECTS_BY_NAME > 0 else None
    return default if row.by_name_limit is None else row.by_name_limit


def bytes_of(*, namespace_id: int) -> Storage | None:
    """Return the storage quota of a namespace with its thresholds; one query."""
    return bytes_of_many(namespaces=[namespace_id]).get(namespace_id)


def bytes_of_many(*, namespaces: Iterable[int] | QuerySet[Any]) -> dict[int, Storage]:
    """Return the storage quotas of many namespaces by their keys, with thresholds; one query."""
    rows = (
        Quota.objects.filter(namespace__in=namespaces, resource=Resource.BYTES)
        .order_by("pk", "thresholds__pk")
        .values_list(
            "namespace",
            "pk",
            "used",
            "limit",
            "counted_at",
            "thresholds__pk",
            "thresholds__kind",
            "thresholds__percent",
        )
    )
    found: dict[int, Storage] = {}
    for namespace_id, pk, used, limit, counted_at, step, kind, percent in rows:
        quota = found.setdefault(namespace_id, Storage(pk, used, limit, counted_at is not None))
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


def registry_size(*, actor: Actor) -> RegistrySize:
    """Return what all projects take up, as it was last counted; an unsaved row where it never was.

    Raises:
        Unauthenticated, Forbidden: not a superuser, not even one who reads only.
    """
    require(actor, INSTANCE_READ)
    return RegistrySize.objects.first() or RegistrySize(pk=1)


def drifting() -> list[tuple[Quota, int]]:
    """Return the counters of bytes that are not what their projects sum up to, with that sum.

    One statement for namespaces and one for accounts: each sees one moment, whatever is reported meanwhile.
    """
    projects = Project.objects.filter(namespace=OuterRef("namespace"), deleted_at=None)
    spaces = Quota.objects.filter(
        resource=Resource.BYTES, namespace__organization__account=OuterRef("account")
    )
    found: list[tuple[Quota, int]] = []
    for owner, parts, part, size in (
        ("namespace", projects, "namespace", "size_bytes"),
        ("account", spaces, "namespace__organization__account", "used"),
    ):
        summed = parts.order_by().values(part).annotate(whole=Sum(size)).values("whole")
        rows = (
            Quota.objects.filter(resource=Resource.BYTES, **{f"{owner}__isnull": False})
            .select_related("namespace", "account")
            .annotate(truth=Coalesce(Subquery(summed), 0))
            .exclude(used=F("truth"))
            .order_by("pk")
        )
        found += [(row, int(row.truth)) for row in rows]
    return found
