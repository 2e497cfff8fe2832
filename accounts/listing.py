"""Lists that people look through a page at a time, and finding by name: constant in queries at any size."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import (
    BooleanField,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.utils import timezone

from accounts import selectors
from accounts.models import Invitation, Membership, Organization, Robot, Team, TeamMember, User
from accounts.selectors import Person
from accounts.selectors.security import with_second_factor
from core.names import plain
from permissions.catalogue import ACCOUNT_READ, MEMBER_LIST, ORGANIZATION_READ, ROBOT_LIST, ROBOT_READ
from permissions.checks import check, organizations_with, require
from permissions.models import Grant
from tokens.kinds import Kind
from tokens.models import Credential

if TYPE_CHECKING:
    from accounts.models import Namespace
    from core.actor import Actor

UNUSED_DAYS = 90
IDLE_DAYS = 30
EXPIRING_DAYS = 14


# Members -------------------------------------------------------------------------------------------------


@dataclass
class MemberPage:
    """Some of an organization's members by name; ``by_role`` counts all of them by their direct role."""

    people: list[Person]
    found: int
    by_role: dict[str, int]


def member_page(
    *,
    actor: Actor,
    organization: Organization,
    search: str = "",
    role: str = "",
    inactive: bool = False,
    unsecured: bool = False,
    start: int,
    size: int,
) -> MemberPage:
    """Return ``size`` members from number ``start`` on, with teams and direct grants; five queries at most.

    ``search`` narrows to a piece of the user name or name, ``role`` to a direct role, ``inactive`` to who was
    not here for `UNUSED_DAYS`, ``unsecured`` to whom a password alone signs in.

    Raises:
        Forbidden: not an administrator.
    """
    require(actor, MEMBER_LIST, organization)
    everybody = Membership.objects.filter(organization=organization)
    by_role = dict(everybody.order_by().values_list("role").annotate(Count("pk")))
    found = everybody.filter(role=role) if role else everybody
    total = by_role.get(role, 0) if role else sum(by_role.values())
    if search or inactive or unsecured:
        found = _members_like(found, search, inactive=inactive, unsecured=unsecured)
        total = found.count()
    used = Credential.objects.filter(user=OuterRef("user"), last_used_at__isnull=False)
    newest = Subquery(used.order_by("-last_used_at").values("last_used_at")[:1])
    rows = found.select_related("user").annotate(used_at=newest, is_secured=with_second_factor("user"))
    rows = rows.order_by("user__username")
    people = {}
    for row in rows[start : start + size]:
        seen = [at for at in (row.user.last_login, row.user.seen_at, row.used_at) if at is not None]
        people[row.user_id] = Person(
            user=row.user, role=row.role, active_at=max(seen, default=None), is_secured=row.is_secured
        )
    in_teams = TeamMember.objects.filter(team__organization=organization, user__in=people)
    for member in in_teams.select_related("team").order_by("team__slug"):
        people[member.user_id or 0].teams.append(member.team)
    grants = Grant.objects.filter(
        user__in=people, project__namespace=organization.namespace_id, project__deleted_at=None
    )
    for user_id, slug in grants.order_by("project__slug").values_list("user", "project__slug"):
        people[user_id or 0].projects.append(slug)
    return MemberPage(list(people.values()), total, by_role)


def members_like(
    *,
    actor: Actor,
    organization: Organization,
    search: str = "",
    role: str = "",
    inactive: bool = False,
    unsecured: bool = False,
) -> QuerySet[Membership]:
    """Return the memberships that `member_page` would show. Raises as it does."""
    require(actor, MEMBER_LIST, organization)
    found = Membership.objects.filter(organization=organization)
    found = found.filter(role=role) if role else found
    return _members_like(found, search, inactive=inactive, unsecured=unsecured).select_related("user")


MEMBER_COLUMNS: tuple[str, ...] = (
    *("username", "name", "role", "teams", "projects_granted_directly", "member_since", "last_active"),
    "second_factor",
)


