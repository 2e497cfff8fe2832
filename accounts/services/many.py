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
from accounts.services.guards import enter, keep_an_administrator
from accounts.services.organizations import not_above_oneself
from accounts.services.teams import invite
from core.db import hold_all, insert_many
from core.errors import Invalid, NotFound
from core.names import is_namespace_name
from logs.kinds import (
    ORG_ADD_TEAM_MEMBER,
    ORG_CREATE_TEAM,
    ORG_SET_MEMBER_ROLE,
    ORG_SET_TEAM_MAINTAINER,
)
from logs.record import draft, record_many
from permissions.catalogue import MEMBER_CHANGE, TEAM_CREATE, TEAM_MEMBER_CHANGE, OrganizationRole
from permissions.checks import require
from quotas import services as quotas
from quotas.models import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from core.actor import Actor

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
            raise Invalid(f"Unknown role {role!r}", field="role")
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
    insert_many(new, taken="Somebody is a member already")
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
            raise Invalid(f"Invalid team name {team.slug!r}", field="name")
        if team.organization_id != organization.pk:
            raise Invalid("The team belongs to another organization", field="team")
    enter(actor, TEAM_CREATE, organization)
    left = list(teams)
    while left:
        ready = [team for team in left if team.parent is None or team.parent.pk is not None]
        if not ready:
            raise Invalid("Teams cannot be in each other", field="parent")
        for team in ready:
            if team.parent is not None and team.parent.organization_id != organization.pk:
                raise Invalid("The parent belongs to another organization", field="parent")
            team.parent = team.parent  # now that it has a key
        insert_many(ready, taken="A team with this name already exists")
        left = [team for team in left if team.pk is None]
    record_many(
        [
            draft(ORG_CREATE_TEAM, actor=actor, namespace=organization.namespace, team=team.slug)
            for team in teams
        ]
    )


@transaction.atomic
def seat_members(*, actor: Actor, organization: Organization, seats: Sequence[Seat]) -> list[Seat]:
    """Put people into teams; return the places of those who were only invited.

    Raises: as `add_team_member`.
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
    taken = [seat for seat in seats if seat.user.pk not in asked]
    new = {seat.user.pk: seat.user for seat in taken if seat.user.pk in people - inside}
    _reserve_members(organization, len(new))
    insert_many(
        [
            Membership(organization=organization, user=user, role=OrganizationRole.MEMBER, is_direct=False)
            for user in new.values()
        ],
        taken="Somebody is a member already",
    )
    insert_many(
        [TeamMember(team=seat.team, user=seat.user, is_maintainer=seat.is_maintainer) for seat in taken],
        taken="Somebody is already in the team",
    )
    _end_invitations(organization, taken)
    actor.forget()
    _tell_seats(actor, organization, taken)
    return invited


@transaction.atomic
def set_maintainers(*, actor: Actor, organization: Organization, seats: Sequence[Seat]) -> None:
    """Say of people in teams whether they maintain them.

    Raises:
        Forbidden: not an administrator.
        NotFound: somebody is not in the team.
        Invalid: a directory decides who is in the team.
    """
    require(actor, TEAM_MEMBER_CHANGE, organization)
    enter(actor, TEAM_MEMBER_CHANGE, organization)
    _open(organization, seats)
    for seat in seats:
        place = TeamMember.objects.filter(team=seat.team, user=seat.user)
        if not place.update(is_maintainer=seat.is_maintainer):
            raise NotFound(
                f"{seat.user.username} does not belong to team {seat.team.slug}", absent="membership"
            )
    record_many(
        [
            draft(
                ORG_SET_TEAM_MAINTAINER,
                actor=actor,
                namespace=organization.namespace,
                member=seat.user.username,
                team=seat.team.slug,
                maintainer=seat.is_maintainer,
            )
            for seat in seats
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
        raise NotFound(f"Unknown user {gone[0]}")
    return held


def _open(organization: Organization, seats: Sequence[Seat]) -> None:
    """Hold the teams, and make sure that they are there, ours, and nobody else's to fill."""
    wanted = {seat.team.pk: seat.team for seat in seats}
    held = hold_all(Team, wanted)
    rows = Team.objects.filter(organization=organization).values_list("pk", "sync_service")
    synced = dict(rows)
    for pk, team in wanted.items():
        if pk not in held or pk not in synced:
            raise NotFound(f"Team {team.slug} not found")
        if synced[pk]:
            raise Invalid(f"A directory decides who is in the team {team.slug}")


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


def _tell_seats(actor: Actor, organization: Organization, seats: Sequence[Seat]) -> None:
    record_many(
        [
            draft(
                ORG_ADD_TEAM_MEMBER,
                actor=actor,
                namespace=organization.namespace,
                member=seat.user.username,
                team=seat.team.slug,
            )
            for seat in seats
        ]
    )


def _batches(keys: list[int]) -> Iterable[list[int]]:
    return (keys[start : start + BATCH] for start in range(0, len(keys), BATCH))
