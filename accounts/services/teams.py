"""Teams, who is in them, and invitations to join."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import tasks
from accounts.models import Invitation, Membership, Organization, Robot, Team, TeamMember, User
from accounts.selectors import is_invited
from accounts.services.guards import (
    administers_now,
    enter,
    keep_an_administrator,
    keep_own_administration,
)
from accounts.services.organizations import join, leave_if_teamless
from accounts.services.rules import check_email_rule
from core.bell import ring
from core.db import hold, insert, update
from core.errors import Invalid, NotFound, QuotaExceeded, Unauthenticated
from core.names import free_slug, is_namespace_name
from logs.kinds import (
    ORG_ADD_TEAM_MEMBER,
    ORG_CHANGE_TEAM,
    ORG_CREATE_TEAM,
    ORG_DELETE_TEAM,
    ORG_DELETE_TEAM_MEMBER_INVITE,
    ORG_INVITE_ACCEPTED,
    ORG_INVITE_DECLINED,
    ORG_INVITE_TEAM_MEMBER,
    ORG_REMOVE_TEAM_MEMBER,
    ORG_SET_TEAM_DESCRIPTION,
    ORG_SET_TEAM_ROLE,
)
from logs.record import record
from permissions.catalogue import (
    INVITATION_ANSWER,
    TEAM_CHANGE,
    TEAM_CREATE,
    TEAM_DELETE,
    TEAM_MEMBER_CHANGE,
    OrganizationRole,
)
from permissions.checks import has_full_access, require

if TYPE_CHECKING:
    from core.actor import Actor
    from logs.kinds import LogKind

INVITATION_LIFETIME = timedelta(days=30)
UNKNOWN_CODE = "Unknown invitation code"


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
        raise Invalid(f"Invalid team name {slug!r}", field="name")
    wanted = slug or name
    slug = slug or free_slug(name, lambda one: organization.teams.filter(slug=one).exists())
    team = Team(organization=organization, slug=slug, name=name or slug, **fields)
    insert(team, taken=f"A team with name {wanted} already exists")
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
    now = hold(team, gone=f"Team {team.slug} not found")
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
        update(team, "name", taken=f"A team with name {name} already exists")
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
    """Delete a team; what its members had by it alone ends.

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
    now = hold(team, gone=f"Team {team.slug} not found")
    was = administers_now(actor, organization)
    people = _people(team)
    Team.objects.filter(pk=team.pk).delete()
    if teams_only and now.role == Team.Role.ADMIN:
        _end_direct_administration(organization, people)
    leave_if_teamless(organization, people)
    keep_an_administrator(organization)
    keep_own_administration(actor, organization, was and not has_full_access(actor))
    actor.forget()
    record(ORG_DELETE_TEAM, actor=actor, namespace=organization.namespace, team=team.slug)


def _people(team: Team) -> list[int]:
    found = TeamMember.objects.filter(team=team, user__isnull=False).order_by("user")
    return list(found.values_list("user", flat=True))


