"""Leaving an organization: what somebody leaves behind, and why she has to stay."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Subquery

from accounts.models import Account, Membership, TeamMember
from core.errors import NotFound
from core.names import fold
from core.words import say
from permissions.catalogue import ACCOUNT_READ, Level, OrganizationRole
from permissions.checks import has_full_access, organization_paths, require
from permissions.models import DefaultGrant, Grant

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from accounts.models import Organization, Team
    from core.actor import Actor

NOT_IN = say("You are not in this organization")
UNADMINISTERED = say("The organization would be left without an administrator")
NOT_YOURS = say("This would end your own administration of the organization")
ADMINISTRATORS = (OrganizationRole.OWNER, OrganizationRole.ADMIN)


@dataclass(frozen=True)
class Parting:
    """What ends for somebody who leaves: ``grants`` are projects with her own role on each.

    ``account`` names the group account that she goes on administering, if she does. ``refusal`` says why she
    cannot leave, if she cannot.
    """

    membership: Membership
    teams: list[str]
    grants: list[tuple[str, str]]
    gets_new_projects: bool
    account: str
    refusal: str


def parting(*, actor: Actor, name: str) -> Parting:
    """Return what would end for the acting person if she left the organization of that name.

    Raises:
        Unauthenticated, Forbidden: nobody, or a token that may not tell of her account.
        NotFound: she is in no such organization.
    """
    require(actor, ACCOUNT_READ)
    named = Membership.objects.filter(
        user=actor.user, organization__namespace__key=fold(name), organization__deleted_at=None
    )
    rules = DefaultGrant.objects.filter(organization=OuterRef("organization"), user=OuterRef("user"))
    accounts = Account.objects.filter(pk=OuterRef("organization__account"), administrators=OuterRef("user"))
    told = named.annotate(gets=Exists(rules), account=Subquery(accounts.values("name")[:1]))
    membership = told.select_related("organization__namespace", "user").first()
    if membership is None:
        raise NotFound(NOT_IN)
    seats = _seats(membership)
    grants = Grant.objects.filter(
        project__namespace=membership.organization.namespace_id,
        project__deleted_at=None,
        user=membership.user,
    )
    return Parting(
        membership=membership,
        teams=[slug for slug, _role, _sync in seats],
        grants=list(grants.order_by("project__slug").values_list("project__slug", "role")),
        gets_new_projects=membership.gets,
        account=membership.account or "",
        refusal=why_stay(membership=membership, seats=seats),
    )


def _seats(membership: Membership) -> list[tuple[str, str, str]]:
    """Return the teams of a member: slug, role, and by which directory it is filled, if by any."""
    hers = TeamMember.objects.filter(
        team__organization=membership.organization_id, user=membership.user_id
    ).order_by("team__slug")
    return list(hers.values_list("team__slug", "team__role", "team__sync_service"))


def why_stay(*, membership: Membership, seats: list[tuple[str, str, str]] | None = None) -> str:
    """Return why a member cannot leave, empty if she can.

    A directory would bring her back at its next comparison; and somebody has to own what was hers alone.
    """
    seats = _seats(membership) if seats is None else seats
    for slug, _role, sync in seats:
        if sync:
            return say(
                "A directory decides who is in the team {team}, and would bring you back: "
                "ask whoever manages its group to take you out of that",
                team=slug,
            )
    if membership.role == OrganizationRole.OWNER:
        others = Membership.objects.filter(organization=membership.organization_id, user__is_active=True)
        if not others.filter(role=OrganizationRole.OWNER).exclude(user=membership.user_id).exists():
            return say(
                "You are its only owner: make somebody else an owner first, or delete the organization"
            )
        return ""
    administers = membership.role == OrganizationRole.ADMIN or "admin" in [
        role for _slug, role, _sync in seats
    ]
    if administers and not is_administered(membership.organization_id, besides=membership.user_id):
        return say("Nobody else administers it: make somebody else an administrator first")
    return ""


def is_administered(organization: int, *, besides: int = 0, without: Collection[int] = ()) -> bool:
    """Tell whether somebody administers an organization, by its key, by a role of her own or by a team.

    ``besides`` is the key of somebody who does not count, ``without`` are those of teams that do not.
    """
    direct = Membership.objects.filter(
        organization=organization, role__in=ADMINISTRATORS, user__is_active=True
    ).exclude(user=besides)
    by_team = TeamMember.objects.filter(
        team__organization=organization, team__role="admin", user__is_active=True
    ).exclude(user=besides)
    if without:
        by_team = by_team.exclude(team__in=without)
    return direct.exists() or by_team.exists()


def administers(actor: Actor, organization: Organization, *, without: Collection[str] = ()) -> bool:
    """Tell whether the acting person administers an organization by a role in it.

    ``without`` are slugs of teams that do not count.
    """
    paths = organization_paths(actor, organization)
    return any(path.level >= Level.ADMIN and (not path.team or path.team not in without) for path in paths)


def teams_that_stay(*, actor: Actor, organization: Organization, teams: Sequence[Team]) -> dict[int, str]:
    """Return why those of some teams stay, by their keys, that cannot be deleted, one after the other.

    It is one at most where somebody administers the organization now: by it somebody does so still.
    """
    is_bound = administers(actor, organization) and not has_full_access(actor)

    def why(gone: Sequence[Team]) -> str:
        if not is_administered(organization.pk, without=[team.pk for team in gone]):
            return UNADMINISTERED
        if is_bound and not administers(actor, organization, without={team.slug for team in gone}):
            return NOT_YOURS
        return ""

    if not why(teams):
        return {}
    if now := why([]):
        return {team.pk: now for team in teams}
    first = bisect_left(range(len(teams)), True, key=lambda at: bool(why(teams[: at + 1])))
    return {teams[first].pk: why(teams[: first + 1])}
