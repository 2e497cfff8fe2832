"""Teams, and who is in them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from accounts.models import Invitation, Membership, Organization, Robot, Team, TeamMember, User
from accounts.services.guards import (
    administers_now,
    enter,
    keep_an_administrator,
    keep_own_administration,
    not_synchronized,
)
from accounts.services.invitations import offer, record_withdrawn
from accounts.services.organizations import leave_if_teamless, seat
from core.db import hold, insert, update
from core.errors import Invalid, NotFound
from core.names import free_slug, is_namespace_name
from core.words import say
from logs.kinds import (
    ORG_ADD_TEAM_MEMBER,
    ORG_CHANGE_TEAM,
    ORG_CREATE_TEAM,
    ORG_DELETE_TEAM,
    ORG_REMOVE_TEAM_MEMBER,
    ORG_SET_TEAM_DESCRIPTION,
    ORG_SET_TEAM_ROLE,
)
from logs.record import record
from permissions.catalogue import (
    TEAM_CHANGE,
    TEAM_CREATE,
    TEAM_DELETE,
    TEAM_MEMBER_CHANGE,
    OrganizationRole,
)
from permissions.checks import has_full_access, require
from trash import services as trash

if TYPE_CHECKING:
    from core.actor import Actor

INVITATION_LIFETIME = timedelta(days=30)
UNKNOWN_CODE = say("Unknown invitation code")


@transaction.atomic
def create_team(
    *,
    actor: Actor,
    organization: Organization,
    slug: str = "",
    name: str = "",
    role: str = Team.Role.MEMBER,
    description: str = "",
    parent: Team | None = None,
) -> Team:
    """Create a team; without ``slug`` a free one is derived from ``name`` as typed.

    Raises:
        Forbidden: not an administrator.
        Invalid: the slug or the role breaks its rule, or the parent is another organization's.
        Conflict: a team of this organization has the slug or the name.
    """
    require(actor, TEAM_CREATE, organization)
    if parent is not None and parent.organization_id != organization.pk:
        raise Invalid("The parent belongs to another organization", field="parent")
    enter(actor, TEAM_CREATE, organization)
    if parent is not None:
        hold(parent)
    return _make(actor, organization, slug, name=name, role=role, description=description, parent=parent)


def _make(actor: Actor, organization: Organization, slug: str, *, name: str = "", **fields: Any) -> Team:
    if slug and not is_namespace_name(slug):
        raise Invalid(say("Invalid team name {slug!r}", slug=slug), field="name")
    wanted = slug or name
    slug = slug or free_slug(name, lambda one: organization.teams.filter(slug=one).exists())
    team = Team(organization=organization, slug=slug, name=name or slug, **fields)
    insert(team, taken=say("A team with name {wanted} already exists", wanted=wanted))
    record(ORG_CREATE_TEAM, actor=actor, namespace=organization.namespace, team=slug)
    return team


@transaction.atomic
def put_team(
    *,
    actor: Actor,
    organization: Organization,
    slug: str,
    role: str,
    description: str | None = None,
    teams_only: bool = False,
) -> tuple[Team, bool]:
    """Create the team of that slug, or change it if there is one; return it and whether it is new.

    Raises:
        Forbidden, Invalid, Conflict: as `create_team` and `change_team`.
    """
    require(actor, TEAM_CHANGE, organization)
    enter(actor, TEAM_CHANGE, organization)
    team = Team.objects.filter(organization=organization, slug=slug).first()
    if team is None:
        return _make(actor, organization, slug, role=role, description=description or ""), True
    team.organization = organization
    _change(actor, team, role=role, description=description, teams_only=teams_only)
    return team, False


@transaction.atomic
def change_team(
    *,
    actor: Actor,
    team: Team,
    role: str | None = None,
    description: str | None = None,
    name: str | None = None,
    teams_only: bool = False,
) -> Team:
    """Change a team's role, description or name as typed; None leaves as it is.

    ``teams_only``: as in `delete_team`, when the team is an admin team no more.

    Raises:
        Forbidden: not an administrator.
        Invalid: unknown role, or the change would end the acting person's own administration.
        Conflict: nobody would administer the organization any more, or the name is taken.
        NotFound: somebody else deleted the team just now.
    """
    require(actor, TEAM_CHANGE, team.organization)
    enter(actor, TEAM_CHANGE, team.organization)
    now = hold(team, gone=say("Team {slug} not found", slug=team.slug))
    team.role, team.description, team.name = now.role, now.description, now.name
    _change(actor, team, role=role, description=description, name=name, teams_only=teams_only)
    return team


def _change(
    actor: Actor,
    team: Team,
    *,
    role: str | None = None,
    description: str | None = None,
    name: str | None = None,
    teams_only: bool = False,
) -> None:
    organization, namespace = team.organization, team.organization.namespace
    if description is not None and description != team.description:
        team.description = description
        update(team, "description")
        told = {"team": team.slug, "description": description}
        record(ORG_SET_TEAM_DESCRIPTION, actor=actor, namespace=namespace, metadata=told)
    if name is not None and name != team.name:
        old, team.name = team.name, name
        update(team, "name", taken=say("A team with name {name} already exists", name=name))
        record(
            ORG_CHANGE_TEAM, actor=actor, namespace=namespace, team=team.slug, fields=["name"], old_name=old
        )
    if role is not None and role != team.role:
        was = administers_now(actor, organization)
        was_admin, team.role = team.role == Team.Role.ADMIN, role
        update(team, "role")
        if teams_only and was_admin:
            _end_direct_administration(organization, _people(team))
        keep_an_administrator(organization)
        keep_own_administration(actor, organization, was)
        actor.forget()
        record(ORG_SET_TEAM_ROLE, actor=actor, namespace=namespace, team=team.slug, role=role)


@transaction.atomic
def delete_team(*, actor: Actor, team: Team, teams_only: bool = False) -> None:
    """Delete a team; what its members had by it alone ends. It can be restored from the trash.

    ``teams_only`` speaks for a wire on which roles come from teams alone: members of a deleted admin team
    lose their direct administration as well.

    Raises:
        Forbidden: not an administrator.
        Invalid: it would end the acting person's own administration.
        Conflict: nobody would administer the organization any more.
        NotFound: somebody else deleted it just now.
    """
    organization = team.organization
    require(actor, TEAM_DELETE, organization)
    enter(actor, TEAM_DELETE, organization)
    now = hold(team, gone=say("Team {slug} not found", slug=team.slug))
    was = administers_now(actor, organization)
    people = _people(team)
    thing = trash.put(
        actor=actor,
        kind=trash.Kind.TEAM,
        namespace=organization.namespace,
        target=team.pk,
        name=now.slug,
        title=now.name,
    )
    if thing is None:
        Team.objects.filter(pk=team.pk).delete()
    else:
        trash.move(thing.pk)
    if teams_only and now.role == Team.Role.ADMIN:
        _end_direct_administration(organization, people)
    leave_if_teamless(organization, people, thing)
    keep_an_administrator(organization)
    keep_own_administration(actor, organization, was and not has_full_access(actor))
    actor.forget()
    record(ORG_DELETE_TEAM, actor=actor, namespace=organization.namespace, team=team.slug)


def _people(team: Team) -> list[int]:
    found = TeamMember.objects.filter(team=team, user__isnull=False).order_by("user")
    return list(found.values_list("user", flat=True))


def _end_direct_administration(organization: Organization, users: list[int]) -> None:
    """Leave people, by their keys, what their teams give them, but for who is in an admin team still.

    Auditors administer nothing, and stay what they are.
    """
    still = TeamMember.objects.filter(
        team__organization=organization, team__role=Team.Role.ADMIN, user__in=users
    )
    Membership.objects.filter(organization=organization, user__in=users).exclude(
        role__in=[OrganizationRole.MEMBER, OrganizationRole.AUDITOR]
    ).exclude(user__in=still.values("user")).update(role=OrganizationRole.MEMBER, is_direct=False)


# Members -------------------------------------------------------------------------------------------------


@transaction.atomic
def add_team_member(
    *,
    actor: Actor,
    team: Team,
    user: User | None = None,
    robot: Robot | None = None,
    is_maintainer: bool = False,
) -> bool:
    """Add a person or a robot to a team; return True if she was only invited (quay-a.md 8).

    Somebody outside the organization is invited instead where the instance mails and asks for consent.

    Raises:
        Forbidden: not an administrator.
        Invalid: the robot is another namespace's, or a directory decides who is in the team.
        Conflict: already in the team.
        QuotaExceeded: the limit of members is reached.
        NotFound: the team, the person or the robot was deleted just now.
    """
    organization = team.organization
    require(actor, TEAM_MEMBER_CHANGE, organization)
    if robot is not None:
        if robot.namespace_id != organization.namespace_id:
            raise Invalid("The robot belongs to another namespace", field="membername")
        _open(actor, team)
        hold(robot)
        insert(
            TeamMember(team=team, robot=robot),
            taken=say("{full_name} is already in the team", full_name=robot.full_name),
        )
        _record_added(actor, team, robot.full_name)
        return False
    if user is None:
        raise Invalid("Nobody to add", field="membername")
    hold(user, gone=say("Unknown user {username}", username=user.username))
    not_synchronized(_open(actor, team))
    inside = Membership.objects.filter(organization=organization, user=user).exists()
    if not inside and settings.MAILING and settings.REQUIRE_TEAM_INVITE and not actor.system:
        offer(actor, team.organization, team=team, user=user)
        return True
    seat(team, user, is_maintainer=is_maintainer)
    Invitation.objects.filter(team=team, user=user).delete()
    actor.forget()
    _record_added(actor, team, user.username)
    return False


def _open(actor: Actor, team: Team) -> Team:
    """Hold the team's organization and the team itself; return the team as it is now."""
    enter(actor, TEAM_MEMBER_CHANGE, team.organization)
    return hold(team, gone=say("Team {slug} not found", slug=team.slug))


