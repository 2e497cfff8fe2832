"""Who is in an organization, or around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import CharField, Exists, Min, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone

from accounts.models import Identity, Invitation, Membership, Organization, Robot, Team, TeamMember, User
from accounts.selectors.organizations import LEVEL
from accounts.selectors.robots import robot_by_full_name
from core.errors import NotFound
from core.names import fold
from core.prepared import Given, Prepared
from core.words import say
from permissions.catalogue import MEMBER_LIST
from permissions.checks import require
from permissions.models import Grant

if TYPE_CHECKING:
    from datetime import datetime

    from core.actor import Actor


@dataclass
class Person:
    """Somebody in or around an organization: her teams, and the projects granted to her directly."""

    user: User | None = None
    robot: Robot | None = None
    role: str = ""
    teams: list[Team] = field(default_factory=list)
    projects: list[str] = field(default_factory=list)
    active_at: datetime | None = None
    is_secured: bool = False  # by a second factor


def members(*, actor: Actor, organization: Organization) -> list[Person]:
    """Return everybody in an organization with teams and direct grants: three queries at any size.

    Raises:
        Forbidden: not an administrator.
    """
    require(actor, MEMBER_LIST, organization)
    people = {
        row.user_id: Person(user=row.user, role=row.role)
        for row in Membership.objects.filter(organization=organization)
        .select_related("user")
        .order_by("user__username")
    }
    in_teams = TeamMember.objects.filter(team__organization=organization, user__isnull=False)
    for row in in_teams.select_related("team").order_by("team"):
        if row.user_id in people:
            people[row.user_id].teams.append(row.team)
    for user_id, slug in _direct_grants(organization).values_list("user", "project__slug"):
        if user_id in people:
            people[user_id].projects.append(slug)
    return list(people.values())


def _direct_grants(organization: Organization) -> QuerySet[Grant]:
    return Grant.objects.filter(
        project__namespace=organization.namespace_id, project__deleted_at=None, user__isnull=False
    ).order_by("project__slug")


def member(*, actor: Actor, organization: Organization, name: str) -> Person:
    """Return one person, or robot of the organization, with teams and direct grants (quay-a.md 7.5).

    Two queries; of the teams only slug, name and role are loaded.

    Raises:
        Forbidden: not an administrator.
        NotFound: she is not in it, or the robot is another namespace's.
    """
    require(actor, MEMBER_LIST, organization)
    found = _person(organization, name)
    holder = {"user": found.user} if found.user else {"robot": found.robot}
    teams = TeamMember.objects.filter(team__organization=organization, **holder)
    grants = Grant.objects.filter(
        project__namespace=organization.namespace_id, project__deleted_at=None, **holder
    )
    nothing = Value("", output_field=CharField())
    rows = teams.order_by().values_list("team", "team__slug", "team__name", "team__role")
    for pk, slug, title, role in sorted(
        rows.union(grants.order_by().values_list("pk", "project__slug", nothing, nothing), all=True)
    ):
        if role:
            found.teams.append(Team(pk=pk, organization=organization, slug=slug, name=title, role=role))
        else:
            found.projects.append(slug)
    found.projects.sort()
    return found


def _person(organization: Organization, name: str) -> Person:
    if "+" in name:
        robot = robot_by_full_name(name=name)
        if robot.namespace_id == organization.namespace_id:
            return Person(robot=robot)
    row = (
        Membership.objects.filter(organization=organization, user__username=fold(name))
        .select_related("user")
        .first()
    )
    if row is None:
        raise NotFound(say("{name} is not in the organization", name=name), absent="member")
    return Person(user=row.user, role=row.role)


def collaborators(*, actor: Actor, organization: Organization) -> list[Person]:
    """Return people outside the organization who hold direct grants in it (quay-a.md 7.5); one query."""
    require(actor, MEMBER_LIST, organization)
    outside = _direct_grants(organization).exclude(
        user__in=Membership.objects.filter(organization=organization).values("user")
    )
    people: dict[int, Person] = {}
    for grant in outside.select_related("user", "project").order_by("user__username", "project__slug"):
        if grant.user is not None:
            people.setdefault(grant.user.pk, Person(user=grant.user)).projects.append(grant.project.slug)
    return list(people.values())


def inside(*, organization: Organization, users: set[int]) -> set[int]:
    """Return which of these people (keys) are in an organization; one query."""
    found = Membership.objects.filter(organization=organization, user__in=users)
    return set(found.values_list("user", flat=True))


@dataclass
class Standing:
    """A person in an organization, and whether she administers it, directly or by a team."""

    user: User
    is_administrator: bool


def standings(*, organization: Organization, user: User | None = None) -> list[Standing]:
    """Return everybody in an organization (or one person), in the order they came; one query.

    Whoever calls has checked that the actor is inside.
    """
    given = {"organization": organization.pk}
    found = _standings(**given) if user is None else _standing(**given, user=user.pk)
    return [Standing(row.user, row.role in ("owner", "admin") or row.by_team) for row in found]


def _stands(**more: Any) -> QuerySet[Membership]:
    organization = Given("organization", Organization.id)
    by_team = TeamMember.objects.filter(
        team__organization=organization, team__role="admin", user=OuterRef("user")
    )
    rows = Membership.objects.filter(organization=organization, **more).annotate(by_team=Exists(by_team))
    return rows.select_related("user").order_by("pk")


_standings: Prepared[Any] = Prepared(_stands)  # memberships with ``by_team``


_standing: Prepared[Any] = Prepared(lambda: _stands(user=Given("user", User.id)))


def insider(*, organization: Organization, pk: int) -> User | None:
    """Return a living person in an organization by her key, None if she is not in it."""
    row = (
        Membership.objects.filter(organization=organization, user=pk, user__deleted_at=None)
        .select_related("user")
        .first()
    )
    return row.user if row is not None else None


@dataclass
class Insider:
    """Somebody in an organization, or invited to it: her strongest role, and the open invitation.

    ``is_elsewhere``: a directory or an identity provider signs her in.
    """

    user: User | None
    email: str
    role: str
    invitation: Invitation | None = None
    is_elsewhere: bool = False


def insiders(
    *, organization: Organization, search: str = "", descending: bool = False, offset: int = 0, limit: int
) -> tuple[list[Insider], int]:
    """Return a page of the members and the invited, by e-mail address, and how many there are; five queries.

    ``search`` looks into addresses and names. Whoever calls has checked the right to list members.
    """
    now = timezone.now()
    people = Membership.objects.filter(organization=organization)
    asked = Invitation.objects.filter(organization=organization, expires_at__gt=now)
    # An invited person who is in already waits for another team alone.
    asked = asked.exclude(user__in=people.values("user"))
    if search:
        name = Q(user__email__icontains=search) | Q(user__name__icontains=search)
        nameless = Q(user__name="", user__email="", user__username__icontains=search)
        people = people.filter(name | nameless)
        asked = asked.filter(name | nameless | Q(email__icontains=search))
    rows = people.annotate(key=Lower("user__email"), sort=Value(0)).values_list("key", "sort", "pk")
    others = (
        asked.annotate(key=Lower(Coalesce("user__email", "email")), sort=Value(1))
        .order_by()
        .values("key", "sort")
        .annotate(first=Min("pk"))
        .values_list("key", "sort", "first")
    )
    both = rows.order_by().union(others, all=True)
    order = ("-key", "-sort", "-pk") if descending else ("key", "sort", "pk")
    page = list(both.order_by(*order)[offset : offset + limit])
    elsewhere = Exists(Identity.objects.filter(user=OuterRef("user")))
    of_page = Membership.objects.filter(pk__in=[pk for _, sort, pk in page if not sort])
    members = {row.pk: row for row in of_page.select_related("user").annotate(is_elsewhere=elsewhere)}
    invited = Invitation.objects.select_related("user", "team").in_bulk([pk for _, sort, pk in page if sort])
    roles: dict[int, list[str]] = {row.user_id: [row.role] for row in members.values()}
    by_team = TeamMember.objects.filter(team__organization=organization, user__in=roles)
    for user_id, role in by_team.values_list("user", "team__role"):
        roles[user_id].append(role)
    found = []
    for _, sort, pk in page:
        if sort:
            offer = invited[pk]
            role = offer.team.role if offer.team else offer.role
            found.append(Insider(offer.user, offer.user.email if offer.user else offer.email, role, offer))
        else:
            row = members[pk]
            role = max(roles[row.user_id], key=LEVEL.__getitem__)
            found.append(Insider(row.user, row.user.email, role, is_elsewhere=row.is_elsewhere))
    return found, both.count()


def people(*, actor: Actor, organization: Organization, search: str = "") -> QuerySet[Membership]:
    """Return the members of an organization by name. Raises Forbidden below admin."""
    require(actor, MEMBER_LIST, organization)
    found = Membership.objects.filter(organization=organization).select_related("user")
    if search:
        name = Q(user__username__icontains=search) | Q(user__name__icontains=search)
        found = found.filter(name | Q(user__email__icontains=search))
    return found.order_by("user__username")