def member_rows(*, actor: Actor, organization: Organization, **narrowed: Any) -> list[tuple[Any, ...]]:
    """Return all that `members_like` finds, by name, as `MEMBER_COLUMNS`; three queries. Raises as it."""
    used = Credential.objects.filter(user=OuterRef("user"), last_used_at__isnull=False)
    newest = Subquery(used.order_by("-last_used_at").values("last_used_at")[:1])
    found = members_like(actor=actor, organization=organization, **narrowed)
    rows = found.annotate(used_at=newest, is_secured=with_second_factor("user")).order_by("user__username")
    teams: dict[int | None, list[str]] = defaultdict(list)
    in_teams = TeamMember.objects.filter(team__organization=organization, user__isnull=False)
    for user_id, slug in in_teams.order_by("team__slug").values_list("user", "team__slug"):
        teams[user_id].append(slug)
    projects: dict[int | None, list[str]] = defaultdict(list)
    grants = Grant.objects.filter(
        user__isnull=False, project__namespace=organization.namespace_id, project__deleted_at=None
    )
    for user_id, slug in grants.order_by("project__slug").values_list("user", "project__slug"):
        projects[user_id].append(slug)
    return [
        (
            row.user.username,
            row.user.name,
            row.role,
            " ".join(teams[row.user_id]),
            " ".join(projects[row.user_id]),
            row.created_at,
            max(filter(None, (row.user.last_login, row.user.seen_at, row.used_at)), default=None),
            row.is_secured,
        )
        for row in rows
    ]


@dataclass(frozen=True)
class Loose:
    """What is loose in an organization: members whom a password alone signs in, invitations that expired."""

    unsecured: int
    expired_invitations: int


def loose_ends(*, actor: Actor, organization: Organization) -> Loose:
    """Count what is loose, with one query. Raises Forbidden: not an administrator."""
    unsecured = members_like(actor=actor, organization=organization, unsecured=True)
    expired = Invitation.objects.filter(organization=organization, expires_at__lte=timezone.now())
    kinds = [
        rows.order_by()
        .annotate(sort=Value(number))
        .values("sort")
        .annotate(n=Count("pk"))
        .values("sort", "n")
        for number, rows in enumerate((unsecured, expired))
    ]
    found = {row["sort"]: row["n"] for row in kinds[0].union(kinds[1], all=True)}
    return Loose(found.get(0, 0), found.get(1, 0))


def _members_like(
    found: QuerySet[Membership], search: str, *, inactive: bool, unsecured: bool
) -> QuerySet[Membership]:
    if unsecured:
        found = found.exclude(with_second_factor("user"))
    if search:
        found = found.filter(Q(user__username__contains=plain(search)) | Q(user__name__icontains=search))
    if inactive:
        since = timezone.now() - timedelta(days=UNUSED_DAYS)
        used = Credential.objects.filter(user=OuterRef("user"), last_used_at__gte=since)
        here = Q(user__last_login__gte=since) | Q(user__seen_at__gte=since) | Q(created_at__gte=since)
        found = found.filter(~Exists(used)).exclude(here)
    return found


def own_names(*, actor: Actor) -> QuerySet[Membership, str]:
    """Return the names of the acting person's organizations."""
    require(actor, ACCOUNT_READ)
    mine = Membership.objects.filter(user=actor.user, organization__deleted_at=None)
    return mine.values_list("organization__slug", flat=True)


# Robots --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RobotCounts:
    """How many robots a namespace has, and of how many somebody should take notice."""

    all: int = 0
    expired: int = 0
    expiring: int = 0
    never: int = 0
    idle: int = 0
    unused: int = 0
    endless: int = 0
    disabled: int = 0


@dataclass
class RobotPage:
    """Some of a namespace's robots, last used first.

    Each has ``last_used_at``, by any of its tokens, and ``token_made_at`` and ``expires_at`` of the newest.
    """

    robots: list[Robot]
    found: int
    counts: RobotCounts


def robot_counts(*, actor: Actor, namespace: Namespace) -> RobotCounts:
    """Count a namespace's robots by what is to be said about their tokens; one query.

    Raises:
        Forbidden: not a member (or not her own namespace).
    """
    require(actor, ROBOT_LIST, namespace)
    told = _with_tokens(Robot.objects.filter(namespace=namespace)).aggregate(
        all=Count("pk"), **{state: Count("pk", filter=condition) for state, condition in _states().items()}
    )
    return RobotCounts(**told)


