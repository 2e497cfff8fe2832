"""Reading quotas; whoever calls has checked that the actor is inside the namespace."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db.models import F, Min, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from core.errors import NotFound
from core.prepared import Given, Prepared
from permissions.catalogue import INSTANCE_READ
from permissions.checks import require
from projects.models import Project
from quotas.models import LimitRequest, Quota, RegistrySize, Resource, Threshold, UsageSample

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from django.db.models import QuerySet

    from accounts.models import Namespace
    from core.actor import Actor


DIGITS_MAX = 18
FORECAST_DAYS = 30  # of the past, by which the pace is known
FORECAST_DAYS_MIN = 7  # of it, below which it is not
FORECAST_MAX = 3650  # days ahead: what comes later comes never


@dataclass(frozen=True)
class Forecast:
    """When a limit is reached at the pace of the last ``past`` days: in ``days``, on ``day``.

    Without a day it is not in sight; without a past there is too little of it to tell.
    """

    past: int
    days: int = 0
    day: date | None = None


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
    return _storages(_one_storage(namespace=namespace_id)).get(namespace_id)


def bytes_of_many(*, namespaces: Iterable[int] | QuerySet[Any]) -> dict[int, Storage]:
    """Return the storage quotas of many namespaces by their keys, with thresholds; one query."""
    if isinstance(namespaces, set) and len(namespaces) == 1:
        return _storages(_one_storage(namespace=next(iter(namespaces))))
    return _storages(_bytes().filter(namespace__in=namespaces))


def _bytes() -> QuerySet[Quota, Any]:
    return (
        Quota.objects.filter(resource=Resource.BYTES)
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


_one_storage: Prepared[Any] = Prepared(
    lambda: _bytes().filter(namespace_id=Given("namespace", Quota.namespace))
)


def _storages(rows: Iterable[Any]) -> dict[int, Storage]:
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


def room_in(*, namespace: Namespace) -> dict[str, int]:
    """Return, by resource, of how many more there is room within a namespace's and its account's limits.

    What nothing limits is left out, and so is storage, of which `quotas.services.fitting` tells. One query.
    """
    of = Q(namespace=namespace)
    if namespace.account_id is not None:
        of |= Q(account=namespace.account_id)
    limited = Quota.objects.filter(of, limit__isnull=False).exclude(resource=Resource.BYTES)
    found = limited.values_list("resource").annotate(room=Min(F("limit") - F("used"))).order_by()
    return {resource: max(room, 0) for resource, room in found}


def forecasts(*, numbers: Iterable[Quota]) -> dict[str, Forecast]:
    """Return, of those quotas that are limited, when they will be full if usage goes on as it did; one query.

    By resource, so the quotas are of one owner. The pace is that since the oldest sample of the last 30 days
    if it is a week old. What is full already has no forecast.
    """
    rows = {row.pk: row for row in numbers if (limit_of(row) or 0) > row.used}
    today = timezone.now().date()
    span = (today - timedelta(days=FORECAST_DAYS), today - timedelta(days=FORECAST_DAYS_MIN))
    samples = UsageSample.objects.filter(quota__in=rows, day__range=span).order_by("quota", "-day")
    oldest = {sample.quota_id: sample for sample in samples}
    return {
        row.resource: _forecast(row, oldest[pk], today) if pk in oldest else Forecast(0)
        for pk, row in rows.items()
    }


def _forecast(row: Quota, sample: UsageSample, today: date) -> Forecast:
    past, grown = (today - sample.day).days, row.used - sample.used
    left = (limit_of(row) or 0) - row.used
    days = -(-left * past // grown) if grown > 0 else FORECAST_MAX + 1
    if days > FORECAST_MAX:
        return Forecast(past)
    return Forecast(past, days, today + timedelta(days=days))


def limit_requests(*, namespace: Namespace) -> QuerySet[LimitRequest]:
    """Return what was asked for in a namespace, newest first, with the quotas; whoever calls has checked."""
    found = LimitRequest.objects.filter(quota__namespace=namespace)
    return found.select_related("quota").order_by("-pk")


def limit_request(*, namespace: Namespace, uuid: str) -> LimitRequest:
    """Return one of `limit_requests`. Raises NotFound."""
    try:
        found = limit_requests(namespace=namespace).filter(uuid=UUID(uuid)).first()
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no such request")
    return found


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