def _end_direct_administration(organization: Organization, users: list[int]) -> None:
    """Leave people, by their keys, what their teams give them, but for who is in an admin team still."""
    still = TeamMember.objects.filter(
        team__organization=organization, team__role=Team.Role.ADMIN, user__in=users
    )
    Membership.objects.filter(organization=organization, user__in=users).exclude(
        role=OrganizationRole.MEMBER
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
        insert(TeamMember(team=team, robot=robot), taken=f"{robot.full_name} is already in the team")
        _record_added(actor, team, robot.full_name)
        return False
    if user is None:
        raise Invalid("Nobody to add", field="membername")
    hold(user, gone=f"Unknown user {user.username}")
    _not_synchronized(_open(actor, team))
    inside = Membership.objects.filter(organization=organization, user=user).exists()
    if not inside and settings.MAILING and settings.REQUIRE_TEAM_INVITE and not actor.system:
        _invite(actor, team, user=user)
        return True
    _seat(team, user, is_maintainer=is_maintainer)
    Invitation.objects.filter(team=team, user=user).delete()
    actor.forget()
    _record_added(actor, team, user.username)
    return False


def _open(actor: Actor, team: Team) -> Team:
    """Hold the team's organization and the team itself; return the team as it is now."""
    enter(actor, TEAM_MEMBER_CHANGE, team.organization)
    return hold(team, gone=f"Team {team.slug} not found")


def _seat(team: Team, user: User, *, is_maintainer: bool = False) -> None:
    join(team.organization, user)
    insert(
        TeamMember(team=team, user=user, is_maintainer=is_maintainer),
        taken=f"{user.username} is already in the team",
    )


def _record_added(actor: Actor, team: Team, member: str) -> None:
    record(
        ORG_ADD_TEAM_MEMBER,
        actor=actor,
        namespace=team.organization.namespace,
        member=member,
        team=team.slug,
    )


def _not_synchronized(team: Team) -> None:
    if team.sync_service:
        raise Invalid("A directory decides who is in this team")


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
            _record_withdrawn(actor, team, user=member, member=member)
            return
        _not_synchronized(now)
    was = administers_now(actor, organization)
    gone, _ = TeamMember.objects.filter(team=team, user=user, robot=robot).delete()
    if not gone:
        raise NotFound(f"User {member} does not belong to team {team.slug}", absent="membership")
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


# Invitations ---------------------------------------------------------------------------------------------


@transaction.atomic
def invite(*, actor: Actor, team: Team, user: User | None = None, email: str = "") -> Invitation:
    """Invite a known person or an e-mail address to a team; asking again renews the invitation.

    Raises:
        Forbidden: not an administrator.
        Invalid: the address is not one, or a directory decides who is in the team.
        NotFound: the team or the person was deleted just now.
    """
    require(actor, TEAM_MEMBER_CHANGE, team.organization)
    if user is not None:
        hold(user, gone=f"Unknown user {user.username}")
    _not_synchronized(_open(actor, team))
    return _invite(actor, team, user=user, email=email)


def _invite(actor: Actor, team: Team, *, user: User | None = None, email: str = "") -> Invitation:
    organization = team.organization
    email = "" if user else check_email_rule(email, needed=True)
    if email:
        Invitation.objects.filter(organization=organization, team=team, email__iexact=email).delete()
    else:
        Invitation.objects.filter(organization=organization, team=team, user=user).delete()
    invitation = Invitation(
        organization=organization,
        team=team,
        user=user,
        email=email,
        invited_by=actor.user,
        expires_at=timezone.now() + INVITATION_LIFETIME,
        mail_due_at=timezone.now() if settings.MAILING else None,
    )
    insert(invitation, taken="This person is invited already")
    if settings.MAILING:
        ring(tasks.send_invitation, invitation.pk)
    told = {"user": user.username, "member": user.username} if user else {"email": email, "member": email}
    told["team"] = team.slug
    record(ORG_INVITE_TEAM_MEMBER, actor=actor, namespace=organization.namespace, metadata=told)
    return invitation


@transaction.atomic
def withdraw_invitation(*, actor: Actor, team: Team, email: str) -> None:
    """Withdraw the invitation of an e-mail address to a team.

    Raises:
        Forbidden: not an administrator.
        NotFound: this address is not invited.
    """
    require(actor, TEAM_MEMBER_CHANGE, team.organization)
    enter(actor, TEAM_MEMBER_CHANGE, team.organization)
    gone, _ = Invitation.objects.filter(team=team, email__iexact=email).exclude(email="").delete()
    if not gone:
        raise NotFound("This address is not invited")
    _record_withdrawn(actor, team, email=email, member=email)


def _record_withdrawn(actor: Actor, team: Team, **who: str) -> None:
    record(
        ORG_DELETE_TEAM_MEMBER_INVITE,
        actor=actor,
        namespace=team.organization.namespace,
        metadata={"team": team.slug, **who},
    )


@transaction.atomic
def accept_invitation(*, actor: Actor, code: str) -> Team:
    """Join the team that the acting person was invited to.

    Raises:
        Invalid: no such code, expired, or meant for somebody else; or a directory decides by now.
        QuotaExceeded: the limit of members is reached.
        NotFound: the organization was deleted just now.
    """
    require(actor, INVITATION_ANSWER)
    invitation, user = _claim(actor, code)
    team = invitation.team
    if team is None:
        raise Invalid("This invitation is not for a team")
    _not_synchronized(team)
    invitation.delete()
    if invitation.email and not user.is_verified:
        # She knows the code that was sent to the address.
        user.is_verified = True
        update(user, "is_verified")
    if not TeamMember.objects.filter(team=team, user=user).exists():
        _seat(team, user)
    actor.forget()
    _record_answer(ORG_INVITE_ACCEPTED, actor, invitation, team, user)
    return team


@transaction.atomic
def accept_if_invited(*, actor: Actor, code: str) -> Team | None:
    """Accept an invitation whose code came with a sign-in or a sign-up; one of no use is no error there."""
    require(actor, INVITATION_ANSWER)
    try:
        return accept_invitation(actor=actor, code=code)
    except (Invalid, NotFound, QuotaExceeded):
        return None


@transaction.atomic
def decline_invitation(*, actor: Actor, code: str) -> None:
    """Turn an invitation down. Raises as `accept_invitation`."""
    require(actor, INVITATION_ANSWER)
    invitation, user = _claim(actor, code)
    invitation.delete()
    if invitation.team is not None:
        _record_answer(ORG_INVITE_DECLINED, actor, invitation, invitation.team, user)


def _record_answer(kind: LogKind, actor: Actor, invitation: Invitation, team: Team, user: User) -> None:
    record(
        kind,
        actor=actor,
        namespace=team.organization.namespace,
        member=user.username,
        team=team.slug,
        inviter=invitation.invited_by.username if invitation.invited_by else None,
    )


def _claim(actor: Actor, code: str) -> tuple[Invitation, User]:
    """Return the open invitation of a code, which is the acting person's; its organization is held."""
    if actor.user is None:
        raise Unauthenticated
    sent = Invitation.objects.filter(code=code, expires_at__gt=timezone.now(), organization__deleted_at=None)
    first = sent.select_related("organization").first()
    if first is None or not is_invited(first, actor.user):
        raise Invalid(UNKNOWN_CODE)
    hold(actor.user)
    hold(first.organization, gone=UNKNOWN_CODE)
    # What was found may have been answered or withdrawn while the organization was waited for.
    invitation = sent.select_related("team__organization__namespace", "invited_by").first()
    if invitation is None:
        raise Invalid(UNKNOWN_CODE)
    return invitation, actor.user