def robot_page(
    *,
    actor: Actor,
    namespace: Namespace,
    search: str = "",
    state: str = "",
    with_permissions: bool = False,
    start: int,
    size: int,
) -> RobotPage:
    """Return ``size`` robots from number ``start`` on; seven queries at most.

    ``search`` narrows to a piece of name or description, ``state`` to a field of `RobotCounts`. Others take
    and raise what `accounts.selectors.robots` does.
    """
    found = _with_tokens(
        selectors.robots(actor=actor, namespace=namespace, with_permissions=with_permissions)
    )
    counts = robot_counts(actor=actor, namespace=namespace)
    condition = _states().get(state)
    total: int = getattr(counts, state) if condition is not None else counts.all
    if condition is not None:
        found = found.filter(condition)
    if search:
        found = _searched(found, namespace, search)
        total = found.count()
    robots = list(found[start : start + size])
    for robot in robots:
        robot.namespace = namespace
    return RobotPage(robots, total, counts)


def robots_like(*, actor: Actor, namespace: Namespace, search: str = "", state: str = "") -> QuerySet[Robot]:
    """Return a namespace's robots that `robot_page` would show for a search and a state.

    Raises:
        Forbidden: not a member (or not her own namespace).
    """
    require(actor, ROBOT_LIST, namespace)
    found = _with_tokens(Robot.objects.filter(namespace=namespace))
    condition = _states().get(state)
    if condition is not None:
        found = found.filter(condition)
    return _searched(found, namespace, search)


def _searched(robots: QuerySet[Robot], namespace: Namespace, search: str) -> QuerySet[Robot]:
    if not search:
        return robots
    name = plain(search).removeprefix(f"{namespace.name}+")
    return robots.filter(Q(shortname__contains=name) | Q(description__icontains=search))


def _with_tokens(robots: QuerySet[Robot]) -> QuerySet[Robot]:
    every = Credential.objects.filter(kind=Kind.ROBOT, robot=OuterRef("pk"))
    newest = every.filter(revoked_at=None).order_by("-pk")
    # By whichever of its tokens: after it was given a new one, the robot is no stranger.
    used = every.filter(last_used_at__isnull=False).order_by("-last_used_at")
    return robots.annotate(
        last_used_at=Subquery(used.values("last_used_at")[:1]),
        token_made_at=Subquery(newest.values("created_at")[:1]),
        expires_at=Subquery(newest.values("expires_at")[:1]),
    )


def _states() -> dict[str, Q]:
    """Return what each field of `RobotCounts` asks of a robot; disabled ones need no other care."""
    now = timezone.now()
    enabled = Q(disabled_at=None)
    living = enabled & (Q(expires_at=None) | Q(expires_at__gt=now))

    def unused(days: int) -> Q:
        since = now - timedelta(days=days)
        return living & (Q(last_used_at__lt=since) | Q(last_used_at=None, created_at__lt=since))

    return {
        "expired": enabled & Q(expires_at__lte=now),
        "expiring": enabled & Q(expires_at__gt=now, expires_at__lte=now + timedelta(days=EXPIRING_DAYS)),
        "never": living & Q(last_used_at=None),
        "idle": unused(IDLE_DAYS),
        "unused": unused(UNUSED_DAYS),
        "endless": enabled & Q(expires_at=None, token_made_at__isnull=False),
        "disabled": ~enabled,
    }


# Finding -------------------------------------------------------------------------------------------------

FOUND_MAX = 8


@dataclass
class Found:
    """What in an organization has a text in its name: the best of each sort that the actor may see."""

    teams: list[Team] = field(default_factory=list)
    people: list[Membership] = field(default_factory=list)
    robots: list[Robot] = field(default_factory=list)


