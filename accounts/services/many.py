"""Many members, teams and places in teams at once: the verbs of `organizations` and `teams`, in bulk.

For imports and for organizations that are applied from a file: the same rights, rules and log entries as one
by one, with few statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from accounts.models import Invitation, Membership, Organization, Team, TeamMember, User
from accounts.services.guards import (
    administers_now,
    enter,
    keep_an_administrator,
    keep_own_administration,
)
from accounts.services.invitations import invite
from accounts.services.organizations import leave_if_teamless, not_above_oneself
from core.db import hold_all, insert_many
from core.errors import Invalid, NotFound
from core.names import is_namespace_name
from core.words import say
from logs.kinds import (
    ORG_ADD_TEAM_MEMBER,
    ORG_CREATE_TEAM,
    ORG_REMOVE_MEMBER,
    ORG_REMOVE_TEAM_MEMBER,
    ORG_SET_MEMBER_ROLE,
    ORG_SET_TEAM_MAINTAINER,
)
from logs.record import draft, record_many
from permissions.catalogue import (
    MEMBER_CHANGE,
    MEMBER_REMOVE,
    TEAM_CREATE,
    TEAM_MEMBER_CHANGE,
    OrganizationRole,
)
from permissions.checks import has_full_access, require
from permissions.models import DefaultGrant, Grant
from quotas import services as quotas
from quotas.models import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from core.actor import Actor
    from logs.kinds import LogKind
    from logs.models import LogEntry

BATCH = 500


@dataclass(frozen=True)
class Seat:
    """A person's place in a team."""

    team: Team
    user: User
    is_maintainer: bool = False


@transaction.atomic
def set_member_roles(*, actor: Actor, organization: Organization, roles: Sequence[tuple[User, str]]) -> None:
    """Add people to the organization, or change their direct roles. Raises as `set_member_role`."""
    require(actor, MEMBER_CHANGE, organization)
    for _, role in roles:
        if role not in OrganizationRole.values:
            raise Invalid(say("Unknown role {role!r}", role=role), field="role")
    _hold_people(user for user, _ in roles)
    enter(actor, MEMBER_CHANGE, organization)
    rows = dict(Membership.objects.filter(organization=organization).values_list("user", "role"))
    old = {user.pk: rows.get(user.pk, "") for user, _ in roles}
    not_above_oneself(actor, organization, {*(role for _, role in roles), *old.values()} - {""})
    by_role: dict[str, list[int]] = {}
    new = []
    for user, role in roles:
        if old[user.pk]:
            by_role.setdefault(role, []).append(user.pk)
        else:
            new.append(Membership(organization=organization, user=user, role=role))
    for role, people in by_role.items():
        for some in _batches(people):
            Membership.objects.filter(organization=organization, user__in=some).update(
                role=role, is_direct=True
            )
    _reserve_members(organization, len(new))
    insert_many(new, taken=say("Somebody is a member already"))
    if by_role:
        keep_an_administrator(organization)
    actor.forget()
    record_many(
        [
            draft(
                ORG_SET_MEMBER_ROLE,
                actor=actor,
                namespace=organization.namespace,
                member=user.username,
                role=role,
                old_role=old[user.pk],
            )
            for user, role in roles
        ]
    )


@transaction.atomic
def create_teams(*, actor: Actor, organization: Organization, teams: Sequence[Team]) -> None:
    """Save teams that are not saved yet, each after its parent, which is saved or among them.

    Raises: as `create_team`.
    """
    require(actor, TEAM_CREATE, organization)
    for team in teams:
        if not is_namespace_name(team.slug):
            raise Invalid(say("Invalid team name {slug!r}", slug=team.slug), field="name")
        if team.organization_id != organization.pk:
            raise Invalid("The team belongs to another organization", field="team")
    enter(actor, TEAM_CREATE, organization)
    left = list(teams)
    while left:
        ready = [team for team in left if team.parent is None or not team.parent._state.adding]
        if not ready:
            raise Invalid("Teams cannot be in each other", field="parent")
        for team in ready:
            if team.parent is not None and team.parent.organization_id != organization.pk:
                raise Invalid("The parent belongs to another organization", field="parent")
            team.parent = team.parent  # now that it has a key
        insert_many(ready, taken=say("A team with this name already exists"))
        left = [team for team in left if team._state.adding]
    record_many(
        [
            draft(ORG_CREATE_TEAM, actor=actor, namespace=organization.namespace, team=team.slug)
            for team in teams
        ]
    )


