"""Organizations and namespaces: by name, by key, by their link, and one's own."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Upper

from accounts.models import Account, Membership, Namespace, Organization, TeamMember, User
from core.errors import Forbidden, NotFound, Unauthenticated
from core.names import fold
from core.prepared import Given, Prepared
from core.words import say
from permissions.catalogue import ACCOUNT_READ, INSTANCE_READ, ORGANIZATION_READ, Level, Right
from permissions.checks import check, has_full_access, is_readonly_superuser, require, sees
from permissions.factors import with_second_factor

if TYPE_CHECKING:
    from core.actor import Actor


def organization(*, actor: Actor, name: str, right: Right | None = None) -> Organization:
    """Return a living organization, with its namespace.

    Without ``right`` anybody may learn that it exists. With one, rights come first: who would not be allowed
    on any organization of that name is refused in the same words, whether it exists or not.

    Raises:
        Unauthenticated, Forbidden: the right is lacking.
        NotFound: there is none, and the actor may know.
    """
    found = _organization.first(key=fold(name))
    if found is None:
        _refuse_unknown(actor, right)
        raise NotFound("Organization not found", absent="organization")
    # The namespace's way back to its organization is known: spare the query.
    found.namespace.organization = found
    if right is not None:
        require(actor, right, found)
    return found


# At most one lives under a key.
_organization: Prepared[Organization] = Prepared(
    lambda: Organization.objects.select_related("namespace", "account").filter(
        namespace__key=Given("key", Namespace.key), namespace__deleted_at=None, deleted_at=None
    )
)


def _refuse_unknown(actor: Actor, right: Right | None) -> None:
    if right is None or has_full_access(actor) or (right.reading and is_readonly_superuser(actor)):
        return
    if actor.is_anonymous:
        raise Unauthenticated(say("Sign in to {right}", right=say(right.sentence)), right=right.name)
    raise Forbidden(say("Your role does not allow to {right}", right=say(right.sentence)), right=right.name)


def namespace(*, actor: Actor, name: str, right: Right | None = None) -> Namespace:
    """Return a living namespace with its owner. Raises as `organization`."""
    found = _namespace.first(key=fold(name))
    if found is None:
        _refuse_unknown(actor, right)
        raise NotFound("Namespace not found", absent="namespace")
    if found.kind == Namespace.Kind.ORGANIZATION:
        found.organization.namespace = found
    else:
        found.user.namespace = found
    if right is not None:
        require(actor, right, found)
    return found


_namespace: Prepared[Namespace] = Prepared(
    lambda: Namespace.objects.select_related("organization__account", "user").filter(
        key=Given("key", Namespace.key), deleted_at=None
    )
)


def organization_by_key(*, actor: Actor, pk: int, right: Right) -> Organization:
    """Return a living organization by its key, on which the actor has the right.

    Whoever may not see its inside learns nothing of it.

    Raises:
        NotFound: there is none, or not for this actor.
        Forbidden: she sees it, and lacks the right; or is in it, and lacks the second factor it asks for.
    """
    found = _organization_by_key.first(pk=pk)
    if found is None or not (check(actor, INSTANCE_READ) or sees(actor, ORGANIZATION_READ, found)):
        raise NotFound("Organization not found", absent="organization")
    found.namespace.organization = found
    if right != ORGANIZATION_READ:
        require(actor, right, found)
    return found


_organization_by_key: Prepared[Organization] = Prepared(
    lambda: Organization.objects.select_related("namespace", "account").filter(
        pk=Given("pk", Organization.id), deleted_at=None
    )
)


def linked_organization(*, actor: Actor, provider: str, name: str) -> Organization:
    """Return the living organization that is linked to a Git provider's; who may see what is asked later.

    Raises:
        NotFound: none is linked to it.
    """
    found = _linked.first(provider=provider, name=name) if provider else None
    if found is None:
        raise NotFound("Organization not found", absent="organization")
    found.namespace.organization = found
    return found


_linked: Prepared[Organization] = Prepared(
    lambda: (
        Organization.objects.select_related("namespace", "account")
        .alias(linked=Upper("provider_organization"))
        .filter(
            provider=Given("provider", Organization.provider),
            linked=Upper(Given("name", Organization.provider_organization)),
            deleted_at=None,
        )
        .order_by("pk")[:1]
    )
)


def linked_organizations(*, actor: Actor, provider: str = "") -> QuerySet[Organization]:
    """Return the acting person's organizations that are linked to a Git provider's, by name."""
    require(actor, ACCOUNT_READ)
    mine = Membership.objects.filter(user=actor.user, organization=OuterRef("pk"))
    found = Organization.objects.filter(Exists(mine), deleted_at=None).exclude(provider="")
    found = found.exclude(provider_organization="")
    return (found.filter(provider=provider) if provider else found).order_by("slug")


def own_organizations(*, actor: Actor) -> list[Membership]:
    """Return the acting person's memberships, their organizations and best roles: one query each.

    Each has ``best_level`` (the strongest of the direct role and her teams'), and ``is_withheld`` where it
    gives her nothing while she has no second factor.
    """
    require(actor, ACCOUNT_READ)
    if actor.user is None:
        return []
    mine = _memberships(user=actor.user.pk)
    best: dict[int, Level] = {}
    for organization_id, role in _team_roles(user=actor.user.pk):
        level = LEVEL[role]
        best[organization_id] = max(best.get(organization_id, Level.NONE), level)
    for membership in mine:
        direct = LEVEL[membership.role]
        held = max(direct, best.get(membership.organization_id, Level.NONE))
        membership.best_level = Level.NONE if membership.is_withheld else held  # type: ignore[attr-defined] # annotated
    return mine


_memberships: Prepared[Membership] = Prepared(
    lambda: (
        Membership.objects.filter(user_id=Given("user", User.id), organization__deleted_at=None)
        .annotate(is_withheld=Q(organization__requires_second_factor=True) & ~with_second_factor("user"))
        .select_related("organization__namespace")
        .order_by("organization__slug")
    )
)


_team_roles: Prepared[tuple[int, str]] = Prepared(
    lambda: TeamMember.objects.filter(user_id=Given("user", User.id)).values_list(
        "team__organization", "team__role"
    )
)


# What wires have words for: to them an auditor is a member.
LEVEL = {
    "auditor": Level.READ,
    "member": Level.READ,
    "creator": Level.WRITE,
    "admin": Level.ADMIN,
    "owner": Level.OWNER,
}


def open_organizations(*, actor: Actor, besides: Collection[int] = ()) -> QuerySet[Organization]:
    """Return, by name, what is open to who reads the whole instance without being a member; else nothing."""
    if not (has_full_access(actor) or is_readonly_superuser(actor)):
        return Organization.objects.none()
    return (
        Organization.objects.filter(deleted_at=None)
        .exclude(pk__in=besides)
        .select_related("namespace")
        .order_by("slug")
    )


def all_organizations(*, actor: Actor) -> QuerySet[Organization]:
    """Return every living organization, oldest first, for superusers and read-only superusers."""
    require(actor, INSTANCE_READ)
    return Organization.objects.filter(deleted_at=None).select_related("namespace").order_by("pk")


def organizations_of(*, actor: Actor, account: Account) -> QuerySet[Organization]:
    """Return an account's living organizations, oldest first: all to who administers it, else one's own."""
    found = Organization.objects.filter(account=account, deleted_at=None).order_by("pk")
    if check(actor, INSTANCE_READ) or account.administrators.filter(pk=getattr(actor.user, "pk", 0)).exists():
        return found
    return found.filter(Exists(Membership.objects.filter(organization=OuterRef("pk"), user=actor.user)))
