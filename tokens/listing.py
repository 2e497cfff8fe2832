"""All credentials of an organization in one list, and what is to be said about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from core.errors import Forbidden
from permissions.catalogue import APPLICATION_LIST, CREDENTIAL_LIST, Ladder, Level
from permissions.checks import ceiling, require
from tokens.kinds import Kind
from tokens.models import Application, Credential

if TYPE_CHECKING:
    from collections.abc import Collection

    from accounts.models import Organization
    from core.actor import Actor

EXPIRING_DAYS, IDLE_DAYS, UNUSED_DAYS = 14, 30, 90


@dataclass
class CredentialCounts:
    """How many credentials there are, by kind and by what is to be said about them; one may be in several."""

    all: int = 0
    by_state: dict[str, int] = field(default_factory=dict)
    by_kind: dict[str, int] = field(default_factory=dict)


def of_whole(*, actor: Actor, organization: Organization) -> QuerySet[Credential]:
    """Return all credentials of an organization that are not revoked, newest first.

    Its own, and those of its robots, projects and applications, with what they belong to.

    Raises:
        Forbidden: not an administrator, or by a credential that reaches less than they do.
    """
    require(actor, CREDENTIAL_LIST, organization)
    if ceiling(actor, Ladder.PROJECT) < Level.ADMIN:
        raise Forbidden(
            "The token's scopes do not reach the organization's projects", namespace=organization.namespace
        )
    namespace, every = organization.namespace_id, Credential.objects.filter(revoked_at=None)
    # One index each, where "or" over so many tables would read them all.
    mine = (
        every.filter(organization=organization)
        .values("pk")
        .union(
            every.filter(robot__namespace=namespace).values("pk"),
            every.filter(project__namespace=namespace, project__deleted_at=None).values("pk"),
            every.filter(application__namespace=namespace).values("pk"),
        )
    )
    return (
        Credential.objects.filter(pk__in=mine)
        .select_related("robot", "project", "application", "organization", "user", "issued_by")
        .order_by("-pk")
    )


def narrowed(
    found: QuerySet[Credential],
    *,
    organization: Organization,
    state: str = "",
    kind: str = "",
    search: str = "",
) -> QuerySet[Credential]:
    """Return those of a list that are of a state and a kind, and have a text in title or owner."""
    condition = states(organization.token_max_days).get(state)
    if condition is not None:
        found = found.filter(condition)
    if kind in Kind.values:
        found = found.filter(kind=kind)
    if search:
        found = found.filter(
            Q(title__icontains=search)
            | Q(hint__istartswith=search)
            | Q(robot__shortname__icontains=search)
            | Q(project__slug__icontains=search)
            | Q(application__name__icontains=search)
            | Q(user__username__icontains=search)
        )
    return found


def credential_counts(
    *, actor: Actor, organization: Organization, kinds: Collection[str] = tuple(Kind.values)
) -> CredentialCounts:
    """Count an organization's credentials by state and by kind; one query. Raises as `of_whole`."""
    asked = {
        f"state_{name}": Count("pk", filter=condition)
        for name, condition in states(organization.token_max_days).items()
    }
    asked |= {f"kind_{name}": Count("pk", filter=Q(kind=name)) for name in kinds}
    every = of_whole(actor=actor, organization=organization).order_by()
    told = every.aggregate(all=Count("pk"), **asked)
    return CredentialCounts(
        told["all"],
        {name[6:]: number for name, number in told.items() if name.startswith("state_")},
        {name[5:]: number for name, number in told.items() if name.startswith("kind_")},
    )


def own_counts(found: QuerySet[Credential]) -> dict[str, int]:
    """Count a person's credentials, which a selector returned, by state; all of them by ""; one query."""
    asked = {name: Count("pk", filter=condition) for name, condition in own_states().items()}
    told = found.order_by().aggregate(all=Count("pk"), **asked)
    return {"": told.pop("all"), **told}


def own_states() -> dict[str, Q]:
    """Return what the states ask of which a person looks after her own credentials."""
    every = states()
    return {name: every[name] for name in ("expiring", "never", "idle", "unused", "endless")}


def used_applications(*, actor: Actor, organization: Organization) -> QuerySet[Application]:
    """Return an organization's applications, oldest first, each with when a token of it was used last.

    Raises:
        Forbidden: not an administrator.
    """
    require(actor, APPLICATION_LIST, organization)
    used = Credential.objects.filter(application=OuterRef("pk"), last_used_at__isnull=False)
    newest = Subquery(used.order_by("-last_used_at").values("last_used_at")[:1])
    found = Application.objects.filter(namespace=organization.namespace_id)
    return found.annotate(last_used_at=newest).order_by("pk")


def states(limit: int | None = None) -> dict[str, Q]:
    """Return what each state asks of a credential; what is switched off needs no other care.

    ``limit`` is for how many days an organization lets them live.
    """
    now = timezone.now()
    enabled = Q(disabled_at=None) & (Q(robot=None) | Q(robot__disabled_at=None))
    ended = Q(expires_at__isnull=False, expires_at__lte=now)
    living = enabled & (Q(expires_at=None) | Q(expires_at__gt=now))

    def unused(days: int) -> Q:
        since = now - timedelta(days=days)
        return living & (Q(last_used_at__lt=since) | Q(last_used_at=None, created_at__lt=since))

    found = {
        "expiring": enabled
        & Q(expires_at__gt=now, expires_at__lte=now + timedelta(days=EXPIRING_DAYS), replaced_at=None),
        "never": living & Q(last_used_at=None),
        "idle": unused(IDLE_DAYS),
        "unused": unused(UNUSED_DAYS),
        "endless": enabled & Q(expires_at=None),
        "expired": enabled & ended,
        "disabled": ~enabled,
    }
    if limit is not None:
        # A day more: a chosen day ends at its midnight.
        beyond = Q(expires_at__gt=F("created_at") + timedelta(days=limit + 1))
        found["over"] = living & (Q(expires_at=None) | beyond)
    return found