@transaction.atomic
def seat_members(*, actor: Actor, organization: Organization, seats: Sequence[Seat]) -> list[Seat]:
    """Put people into teams, or say of those who are in them whether they maintain them.

    Returns the places of those who were only invited.

    Raises: as `add_team_member`, but that nobody is there twice.
    """
    require(actor, TEAM_MEMBER_CHANGE, organization)
    people = _hold_people(seat.user for seat in seats)
    enter(actor, TEAM_MEMBER_CHANGE, organization)
    _open(organization, seats)
    inside = set(Membership.objects.filter(organization=organization).values_list("user", flat=True))
    asked = _asked(actor, {seat.user.pk for seat in seats} - inside)
    invited = [seat for seat in seats if seat.user.pk in asked]
    for seat in invited:
        invite(actor=actor, team=seat.team, user=seat.user)
    here = dict(_rows(organization, seats))
    moved = [seat for seat in seats if here.get((seat.team.pk, seat.user.pk)) is (not seat.is_maintainer)]
    new = [seat for seat in seats if seat.user.pk not in asked and (seat.team.pk, seat.user.pk) not in here]
    joining = {seat.user.pk: seat.user for seat in new if seat.user.pk in people - inside}
    _reserve_members(organization, len(joining))
    insert_many(
        [
            Membership(organization=organization, user=user, role=OrganizationRole.MEMBER, is_direct=False)
            for user in joining.values()
        ],
        taken=say("Somebody is a member already"),
    )
    insert_many(
        [TeamMember(team=seat.team, user=seat.user, is_maintainer=seat.is_maintainer) for seat in new],
        taken=say("Somebody is already in the team"),
    )
    for seat in moved:
        place = TeamMember.objects.filter(team=seat.team, user=seat.user)
        place.update(is_maintainer=seat.is_maintainer)
    _end_invitations(organization, new)
    actor.forget()
    told = _told(ORG_ADD_TEAM_MEMBER, actor, organization, new)
    told += [
        draft(
            ORG_SET_TEAM_MAINTAINER,
            actor=actor,
            namespace=organization.namespace,
            member=seat.user.username,
            team=seat.team.slug,
            maintainer=seat.is_maintainer,
        )
        for seat in moved
    ]
    record_many(told)
    return invited


@transaction.atomic
def unseat_members(*, actor: Actor, organization: Organization, seats: Sequence[Seat]) -> None:
    """Take people out of teams. Raises as `remove_team_member`."""
    require(actor, TEAM_MEMBER_CHANGE, organization)
    enter(actor, TEAM_MEMBER_CHANGE, organization)
    _open(organization, seats)
    was = administers_now(actor, organization)
    by_team: dict[int, list[int]] = {}
    for seat in seats:
        by_team.setdefault(seat.team.pk, []).append(seat.user.pk)
    for team, people in by_team.items():
        for some in _batches(people):
            TeamMember.objects.filter(team=team, user__in=some).delete()
    for some in _batches([seat.user.pk for seat in seats]):
        leave_if_teamless(organization, some)
    keep_an_administrator(organization)
    keep_own_administration(actor, organization, was and not has_full_access(actor))
    actor.forget()
    record_many(_told(ORG_REMOVE_TEAM_MEMBER, actor, organization, seats))


