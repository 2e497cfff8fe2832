"""What must hold after every change: somebody administers each organization and each group account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from accounts.models import Account, AccountAdministrator, Membership, Organization, TeamMember, User
from accounts.selectors import NOT_YOURS, UNADMINISTERED, administers, is_administered
from core.db import hold
from core.errors import Conflict, Invalid
from core.words import say
from logs.kinds import ACCOUNT_ADD_ADMINISTRATOR, ACCOUNT_DELETE
from logs.record import record
from permissions.checks import require

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import Team
    from core.actor import Actor
    from permissions.catalogue import Right


def lock(organizations: QuerySet[Organization]) -> list[Organization]:
    """Lock organizations, in the order of their keys, so that changes to who is in them queue up."""
    rows = organizations.select_for_update(of=("self",), no_key=True).select_related("namespace")
    return list(rows.order_by("pk"))


def enter(actor: Actor, right: Right, organization: Organization) -> None:
    """Hold a living organization for the rest of the transaction, and ask again whether the actor may.

    Somebody else may have deleted it, or have taken the actor's role, while she waited.

    Raises:
        NotFound: it is deleted.
        Forbidden: the right is lost.
    """
    hold(organization, gone=say("Organization not found"))
    actor.forget()
    require(actor, right, organization)


def not_synchronized(team: Team) -> None:
    """Raise Invalid where a directory decides who is in the team."""
    if team.sync_service:
        raise Invalid("A directory decides who is in this team")


def keep_an_administrator(organization: Organization) -> None:
    """Raise Conflict if nobody administers the organization any more. The organization must be locked."""
    if not is_administered(organization.pk):
        raise Conflict(UNADMINISTERED)


def keep_own_administration(actor: Actor, organization: Organization, was: bool) -> None:
    """Raise Invalid if the acting person has just taken the last of her own admin rights."""
    if was and not administers_now(actor, organization):
        raise Invalid(NOT_YOURS)


def administers_now(actor: Actor, organization: Organization) -> bool:
    """Tell, from the database, whether the acting person administers the organization by a role in it."""
    actor.forget()
    return administers(actor, organization)


def hand_over_accounts(*, actor: Actor, user: User, heirs: bool = True) -> None:
    """Find heirs for the group accounts that a leaving person administers alone; empty ones end with her.

    Comes before her organizations are locked: who holds accounts and organizations holds accounts first.

    Raises:
        Conflict: an account that holds organizations has no heir; without ``heirs``, she is the last
            administrator of any account.
    """
    hers = (
        Account.objects.select_for_update(of=("self",), no_key=True)
        .filter(kind=Account.Kind.GROUP, deleted_at=None, administrators=user)
        .order_by("pk")
    )
    for account in hers:
        others = account.administrators.exclude(pk=user.pk).filter(is_active=True)
        if others.exists():
            continue
        heir = _heir(account, user) if heirs else None
        if not heirs or (heir is None and account.organizations.filter(deleted_at=None).exists()):
            raise Conflict(
                say("The account {name} would be left without an administrator", name=account.name)
            )
        if heir is None:
            account.deleted_at = timezone.now()
            account.save(update_fields=["deleted_at"])
            record(ACCOUNT_DELETE, actor=actor, account=account.name)
            continue
        AccountAdministrator.objects.create(account=account, user=heir)
        record(ACCOUNT_ADD_ADMINISTRATOR, actor=actor, account=account.name, member=heir.username)
    AccountAdministrator.objects.filter(user=user).delete()


def _heir(account: Account, leaving: User) -> User | None:
    living = Organization.objects.filter(account=account, deleted_at=None)
    direct = Membership.objects.filter(organization__in=living, role__in=["owner", "admin"])
    by_team = TeamMember.objects.filter(team__organization__in=living, team__role="admin")
    # Whoever is being changed at this moment may be leaving, too, and would only be waited for.
    heirs = (
        User.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(is_active=True, deleted_at=None)
        .exclude(pk=leaving.pk)
        .order_by("pk")
    )
    return (
        heirs.filter(pk__in=direct.values("user")).first()
        or heirs.filter(pk__in=by_team.values("user")).first()
    )
