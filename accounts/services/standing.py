"""Roles in an organization for wires that know two: who administers, and who is a member."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from accounts.models import Membership, Organization, Team, User
from accounts.services.organizations import remove_member, set_member_role
from accounts.services.teams import remove_team_member
from core.errors import Conflict, NotFound
from core.words import say
from permissions.catalogue import MEMBER_CHANGE, MEMBER_REMOVE, OrganizationRole
from permissions.checks import require

if TYPE_CHECKING:
    from core.actor import Actor

ADMINISTRATORS = (OrganizationRole.OWNER, OrganizationRole.ADMIN)


@transaction.atomic
def set_standing(*, actor: Actor, organization: Organization, user: User, administrator: bool) -> None:
    """Make a person a member or an administrator of an organization; who is it already stays as she is.

    A member loses what made her an administrator, her place in teams of administrators too.

    Raises:
        Forbidden: not an administrator; or only an owner may unmake owners.
        Conflict: nobody would administer the organization any more.
        QuotaExceeded: the limit of members is reached.
    """
    require(actor, MEMBER_CHANGE, organization)
    row = Membership.objects.filter(organization=organization, user=user).first()
    teams = Team.objects.filter(organization=organization, role=Team.Role.ADMIN, members__user=user)
    is_direct = row is not None and row.role in ADMINISTRATORS
    if administrator:
        if not is_direct and not teams.exists():
            set_member_role(actor=actor, organization=organization, user=user, role=OrganizationRole.ADMIN)
        return
    if row is None or is_direct or (teams and not row.is_direct):
        set_member_role(actor=actor, organization=organization, user=user, role=OrganizationRole.MEMBER)
    for team in teams.order_by("pk"):
        remove_team_member(actor=actor, team=team, user=user)


@transaction.atomic
def end_standing(*, actor: Actor, organization: Organization, user: User) -> None:
    """Remove a member who answers for no project here; otherwise as `remove_member`.

    Raises:
        Forbidden: not an administrator.
        NotFound: she is not in the organization.
        Conflict: she is a project's contact, or the last administrator.
    """
    require(actor, MEMBER_REMOVE, organization)
    if not Membership.objects.filter(organization=organization, user=user).exists():
        raise NotFound("Member not found", absent="member")
    contact_of = user.contact_of.filter(namespace=organization.namespace_id, deleted_at=None).first()
    if contact_of is not None:
        raise Conflict(say("She is the contact of the project {name}", name=contact_of.name))
    remove_member(actor=actor, organization=organization, user=user)
