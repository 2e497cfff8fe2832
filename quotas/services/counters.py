"""Reserving and releasing, exactly, under any concurrency; and setting limits."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet, Value

from accounts.models import Namespace
from core.errors import Invalid, NotFound, QuotaExceeded
from core.prepared import Given, PreparedUpdate
from core.words import say
from logs.kinds import CHANGE_LIMIT
from logs.record import record
from permissions.catalogue import QUOTA_MANAGE
from permissions.checks import require
from quotas.models import Quota, Resource, Threshold
from trash.archive import take

if TYPE_CHECKING:
    from accounts.models import Account
    from core.actor import Actor
    from trash.models import Trashed

OF_NAMESPACE = (Resource.BYTES, Resource.PROJECTS, Resource.ROBOTS, Resource.MEMBERS)
OF_ACCOUNT = (*OF_NAMESPACE, Resource.ORGANIZATIONS)


def open_for(*, namespace: Namespace | None = None, account: Account | None = None) -> None:
    """Create the counting rows of a new namespace or account."""
    Quota.objects.bulk_create(drafts(namespace=namespace, account=account))


def drafts(*, namespace: Namespace | None = None, account: Account | None = None) -> list[Quota]:
    """Return the counting rows of a new namespace or account, not yet written."""
    if namespace is not None:
        return [Quota(namespace=namespace, resource=resource) for resource in OF_NAMESPACE]
    return [Quota(account=account, resource=resource) for resource in OF_ACCOUNT]


def adopt(*, namespace: Namespace, account: Account) -> None:
    """Count what a namespace holds already against a new account, whose rows are open and empty."""
    held = Quota.objects.filter(namespace=namespace).select_for_update(no_key=True).order_by("pk")
    for resource, used in held.values_list("resource", "used"):
        Quota.objects.filter(account=account, resource=resource).update(used=used)


def reserve(
    *,
    resource: Resource,
    namespace: Namespace | None = None,
    account_id: int | None = None,
    amount: int = 1,
    by_name: bool = False,
) -> None:
    """Count ``amount`` more of a resource against the namespace and its account, or refuse.

    Call it inside the transaction that creates the thing: a refusal, like any later failure, undoes it. Rows
    are taken in one order, the namespace's, the account's, the thing's own, so that no two transactions wait
    for each other; and a namespace whose row is taken does not die meanwhile. With ``by_name``
    the namespace's limit of projects that are made by name holds, too.

    Raises:
        QuotaExceeded: the limit would be passed.
        NotFound: the namespace or the account is deleted.
    """
    for key, whose in _owners(namespace, account_id):
        asks_name = by_name and whose == "namespace"
        taking = _taking(whose, max(settings.PROJECTS_BY_NAME, 0) if asks_name else None)
        if taking(owner=key, resource=resource, amount=amount):
            continue
        if not Quota.objects.filter(Q(**{whose: key}), resource=resource).exists():
            raise NotFound(say("The {whose} was deleted just now", whose=say(whose)))
        label = Resource(resource).label
        raise QuotaExceeded(
            say("The limit of {label} of this {whose} is reached", label=say(label), whose=say(whose)),
            resource=str(resource),
            namespace=namespace,
        )


@cache
def _taking(whose: str, by_name: int | None) -> PreparedUpdate:
    """Return what counts more against an owner, where that fits.

    ``by_name`` is the instance's own limit of projects that are made by name, 0 for none; None: not asked.
    """

    def build() -> tuple[QuerySet[Quota], dict[str, Any]]:
        then = F("used") + Given("amount", Quota.used)
        rows = Quota.objects.filter(
            Q(limit=None) | Q(limit__gte=then),
            resource=Given("resource", Quota.resource),
            **{whose: Given("owner", Namespace.id)},
        )
        if by_name is not None:
            usual = Q(by_name_limit=None)
            if by_name:
                usual &= Q(used__lte=Value(by_name) - Given("amount", Quota.used))
            rows = rows.filter(Q(by_name_limit__gte=then) | usual)
        return rows, {"used": then}

    return PreparedUpdate(build)


def release(
    *,
    resource: Resource,
    namespace: Namespace | None = None,
    account_id: int | None = None,
    amount: int = 1,
) -> None:
    """Give back what was reserved, in the transaction that deletes the thing and before its row is touched.

    Nothing is given back twice: of a dead namespace all was given back when it died, and of a thing that
    somebody else deleted just now the caller finds no row and undoes this.
    """
    if amount:
        for key, whose in _owners(namespace, account_id):
            counted = Quota.objects.filter(Q(**{whose: key}), resource=resource, used__gte=amount)
            if not counted.update(used=F("used") - amount):
                break


def close(*, namespace: Namespace, account_id: int | None = None, thing: Trashed | None = None) -> None:
    """End the counting rows of a dying namespace and give back to its account all that they counted.

    With a ``thing`` the rows go into the trash: `reopen` counts again when they are back.
    """
    rows = Quota.objects.filter(namespace=namespace)
    counted = {row.resource: row.used for row in rows.select_for_update().order_by("pk")}
    if account_id is not None:
        # In the order of the rows, for those who wait for several of them.
        for resource in OF_NAMESPACE:
            release(resource=resource, account_id=account_id, amount=counted.get(resource, 0))
    if thing is None:
        rows.delete()
    else:
        take(thing, Threshold.objects.filter(quota__namespace=namespace))
        take(thing, rows)


def reopen(*, namespace: Namespace, account_id: int, used: dict[str, int]) -> None:
    """Count in the rows of a namespace, which are back, what is used by now, and in its account as well.

    Raises:
        QuotaExceeded: a limit of the account would be passed.
        Invalid: more than can be counted.
    """
    for resource in OF_NAMESPACE:
        Quota.objects.filter(namespace=namespace, resource=resource).update(used=used[resource])
    for resource in OF_NAMESPACE:
        if used[resource]:
            row = Quota.objects.select_for_update(no_key=True).get(account=account_id, resource=resource)
            if row.used + used[resource] >= 2**63:
                raise Invalid("That is more than can be counted")
            reserve(resource=resource, account_id=account_id, amount=used[resource])


def close_account(*, account: Account) -> None:
    """End the counting rows of a dying account, whose namespaces are closed."""
    Quota.objects.filter(account=account).delete()


def _owners(namespace: Namespace | None, account_id: int | None) -> list[tuple[int, str]]:
    owners = [(namespace.pk, "namespace")] if namespace is not None else []
    return [*owners, (account_id, "account")] if account_id is not None else owners


@transaction.atomic
def set_limit(
    *,
    actor: Actor,
    resource: Resource,
    limit: int | None,
    namespace: Namespace | None = None,
    account: Account | None = None,
) -> Quota:
    """Set or lift (None) a limit. A limit below what is used refuses growth and deletes nothing.

    Raises:
        Forbidden: only superusers set limits.
        Invalid: the limit is negative.
        NotFound: this owner does not have the resource.
    """
    require(actor, QUOTA_MANAGE)
    quota = _held(limit, resource=resource, namespace=namespace, account=account)
    previous, quota.limit = quota.limit, limit
    quota.save(update_fields=["limit"])
    record(
        CHANGE_LIMIT,
        actor=actor,
        namespace=namespace,
        resource=str(resource),
        limit=limit,
        previous_limit=previous,
        account=account.name if account else "",
    )
    return quota


@transaction.atomic
def set_limit_by_name(*, actor: Actor, namespace: Namespace, limit: int | None) -> Quota:
    """Set how many projects an organization may have for one more to be made by name; None: the default.

    It counts all projects, whatever way they came; see `Quota.by_name_limit`.

    Raises:
        Forbidden: only superusers set limits.
        Invalid: the limit is negative.
        NotFound: the namespace is deleted, or a person's: hers are not made by name.
    """
    require(actor, QUOTA_MANAGE)
    if namespace.kind != Namespace.Kind.ORGANIZATION:
        raise NotFound("Only an organization's projects are made by name")
    quota = _held(limit, resource=Resource.PROJECTS, namespace=namespace, account=None)
    previous, quota.by_name_limit = quota.by_name_limit, limit
    quota.save(update_fields=["by_name_limit"])
    record(
        CHANGE_LIMIT,
        actor=actor,
        namespace=namespace,
        resource="projects made by name",
        limit=limit,
        previous_limit=previous,
        account="",
    )
    return quota


def _held(limit: int | None, **whose: Any) -> Quota:
    """Return a counter, held, if the limit may be one."""
    if limit is not None and not 0 <= limit < 2**63:
        raise Invalid("A limit is a whole number from 0", field="limit")
    quota = Quota.objects.select_for_update(no_key=True).filter(**whose).first()
    if quota is None:
        raise NotFound(say("There is no limit of {resource} here", resource=whose["resource"]))
    return quota