def _record_added(actor: Actor, team: Team, member: str) -> None:
    record(
        ORG_ADD_TEAM_MEMBER,
        actor=actor,
        namespace=team.organization.namespace,
        member=member,
        team=team.slug,
    )


@transaction.atomic
def remove_team_member(
    *,
    actor: Actor,
    team: Team,
    user: User | None = None,
    robot: Robot | None = None,
    teams_only: bool = False,
) -> None:
    """Remove somebody from a team, or withdraw her invitation to it.

    ``teams_only``: as in `delete_team`; leaving the last admin team then ends direct administration too.

    Raises:
        Forbidden: not an administrator.
        NotFound: not in the team and not invited.
        Invalid: it would end the acting person's own administration, or a directory decides.
        Conflict: nobody would administer the organization any more.
    """
    organization = team.organization
    require(actor, TEAM_MEMBER_CHANGE, organization)
    now = _open(actor, team)
    member = robot.full_name if robot else user.username if user else ""
    if user is not None:
        withdrawn, _ = Invitation.objects.filter(team=team, user=user).delete()
        if withdrawn:
            record_withdrawn(actor, team.organization, team, user=member, member=member)
            return
        not_synchronized(now)
    was = administers_now(actor, organization)
    gone, _ = TeamMember.objects.filter(team=team, user=user, robot=robot).delete()
    if not gone:
        raise NotFound(
            say("User {member} does not belong to team {slug}", member=member, slug=team.slug),
            absent="membership",
        )
    if user is not None:
        if teams_only and now.role == Team.Role.ADMIN:
            _end_direct_administration(organization, [user.pk])
        leave_if_teamless(organization, [user.pk])
        keep_an_administrator(organization)
        keep_own_administration(actor, organization, was and not has_full_access(actor))
    actor.forget()
    record(
        ORG_REMOVE_TEAM_MEMBER,
        actor=actor,
        namespace=organization.namespace,
        member=member,
        team=team.slug,
    )
