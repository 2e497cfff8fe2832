"""Invitations to an organization, and to teams of it: sent, renewed, withdrawn, answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from email.utils import parseaddr
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import tasks
from accounts.models import Invitation, Membership, Organization, Team, TeamMember, User
from accounts.selectors import is_invited
from accounts.services.guards import enter, not_synchronized
from accounts.services.organizations import join, not_above_oneself, seat
from accounts.services.rules import check_email_rule
from core.actor import Actor
from core.bell import ring
from core.db import hold, insert, update
from core.errors import Invalid, NotFound, QuotaExceeded, Unauthenticated
from core.names import fold
from core.words import say
from logs.kinds import (
    ORG_DELETE_MEMBER_INVITE,
    ORG_DELETE_TEAM_MEMBER_INVITE,
    ORG_INVITE_ACCEPTED,
    ORG_INVITE_DECLINED,
    ORG_INVITE_MEMBER,
    ORG_INVITE_TEAM_MEMBER,
    ORG_MEMBER_INVITE_ACCEPTED,
    ORG_MEMBER_INVITE_DECLINED,
)
from logs.record import record
from permissions.catalogue import (
    INVITATION_ANSWER,
    MEMBER_INVITE,
    TEAM_MEMBER_CHANGE,
    Level,
    OrganizationRole,
    adds_to,
    giver_level,
)
from permissions.checks import organization_level, require

if TYPE_CHECKING:
    from collections.abc import Sequence

INVITATION_LIFETIME = timedelta(days=30)
AT_ONCE = 100
UNKNOWN_CODE = say("Unknown invitation code")


@dataclass(frozen=True)
class Invited:
    """What became of one of many: ``words`` for people, ``done`` if she is invited."""

    typed: str
    done: bool
    words: str


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
        hold(user, gone=say("Unknown user {username}", username=user.username))
    enter(actor, TEAM_MEMBER_CHANGE, team.organization)
    not_synchronized(hold(team, gone=say("Team {slug} not found", slug=team.slug)))
    return offer(actor, team.organization, team=team, user=user, email=email)


@transaction.atomic
def invite_people(
    *, actor: Actor, organization: Organization, whom: Sequence[str], role: str = OrganizationRole.MEMBER
) -> list[Invited]:
    """Invite user names and e-mail addresses to an organization, in which they get ``role``.

    What is wrong with one of them is told, and the others are invited. Asking again renews an invitation.

    Raises:
        Forbidden: not an administrator, or the role is above the own one.
        Invalid: nobody, or more than a hundred at once; an unknown role.
        NotFound: the organization was deleted just now.
    """
    require(actor, MEMBER_INVITE, organization)
    if role not in OrganizationRole.values:
        raise Invalid(say("Unknown role {role!r}", role=role), field="role")
    if not whom or len(whom) > AT_ONCE:
        raise Invalid(say("Name 1 to {most} people", most=AT_ONCE), field="whom")
    enter(actor, MEMBER_INVITE, organization)
    not_above_oneself(actor, organization, {role})
    return [_invite_one(actor, organization, typed.strip(), role) for typed in whom]


def _invite_one(actor: Actor, organization: Organization, typed: str, role: str) -> Invited:
    members = Membership.objects.filter(organization=organization)
    user, email = None, ""
    if "@" in typed:
        try:
            email = check_email_rule(parseaddr(typed)[1] or typed, needed=True)
        except Invalid as error:
            return Invited(typed, False, error.message)
        if not settings.MAILING:
            return Invited(typed, False, "No mails are sent here: name people by their user names")
        members = members.filter(user__email__iexact=email)
    else:
        user = User.objects.filter(username=fold(typed)[:255], deleted_at=None, is_active=True).first()
        if user is None:
            return Invited(typed, False, "Nobody has this user name")
        members = members.filter(user=user)
    if members.exists():
        return Invited(typed, False, "Is a member already")
    offer(actor, organization, user=user, email=email, role=role)
    return Invited(typed, True, "Invited")


def offer(
    actor: Actor,
    organization: Organization,
    *,
    team: Team | None = None,
    user: User | None = None,
    email: str = "",
    role: str = OrganizationRole.MEMBER,
) -> Invitation:
    """Write an invitation in place of an older one, have it mailed, tell the log. A building block."""
    email = "" if user else check_email_rule(email, needed=True)
    older = Invitation.objects.filter(organization=organization, team=team)
    (older.filter(email__iexact=email) if email else older.filter(user=user)).delete()
    invitation = Invitation(
        organization=organization,
        team=team,
        user=user,
        email=email,
        role=role,
        invited_by=actor.user,
        expires_at=timezone.now() + INVITATION_LIFETIME,
        mail_due_at=timezone.now() if settings.MAILING else None,
    )
    insert(invitation, taken=say("This person is invited already"))
    if settings.MAILING:
        ring(tasks.send_invitation, invitation.pk)
    told = {"user": user.username, "member": user.username} if user else {"email": email, "member": email}
    if team is not None:
        told["team"] = team.slug
        record(ORG_INVITE_TEAM_MEMBER, actor=actor, namespace=organization.namespace, metadata=told)
    else:
        told["role"] = role
        record(ORG_INVITE_MEMBER, actor=actor, namespace=organization.namespace, metadata=told)
    return invitation


@transaction.atomic
def renew_invitation(*, actor: Actor, invitation: Invitation) -> Invitation:
    """Send an invitation again, expired or not: with a new code, for another thirty days.

    Raises:
        Forbidden: not an administrator, or the role it gives is above the own one.
        Invalid: a directory decides who is in the team by now.
        NotFound: answered or withdrawn meanwhile.
    """
    organization = invitation.organization
    require(actor, MEMBER_INVITE, organization)
    now = _still_open(actor, invitation)
    not_above_oneself(actor, organization, {now.role})
    if now.team is not None:
        not_synchronized(now.team)
    return offer(actor, organization, team=now.team, user=now.user, email=now.email, role=now.role)


@transaction.atomic
def end_invitation(*, actor: Actor, invitation: Invitation) -> None:
    """Withdraw an invitation, expired or not.

    Raises:
        Forbidden: not an administrator.
        NotFound: answered or withdrawn meanwhile.
    """
    require(actor, MEMBER_INVITE, invitation.organization)
    now = _still_open(actor, invitation)
    now.delete()
    name = now.user.username if now.user else now.email
    record_withdrawn(
        actor, now.organization, now.team, member=name, **{"user" if now.user else "email": name}
    )


def _still_open(actor: Actor, invitation: Invitation) -> Invitation:
    enter(actor, MEMBER_INVITE, invitation.organization)
    rows = Invitation.objects.select_related("organization__namespace", "team", "user")
    now = rows.filter(pk=invitation.pk).first()
    if now is None:
        raise NotFound("This invitation is answered or withdrawn")
    return now


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
    record_withdrawn(actor, team.organization, team, email=email, member=email)


def record_withdrawn(actor: Actor, organization: Organization, team: Team | None, **who: str) -> None:
    """Tell the log that an invitation was withdrawn. A building block."""
    if team is None:
        record(ORG_DELETE_MEMBER_INVITE, actor=actor, namespace=organization.namespace, metadata={**who})
        return
    told = {"team": team.slug, **who}
    record(ORG_DELETE_TEAM_MEMBER_INVITE, actor=actor, namespace=organization.namespace, metadata=told)


@transaction.atomic
def accept_invitation(*, actor: Actor, code: str) -> Invitation:
    """Join the organization, and the team, that the acting person was invited to; return what she was sent.

    A role that she has here already is never lowered by it.

    Raises:
        Invalid: no such code, expired, or meant for somebody else; a directory decides by now; or whoever
            sent it could not give the role any more.
        QuotaExceeded: the limit of members is reached.
        NotFound: the organization was deleted just now.
    """
    require(actor, INVITATION_ANSWER)
    invitation, user = _claim(actor, code)
    team, organization = invitation.team, invitation.organization
    if team is not None:
        not_synchronized(team)
    _still_given(invitation)
    key = invitation.pk
    invitation.delete()
    invitation.pk = key
    if invitation.email and not user.is_verified:
        # She knows the code that was sent to the address.
        user.is_verified = True
        update(user, "is_verified")
    if team is not None and not TeamMember.objects.filter(team=team, user=user).exists():
        seat(team, user)
    elif team is None:
        has = Membership.objects.filter(organization=organization, user=user).first()
        if has is None or adds_to(invitation.role, has.role):
            join(organization, user, role=invitation.role)
    actor.forget()
    _record_answer(actor, invitation, user, accepted=True)
    return invitation


def _still_given(invitation: Invitation) -> None:
    """Refuse a role that whoever sent the invitation could not give any more: she may have been let go."""
    needed = giver_level(invitation.role)
    if invitation.invited_by is None or needed < Level.ADMIN:
        return
    sender = invitation.invited_by
    living = sender.is_active and sender.deleted_at is None
    if not living or organization_level(Actor(user=sender), invitation.organization) < needed:
        raise Invalid("Whoever invited you cannot give this role any more; ask for another invitation")


@transaction.atomic
def accept_if_invited(*, actor: Actor, code: str) -> Invitation | None:
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
    _record_answer(actor, invitation, user, accepted=False)


def _record_answer(actor: Actor, invitation: Invitation, user: User, *, accepted: bool) -> None:
    namespace = invitation.organization.namespace
    inviter = invitation.invited_by.username if invitation.invited_by else None
    if invitation.team is None:
        kind = ORG_MEMBER_INVITE_ACCEPTED if accepted else ORG_MEMBER_INVITE_DECLINED
        told = {"member": user.username, "role": invitation.role, "inviter": inviter}
    else:
        kind = ORG_INVITE_ACCEPTED if accepted else ORG_INVITE_DECLINED
        told = {"member": user.username, "team": invitation.team.slug, "inviter": inviter}
    record(kind, actor=actor, namespace=namespace, metadata=told)


def _claim(actor: Actor, code: str) -> tuple[Invitation, User]:
    """Return the open invitation of a code, which is the acting person's; its organization is held."""
    if actor.user is None:
        raise Unauthenticated
    sent = Invitation.objects.filter(code=code, expires_at__gt=timezone.now(), organization__deleted_at=None)
    first = sent.select_related("organization").first()
    if first is None or not is_invited(first, actor.user):
        raise Invalid(UNKNOWN_CODE)
    person = hold(actor.user)
    hold(first.organization, gone=UNKNOWN_CODE)
    # What was found may have been answered or withdrawn while the organization was waited for.
    rows = sent.select_related("organization__namespace", "team__organization__namespace", "invited_by")
    invitation = rows.first()
    # So may her address have been changed, which the code would prove.
    if invitation is None or not is_invited(invitation, person):
        raise Invalid(UNKNOWN_CODE)
    return invitation, actor.user