def find(*, actor: Actor, organization: Organization, text: str) -> Found:
    """Return teams, members and robots by a piece of their name, those that begin with it first.

    At most `FOUND_MAX` of each; one query for each that the actor may list.
    """
    found, text = Found(), plain(text)
    if not text:
        return found
    if check(actor, ORGANIZATION_READ, organization):
        teams = Team.objects.filter(organization=organization)
        found.teams = list(_best(teams.filter(_named(text, "slug", "name")), text, "slug"))
    if check(actor, MEMBER_LIST, organization):
        people = Membership.objects.filter(organization=organization).select_related("user")
        named = people.filter(_named(text, "user__username", "user__name"))
        found.people = list(_best(named, text, "user__username"))
    if check(actor, ROBOT_LIST, organization.namespace):
        short = text.removeprefix(f"{organization.slug}+")
        robots = Robot.objects.filter(namespace=organization.namespace, shortname__contains=short)
        found.robots = list(_best(robots, short, "shortname"))
        for robot in found.robots:
            robot.namespace = organization.namespace
    return found


@dataclass
class Everywhere:
    """What has a text in its name in any organization.

    People come with ``place``, the organization that lists them, robots with ``is_open``: whether the actor
    may look at one.
    """

    organizations: list[Organization] = field(default_factory=list)
    teams: list[Team] = field(default_factory=list)
    people: list[User] = field(default_factory=list)
    robots: list[Robot] = field(default_factory=list)


def inside(*, actor: Actor, name: str) -> Organization | None:
    """Return an organization of whose inside the actor is, by its name, or None; one query."""
    seen = organizations_with(actor, ORGANIZATION_READ).filter(slug=plain(name))
    return seen.select_related("namespace").first()


def find_everywhere(*, actor: Actor, text: str, near: Organization | None = None) -> Everywhere:
    """Return organizations, teams, people and robots by a piece of their name, as far as the actor sees them.

    What is in ``near`` comes first, then what begins so. At most `FOUND_MAX` of each; a query each.
    """
    found, text = Everywhere(), plain(text)
    if not text:
        return found
    here = near.pk if near else 0
    inside = organizations_with(actor, ORGANIZATION_READ)
    found.organizations = list(_best(inside.filter(_named(text, "slug", "name")), text, "slug"))
    teams = Team.objects.filter(_named(text, "slug", "name"), organization__in=inside.values("pk"))
    teams = teams.select_related("organization")
    found.teams = list(_best(teams, text, "slug", _other("organization", here)))
    listed = Membership.objects.filter(
        user=OuterRef("pk"), organization__in=organizations_with(actor, MEMBER_LIST).values("pk")
    )
    place = listed.order_by(_other("organization", here), "organization__slug").values("organization__slug")
    people = User.objects.filter(_named(text, "username", "name"), Exists(listed), deleted_at=None)
    people = people.annotate(place=Subquery(place[:1]))
    nearest = Case(When(place=near.slug if near else "", then=0), default=1)
    found.people = list(_best(people, text, "username", nearest))
    listing = organizations_with(actor, ROBOT_LIST)
    space, _, short = text.rpartition("+")
    robots = Robot.objects.filter(shortname__contains=short, namespace__in=listing.values("namespace"))
    robots = robots.filter(namespace__name=space) if space else robots
    opened = organizations_with(actor, ROBOT_READ).values("namespace")
    is_open = ExpressionWrapper(Q(namespace__in=opened), output_field=BooleanField())
    robots = robots.select_related("namespace").annotate(is_open=is_open)
    own = near.namespace_id if near else 0
    found.robots = list(_best(robots, short, "shortname", _other("namespace", own)))
    return found


def _other(name: str, pk: int) -> Case:
    """Return what puts those of one before those of all others."""
    return Case(When(**{name: pk}, then=0), default=1)


def _named(text: str, name: str, title: str) -> Q:
    return Q(**{f"{name}__contains": text}) | Q(**{f"{title}__icontains": text})


def _best(rows: QuerySet[Any], text: str, name: str, *before: Case) -> QuerySet[Any]:
    begins = Case(When(**{f"{name}__startswith": text}, then=0), default=1)
    return rows.order_by(*before, begins, name)[:FOUND_MAX]