@transaction.atomic
def remove_members(*, actor: Actor, organization: Organization, users: Sequence[User]) -> None:
    """Remove people from all teams, direct grants and the organization. Raises as `remove_member`."""
    require(actor, MEMBER_REMOVE, organization)
    _hold_people(users)
    enter(actor, MEMBER_REMOVE, organization)
    gone = 0
    for some in _batches([user.pk for user in users]):
        rows = Membership.objects.filter(organization=organization, user__in=some)
        not_above_oneself(actor, organization, set(rows.values_list("role", flat=True)))
        TeamMember.objects.filter(team__organization=organization, user__in=some).delete()
        Grant.objects.filter(project__namespace=organization.namespace, user__in=some).delete()
        DefaultGrant.objects.filter(organization=organization, user__in=some).delete()
        gone += rows.delete()[0]
    addresses = {user.email.lower() for user in users} - {""}
    people = {user.pk for user in users}
    offers = Invitation.objects.filter(organization=organization).values_list("pk", "user", "email")
    ended = [pk for pk, user, email in offers if user in people or email.lower() in addresses]
    for some in _batches(ended):
        Invitation.objects.filter(pk__in=some).delete()
    keep_an_administrator(organization)
    quotas.release(
        resource=Resource.MEMBERS,
        namespace=organization.namespace,
        account_id=organization.account_id,
        amount=gone,
    )
    actor.forget()
    record_many(
        [
            draft(ORG_REMOVE_MEMBER, actor=actor, namespace=organization.namespace, member=user.username)
            for user in users
        ]
    )


def _asked(actor: Actor, outside: set[int]) -> set[int]:
    """Return who of those outside the organization must agree first: all or nobody."""
    needed = settings.MAILING and settings.REQUIRE_TEAM_INVITE and not actor.system
    return outside if needed else set()


def _hold_people(people: Iterable[User]) -> set[int]:
    names = {user.pk: user.username for user in people}
    held = hold_all(User, names)
    gone = sorted(names[pk] for pk in names.keys() - held)
    if gone:
        raise NotFound(say("Unknown user {gone}", gone=gone[0]))
    return held


def _open(organization: Organization, seats: Sequence[Seat]) -> None:
    """Hold the teams, and make sure that they are there, ours, and nobody else's to fill."""
    wanted = {seat.team.pk: seat.team for seat in seats}
    synced: dict[int, str] = {}
    for some in _batches(sorted(wanted)):
        rows = Team.objects.select_for_update(no_key=True).filter(organization=organization, pk__in=some)
        synced |= dict(rows.order_by("pk").values_list("pk", "sync_service"))
    for pk, team in wanted.items():
        if pk not in synced:
            raise NotFound(say("Team {slug} not found", slug=team.slug))
        if synced[pk]:
            raise Invalid(say("A directory decides who is in the team {slug}", slug=team.slug))


def _rows(organization: Organization, seats: Sequence[Seat]) -> Iterator[tuple[tuple[int, int], bool]]:
    """Yield team and person, by their keys, with whether she maintains it: of the teams that are meant."""
    for some in _batches(sorted({seat.team.pk for seat in seats})):
        rows = TeamMember.objects.filter(team__in=some, user__isnull=False)
        for team, user, maintains in rows.values_list("team", "user", "is_maintainer"):
            yield (team, user), maintains


def _reserve_members(organization: Organization, amount: int) -> None:
    if amount:
        quotas.reserve(
            resource=Resource.MEMBERS,
            namespace=organization.namespace,
            account_id=organization.account_id,
            amount=amount,
        )


def _end_invitations(organization: Organization, seats: Sequence[Seat]) -> None:
    """Whoever is in a team now need not answer her invitation to it."""
    here = {(seat.team.pk, seat.user.pk) for seat in seats}
    open_ones = Invitation.objects.filter(organization=organization, user__isnull=False)
    answered = [pk for pk, team, user in open_ones.values_list("pk", "team", "user") if (team, user) in here]
    for some in _batches(answered):
        Invitation.objects.filter(pk__in=some).delete()


def _told(kind: LogKind, actor: Actor, organization: Organization, seats: Sequence[Seat]) -> list[LogEntry]:
    return [
        draft(
            kind,
            actor=actor,
            namespace=organization.namespace,
            member=seat.user.username,
            team=seat.team.slug,
        )
        for seat in seats
    ]


def _batches(keys: list[int]) -> Iterable[list[int]]:
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))
