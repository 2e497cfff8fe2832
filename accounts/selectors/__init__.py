"""Finding people, organizations, teams and robots; existence is told only to who may know."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict
from uuid import UUID

from django.conf import settings
from django.db.models import (
    CharField,
    Count,
    Exists,
    F,
    FilteredRelation,
    Min,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Lower, Upper
from django.utils import timezone

from accounts.models import (
    Account,
    Identity,
    Invitation,
    Membership,
    Namespace,
    Organization,
    Robot,
    Team,
    TeamMember,
    User,
)
from accounts.selectors.security import Keeper as Keeper
from accounts.selectors.security import factors_of as factors_of
from accounts.selectors.security import keeper as keeper
from accounts.selectors.security import own_sessions as own_sessions
from accounts.selectors.security import second_factor as second_factor
from accounts.selectors.security import unproven_address as unproven_address
from core.errors import Forbidden, Invalid, NotFound, Unauthenticated
from core.names import fold, plain
from core.prepared import Given, Prepared
from core.words import say
from permissions.catalogue import (
    ACCOUNT_ADMINISTER,
    ACCOUNT_READ,
    DEFAULT_GRANT_LIST,
    INSTANCE_READ,
    MEMBER_LIST,
    ORGANIZATION_READ,
    ROBOT_LIST,
    ROBOT_READ,
    TEAM_READ,
    TEAM_SYNC,
    USER_MANAGE,
    Level,
    Right,
)
from permissions.checks import (
    check,
    has_full_access,
    is_readonly_superuser,
    is_superuser,
    may_be_viewed,
    require,
    sees,
)
from permissions.factors import with_second_factor
from permissions.models import DefaultGrant, Grant
from projects.models import Project
from tokens.kinds import Kind
from tokens.models import Credential

if TYPE_CHECKING:
    from datetime import datetime

    from core.actor import Actor


# One thing by its name -----------------------------------------------------------------------------------


def organization(*, actor: Actor, name: str, right: Right | None = None) -> Organization:
    """Return a living organization, with its namespace.

    Without ``right`` anybody may learn that it exists. With one, rights come first: who would not be allowed
    on any organization of that name is refused in the same words, whether it exists or not.

    Raises:
        Unauthenticated, Forbidden: the right is lacking.
        NotFound: there is none, and the actor may know.
    """
    found = _organization.first(key=fold(name))
    if found is None:
        _refuse_unknown(actor, right)
        raise NotFound("Organization not found", absent="organization")
    # The namespace's way back to its organization is known: spare the query.
    found.namespace.organization = found
    if right is not None:
        require(actor, right, found)
    return found


# At most one lives under a key.
_organization: Prepared[Organization] = Prepared(
    lambda: Organization.objects.select_related("namespace", "account").filter(
        namespace__key=Given("key", Namespace.key), namespace__deleted_at=None, deleted_at=None
    )
)
_namespace: Prepared[Namespace] = Prepared(
    lambda: Namespace.objects.select_related("organization__account", "user").filter(
        key=Given("key", Namespace.key), deleted_at=None
    )
)


def _refuse_unknown(actor: Actor, right: Right | None) -> None:
    if right is None or has_full_access(actor) or (right.reading and is_readonly_superuser(actor)):
        return
    if actor.is_anonymous:
        raise Unauthenticated(say("Sign in to {right}", right=say(right.sentence)), right=right.name)
    raise Forbidden(say("Your role does not allow to {right}", right=say(right.sentence)), right=right.name)


def namespace(*, actor: Actor, name: str, right: Right | None = None) -> Namespace:
    """Return a living namespace with its owner. Raises as `organization`."""
    found = _namespace.first(key=fold(name))
    if found is None:
        _refuse_unknown(actor, right)
        raise NotFound("Namespace not found", absent="namespace")
    if found.kind == Namespace.Kind.ORGANIZATION:
        found.organization.namespace = found
    else:
        found.user.namespace = found
    if right is not None:
        require(actor, right, found)
    return found


def user(*, name: str) -> User:
    """Return a living person, with her namespace; anybody may learn that a name is taken.

    Raises:
        NotFound: nobody has the name.
    """
    found = User.objects.select_related("namespace").filter(username=fold(name), deleted_at=None).first()
    if found is None:
        raise NotFound(say("Unknown user {name}", name=name), absent="user")
    return found


def language_of(addresses: Collection[str]) -> str:
    """Return the language for a mail to these: the choice of all who have one, else none."""
    owned = Q()
    for address in addresses:
        owned |= Q(email__iexact=address)
    living = User.objects.filter(owned, deleted_at=None) if owned else User.objects.none()
    spoken = dict(living.values_list(Lower("email"), "language"))
    found = {spoken.get(address.lower(), "") for address in addresses}
    return found.pop() if len(found) == 1 else ""


def viewed_person(*, actor: Actor, pk: int) -> User:
    """Return the person whom an operator looks at Muster as, with her namespace.

    Raises:
        Forbidden: the actor is no superuser, or not any more.
        NotFound: the person is gone, or may not be viewed (any more).
    """
    require(actor, USER_MANAGE)
    found = User.objects.select_related("namespace").filter(pk=pk).first()
    if found is None or not may_be_viewed(found):
        raise NotFound("Nobody to view", absent="user")
    return found


def user_to_add(*, name: str) -> User:
    """Return the person somebody typed the name of; a wrong one is the form's problem, not a missing page.

    Raises:
        Invalid: nobody has the name.
    """
    try:
        return user(name=name.strip())
    except NotFound as error:
        raise Invalid(say("There is no user {name!r}", name=name.strip()), field="username") from error


def team_to_add(*, organization: Organization, name: str, field: str = "holder") -> Team:
    """Return the team somebody typed the name of. Raises as `user_to_add`."""
    try:
        return team(organization=organization, name=name.strip())
    except NotFound as error:
        raise Invalid(say("There is no team {name!r}", name=name.strip()), field=field) from error


class Holder(TypedDict, total=False):
    """Exactly one of them: as services take whom they act on."""

    user: User
    robot: Robot


def holder_to_add(*, name: str, field: str = "username") -> Holder:
    """Return ``{"user": …}`` or ``{"robot": …}`` for a name somebody typed. Raises as `user_to_add`."""
    try:
        person, machine = user_or_robot(name=name.strip())
    except NotFound as error:
        raise Invalid(say("There is no user or robot {name!r}", name=name.strip()), field=field) from error
    if machine is not None:
        return {"robot": machine}
    return {"user": person} if person is not None else {}


def user_or_robot(*, name: str) -> tuple[User | None, Robot | None]:
    """Return the person, or the robot, of a name as the wires write it: ``name`` or ``namespace+shortname``.

    Raises:
        NotFound: neither exists.
    """
    if "+" not in name:
        return user(name=name), None
    return None, robot_by_full_name(name=name)


def is_known(*, name: str) -> bool:
    """Tell whether there is a living person, or a robot, of a name as the wires write it."""
    owner, plus, shortname = name.partition("+")
    if not plus:
        return User.objects.filter(username=fold(name), deleted_at=None).exists()
    return Robot.objects.filter(
        namespace__key=fold(owner), namespace__deleted_at=None, shortname=shortname
    ).exists()


def robot_by_full_name(*, name: str) -> Robot:
    """Return the robot of a full name, with its namespace. Raises NotFound."""
    owner, _, shortname = name.partition("+")
    found = (
        Robot.objects.select_related("namespace")
        .filter(namespace__key=fold(owner), namespace__deleted_at=None, shortname=shortname)
        .first()
    )
    if found is None:
        raise NotFound(say("Could not find robot with specified username: {name}", name=name), absent="robot")
    return found


def team(*, organization: Organization, name: str) -> Team:
    """Return a team of an organization by its slug. Whoever calls has checked a right on the organization.

    Raises:
        NotFound: there is none.
    """
    found = Team.objects.filter(organization=organization, slug=name).first()
    if found is None:
        raise NotFound(say("Team {name} not found", name=name), absent="team")
    found.organization = organization
    return found


def readable_team(*, actor: Actor, organization_name: str, name: str) -> Team:
    """Return a team whose members the actor may see: she is in it, or administers the organization.

    Raises:
        Unauthenticated, Forbidden: she may not.
        NotFound: there is no such team, and she may know.
    """
    found = (
        Team.objects.select_related("organization__namespace")
        .filter(
            organization__namespace__key=fold(organization_name), organization__deleted_at=None, slug=name
        )
        .first()
    )
    if found is None:
        organization(actor=actor, name=organization_name, right=TEAM_READ)
        raise NotFound(say("Team {name} not found", name=name), absent="team")
    require(actor, TEAM_READ, found)
    return found


def may_bind_teams(*, actor: Actor, organization: Organization) -> bool:
    """Tell whether the actor may bind teams of an organization to groups of a directory (quay-a.md 8)."""
    allowed = settings.TEAM_SYNCING_BY_ADMINS or is_superuser(actor)
    return allowed and check(actor, TEAM_SYNC, organization)


# People --------------------------------------------------------------------------------------------------


def identities(*, user: User) -> list[Identity]:
    """Return how directories and identity providers know a person. The caller may see her own account."""
    return _identities(user=user.pk)


_identities: Prepared[Identity] = Prepared(
    lambda: Identity.objects.filter(user_id=Given("user", User.id)).order_by("pk")
)


def own_organizations(*, actor: Actor) -> list[Membership]:
    """Return the acting person's memberships, their organizations and best roles: one query each.

    Each has ``best_level`` (the strongest of the direct role and her teams'), and ``is_withheld`` where it
    gives her nothing while she has no second factor.
    """
    require(actor, ACCOUNT_READ)
    if actor.user is None:
        return []
    mine = _memberships(user=actor.user.pk)
    best: dict[int, Level] = {}
    for organization_id, role in _team_roles(user=actor.user.pk):
        level = _LEVEL[role]
        best[organization_id] = max(best.get(organization_id, Level.NONE), level)
    for membership in mine:
        direct = _LEVEL[membership.role]
        held = max(direct, best.get(membership.organization_id, Level.NONE))
        membership.best_level = Level.NONE if membership.is_withheld else held  # type: ignore[attr-defined] # annotated
    return mine


def open_organizations(*, actor: Actor, besides: Collection[int] = ()) -> QuerySet[Organization]:
    """Return, by name, what is open to who reads the whole instance without being a member; else nothing."""
    if not (has_full_access(actor) or is_readonly_superuser(actor)):
        return Organization.objects.none()
    return (
        Organization.objects.filter(deleted_at=None)
        .exclude(pk__in=besides)
        .select_related("namespace")
        .order_by("slug")
    )


_memberships: Prepared[Membership] = Prepared(
    lambda: (
        Membership.objects.filter(user_id=Given("user", User.id), organization__deleted_at=None)
        .annotate(is_withheld=Q(organization__requires_second_factor=True) & ~with_second_factor("user"))
        .select_related("organization__namespace")
        .order_by("organization__slug")
    )
)
_team_roles: Prepared[tuple[int, str]] = Prepared(
    lambda: TeamMember.objects.filter(user_id=Given("user", User.id)).values_list(
        "team__organization", "team__role"
    )
)

# What wires have words for: to them an auditor is a member.
_LEVEL = {
    "auditor": Level.READ,
    "member": Level.READ,
    "creator": Level.WRITE,
    "admin": Level.ADMIN,
    "owner": Level.OWNER,
}


def all_users(*, actor: Actor, include_disabled: bool = True) -> QuerySet[User]:
    """Return every living person, oldest first, for superusers and read-only superusers."""
    require(actor, INSTANCE_READ)
    users = User.objects.filter(deleted_at=None).order_by("pk")
    return users if include_disabled else users.filter(is_active=True)


def all_organizations(*, actor: Actor) -> QuerySet[Organization]:
    """Return every living organization, oldest first, for superusers and read-only superusers."""
    require(actor, INSTANCE_READ)
    return Organization.objects.filter(deleted_at=None).select_related("namespace").order_by("pk")


def all_accounts(*, actor: Actor) -> QuerySet[Account]:
    """Return every living group account, oldest first, for superusers and read-only superusers."""
    require(actor, INSTANCE_READ)
    return Account.objects.filter(deleted_at=None, kind=Account.Kind.GROUP).order_by("pk")


def own_invitations(*, actor: Actor) -> QuerySet[Invitation]:
    """Return the open invitations of the acting person, or of her address if it is known to be hers."""
    require(actor, ACCOUNT_ADMINISTER)
    mine = Q(user=actor.user)
    if actor.user is not None and actor.user.email and actor.user.is_verified:
        mine |= Q(email__iexact=actor.user.email)
    return (
        Invitation.objects.filter(mine, expires_at__gt=timezone.now(), organization__deleted_at=None)
        .select_related("organization", "team", "invited_by")
        .order_by("pk")
    )


def organization_invitations(*, actor: Actor, organization: Organization) -> QuerySet[Invitation]:
    """Return an organization's unanswered invitations, expired ones among them, the newest first.

    Raises:
        Forbidden: not an administrator.
    """
    require(actor, MEMBER_LIST, organization)
    found = Invitation.objects.filter(organization=organization)
    return found.select_related("team", "user", "invited_by").order_by("-created_at", "-pk")


def organization_invitation(*, actor: Actor, organization: Organization, key: str) -> Invitation:
    """Return one unanswered invitation of an organization by its key, expired or not.

    Raises:
        Forbidden: not an administrator.
        NotFound: there is none (any more) by that key here.
    """
    found = organization_invitations(actor=actor, organization=organization)
    found = found.select_related("organization__namespace")
    one = found.filter(pk=int(key)).first() if _is_key(key) else None
    if one is None:
        raise NotFound("This invitation is answered or withdrawn", absent="invitation")
    return one


def _is_key(key: str) -> bool:
    return key.isascii() and key.isdecimal() and len(key) < 19


def is_invited(invitation: Invitation, user: User) -> bool:
    """Tell whether an invitation whose code somebody brought is meant for her."""
    # People set their address without proving it: what proves that an invitation to an address is hers is
    # its code, which only that address was sent. The address alone must never bring the code to light.
    if invitation.user_id is not None:
        return invitation.user_id == user.pk
    return fold(invitation.email) == fold(user.email)


def invitation(*, actor: Actor, code: str) -> Invitation:
    """Return the open invitation of a code, meant for the acting person, with its organization and team.

    Raises:
        NotFound: unknown, answered, withdrawn, too old, or meant for somebody else.
    """
    require(actor, ACCOUNT_ADMINISTER)
    found = (
        Invitation.objects.filter(code=code, expires_at__gt=timezone.now(), organization__deleted_at=None)
        .select_related("organization", "team", "invited_by")
        .first()
    )
    if found is None or actor.user is None or not is_invited(found, actor.user):
        raise NotFound("This invitation is answered, withdrawn or too old, or it is for another address")
    return found


# Inside an organization ----------------------------------------------------------------------------------


def teams(*, organization: Organization) -> list[Team]:
    """Return the teams in the order they were made, each with ``member_count`` and ``repo_count``; one query.

    Whoever calls has checked that the actor is inside.
    """
    found = _teams(organization=organization.pk, namespace=organization.namespace_id)
    for team in found:
        team.organization = organization
    return found


def _counted_teams() -> QuerySet[Team, Any]:
    members = TeamMember.objects.filter(team=OuterRef("pk")).order_by().values("team")
    # What a team may do stays in its organization. The deleted are looked up once; a join with the projects
    # would be made once for each team.
    deleted = Project.objects.filter(
        namespace_id=Given("namespace", Namespace.id), deleted_at__isnull=False
    ).values("pk")
    grants = Grant.objects.filter(~Q(project__in=deleted), team=OuterRef("pk")).order_by().values("team")
    return (
        Team.objects.filter(organization_id=Given("organization", Organization.id))
        .annotate(
            member_count=Coalesce(Subquery(members.annotate(n=Count("pk")).values("n")), 0),
            repo_count=Coalesce(Subquery(grants.annotate(n=Count("pk")).values("n")), 0),
        )
        .order_by("pk")
    )


_teams = Prepared(_counted_teams)


class ListedTeam(NamedTuple):
    """What lists show of a team; ``is_synced`` tells that a directory decides who is in it."""

    slug: str
    description: str
    role: str
    is_synced: bool
    member_count: int
    repo_count: int


def listed_teams(*, organization: Organization) -> list[ListedTeam]:
    """Return the teams as lists show them, in the order they were made; one query.

    Whoever calls has checked that the actor is inside.
    """
    rows = _listed_teams(organization=organization.pk, namespace=organization.namespace_id)
    return [
        ListedTeam(slug, description, role, bool(service), members, projects)
        for slug, description, role, service, members, projects in rows
    ]


_listed_teams: Prepared[Any] = Prepared(
    lambda: _counted_teams().values_list(
        "slug", "description", "role", "sync_service", F("member_count"), F("repo_count")
    )
)


def team_members(*, team: Team) -> QuerySet[TeamMember]:
    """Return who is in a team, people and robots, in the order they came. The caller has the right to see."""
    return TeamMember.objects.filter(team=team).select_related("user", "robot__namespace").order_by("pk")


def team_invitations(*, team: Team) -> QuerySet[Invitation]:
    """Return the open invitations to a team."""
    return (
        Invitation.objects.filter(team=team, expires_at__gt=timezone.now())
        .select_related("user")
        .order_by("pk")
    )


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


def default_grants(*, actor: Actor, organization: Organization) -> QuerySet[DefaultGrant]:
    """Return an organization's default grants, oldest first, with their holders."""
    require(actor, DEFAULT_GRANT_LIST, organization)
    return (
        DefaultGrant.objects.filter(organization=organization)
        .select_related("user", "team", "robot__namespace", "activating_user", "activating_robot__namespace")
        .order_by("pk")
    )


def default_grant(*, actor: Actor, organization: Organization, uuid: str) -> DefaultGrant:
    """Return one default grant of an organization, with its holders.

    Raises:
        Forbidden: not an administrator.
        NotFound: there is none, or it is another organization's.
    """
    found = default_grants(actor=actor, organization=organization)
    try:
        rule = found.filter(uuid=UUID(uuid)).first()
    except ValueError:
        rule = None
    if rule is None:
        raise NotFound("There is no such default permission", absent="default_grant")
    rule.organization = organization
    return rule


def inside(*, organization: Organization, users: set[int]) -> set[int]:
    """Return which of these people (keys) are in an organization; one query."""
    found = Membership.objects.filter(organization=organization, user__in=users)
    return set(found.values_list("user", flat=True))


# Robots --------------------------------------------------------------------------------------------------


def robots(*, actor: Actor, namespace: Namespace, with_permissions: bool = False) -> QuerySet[Robot]:
    """Return a namespace's robots, last used first, each with its living token in ``living``.

    ``with_permissions`` also loads teams and grants; the number of queries does not grow with the robots.

    Raises:
        Forbidden: not a member (or not her own namespace).
    """
    require(actor, ROBOT_LIST, namespace)
    living = _living_tokens()
    used = living.filter(robot=OuterRef("pk")).values("last_used_at")[:1]
    found = (
        Robot.objects.filter(namespace=namespace)
        .annotate(last_used_at=Subquery(used))
        .order_by(F("last_used_at").desc(nulls_last=True), "shortname")
        .prefetch_related(Prefetch("credentials", living, to_attr="living"))
    )
    if with_permissions:
        grants = (
            Grant.objects.filter(project__deleted_at=None).select_related("project").order_by("project__slug")
        )
        found = found.prefetch_related(
            Prefetch("team_members", TeamMember.objects.select_related("team").order_by("team")),
            Prefetch("grants", grants),
        )
    return found


@dataclass(slots=True)
class ListedRobot:
    """What lists show of a robot: its whole name, and when its newest living token was used.

    ``team_slugs`` and ``project_slugs`` come in the order of the teams' keys and by name; ``living`` holds
    that token, where it was asked for.
    """

    full_name: str
    description: str
    created_at: datetime
    last_used_at: datetime | None
    team_slugs: list[str]
    project_slugs: list[str]
    living: list[Credential]


def listed_robots(
    *, actor: Actor, namespace: Namespace, limit: int | None = None, teams: bool = False, tokens: bool = False
) -> list[ListedRobot]:
    """Return a namespace's robots as lists show them: last used first.

    ``teams`` also gives each its teams and projects, ``tokens`` its living token, which the caller has
    checked may be shown. Four queries at most. Raises as `robots`.
    """
    require(actor, ROBOT_LIST, namespace)
    key = namespace.pk
    in_teams = _grouped(_robot_teams(namespace=key)) if teams else {}
    granted = _grouped(_robot_projects(namespace=key)) if teams else {}
    living: dict[int, list[Credential]] = {}
    for credential in _robot_credentials(namespace=key) if tokens else ():
        living.setdefault(credential.robot_id or 0, []).append(credential)
    rows = _robots(namespace=key)
    # While a token is exchanged for another a robot is there twice.
    newest: dict[int, int] = {}
    for pk, token, *_ in rows:
        newest[pk] = max(newest.get(pk, 0), token or 0)
    found = [
        ListedRobot(
            f"{namespace.name}+{shortname}",
            description,
            created_at,
            last_used_at,
            in_teams.get(pk, []),
            granted.get(pk, []),
            living.get(pk, []),
        )
        for pk, token, shortname, description, created_at, last_used_at in rows
        if (token or 0) == newest[pk]
    ]
    return found if limit is None else found[:limit]


def _grouped(rows: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for key, slug in rows:
        found.setdefault(key, []).append(slug)
    return found


def _living_tokens() -> QuerySet[Credential]:
    return Credential.objects.filter(kind=Kind.ROBOT, revoked_at=None).order_by("-pk")


# Joined, not asked for each robot: a plan that PostgreSQL keeps must hold when there are more.
_robots: Prepared[Any] = Prepared(
    lambda: (
        Robot.objects.filter(namespace_id=Given("namespace", Namespace.id))
        .annotate(
            token=FilteredRelation(
                "credentials", condition=Q(credentials__kind=Kind.ROBOT, credentials__revoked_at=None)
            ),
        )
        .order_by(F("token__last_used_at").desc(nulls_last=True), "shortname")
        .values_list("pk", "token__pk", "shortname", "description", "created_at", "token__last_used_at")
    )
)
_robot_teams: Prepared[tuple[int, str]] = Prepared(
    lambda: (
        TeamMember.objects.filter(robot__namespace_id=Given("namespace", Namespace.id))
        .order_by("team")
        .values_list("robot_id", "team__slug")
    )
)
_robot_projects: Prepared[tuple[int, str]] = Prepared(
    lambda: (
        Grant.objects.filter(robot__namespace_id=Given("namespace", Namespace.id), project__deleted_at=None)
        .order_by("project__slug")
        .values_list("robot_id", "project__slug")
    )
)
_robot_credentials: Prepared[Credential] = Prepared(
    lambda: _living_tokens().filter(robot__namespace_id=Given("namespace", Namespace.id))
)


def robot(
    *,
    actor: Actor,
    namespace: Namespace,
    shortname: str,
    right: Right = ROBOT_READ,
    with_token: bool = True,
) -> Robot:
    """Return one robot of a namespace, with its living token in ``living`` unless not asked for.

    Raises:
        Forbidden: the right is lacking.
        NotFound: there is none.
    """
    require(actor, right, namespace)
    robots = Robot.objects.filter(namespace=namespace, shortname=shortname)
    if with_token:
        living = Credential.objects.filter(kind=Kind.ROBOT, revoked_at=None).order_by("-pk")
        robots = robots.prefetch_related(Prefetch("credentials", living, to_attr="living"))
    found = robots.first()
    if found is None:
        raise NotFound("Could not find robot with specified username", absent="robot")
    found.namespace = namespace
    return found


def robot_federation(*, actor: Actor, robot: Robot) -> list[dict[str, str]]:
    """Return the outside identities that may act as a robot, as ``{"issuer", "subject"}``."""
    require(actor, ROBOT_READ, robot.namespace)
    pairs = robot.federations.order_by("pk").values_list("issuer", "subject")
    return [{"issuer": issuer, "subject": subject} for issuer, subject in pairs]


def teams_of_robot(*, robot: Robot) -> QuerySet[Team]:
    """Return the teams a robot is in, by name. The caller has the right to see the robot."""
    return Team.objects.filter(members__robot=robot).order_by("slug")


# Search --------------------------------------------------------------------------------------------------


@dataclass
class Entities:
    """What a prefix search found. ``in_organization`` tells whether it was asked for an organization."""

    users: list[User]
    robots: list[Robot]
    teams: list[Team]
    organization: Organization | None
    in_organization: bool = False


ENTITIES_MAX = 10


def entities(
    *, actor: Actor, prefix: str, namespace_name: str = "", teams: bool = False, organizations: bool = False
) -> Entities:
    """Return up to ten people and robots whose name begins with a prefix, the exact ones first (quay-b.md 7).

    Robots, and teams where asked for, are those of ``namespace_name`` and only for who is inside it. At most
    five queries.
    """
    prefix = plain(prefix).replace(" ", "")
    space = None
    if namespace_name:
        space = (
            Namespace.objects.select_related("organization", "user")
            .filter(key=fold(namespace_name), deleted_at=None)
            .first()
        )
    # In alphabetical order the exact name comes before everything that it begins.
    people = list(
        User.objects.filter(username__startswith=prefix, deleted_at=None).order_by("username")[:ENTITIES_MAX]
    )
    found = Entities(people, [], [], None)
    if space is None:
        return found
    is_inside = check(actor, ROBOT_LIST, space)
    if space.kind == Namespace.Kind.ORGANIZATION:
        organization = space.organization
        organization.namespace = space
        found.in_organization = True
        if organizations and space.name.startswith(prefix):
            found.organization = organization
        if teams and is_inside:
            groups = Team.objects.filter(organization=organization, slug__startswith=prefix)
            found.teams = list(groups.order_by("slug")[:ENTITIES_MAX])
    if is_inside:
        short = prefix.removeprefix(f"{space.name}+")
        machines = Robot.objects.filter(namespace=space, shortname__startswith=short).order_by("shortname")
        found.robots = list(machines[:ENTITIES_MAX])
        for machine in found.robots:
            machine.namespace = space
    exact = [machine for machine in found.robots if machine.shortname == short] if is_inside else []
    found.users = people[: ENTITIES_MAX - len(exact)]
    found.robots = found.robots[: ENTITIES_MAX - len(found.users)]
    return found


# By key, for wires that show ids -------------------------------------------------------------------------


def user_by_key(*, pk: int) -> User:
    """Return a living person by her key, with her namespace. Raises NotFound."""
    found = User.objects.select_related("namespace").filter(pk=pk, deleted_at=None).first()
    if found is None:
        raise NotFound("User not found", absent="user")
    return found


def organization_by_key(*, actor: Actor, pk: int, right: Right) -> Organization:
    """Return a living organization by its key, on which the actor has the right.

    Whoever may not see its inside learns nothing of it.

    Raises:
        NotFound: there is none, or not for this actor.
        Forbidden: she sees it, and lacks the right; or is in it, and lacks the second factor it asks for.
    """
    found = _organization_by_key.first(pk=pk)
    if found is None or not (check(actor, INSTANCE_READ) or sees(actor, ORGANIZATION_READ, found)):
        raise NotFound("Organization not found", absent="organization")
    found.namespace.organization = found
    if right != ORGANIZATION_READ:
        require(actor, right, found)
    return found


_organization_by_key: Prepared[Organization] = Prepared(
    lambda: Organization.objects.select_related("namespace", "account").filter(
        pk=Given("pk", Organization.id), deleted_at=None
    )
)


def account_by_key(*, actor: Actor, pk: int) -> Account:
    """Return a living account by its key: one's own, one that one administers or is inside of.

    Superusers see every one. Raises NotFound.
    """
    found = Account.objects.filter(pk=pk, deleted_at=None).exclude(user__deleted_at__isnull=False)
    if not check(actor, INSTANCE_READ):
        hers = Membership.objects.filter(organization__account=OuterRef("pk"), user=actor.user)
        living = hers.filter(organization__deleted_at=None)
        found = found.filter(Q(user=actor.user) | Q(administrators=actor.user) | Exists(living)).distinct()
    account = found.first()
    if account is None:
        raise NotFound("Account not found", absent="account")
    return account


def organizations_of(*, actor: Actor, account: Account) -> QuerySet[Organization]:
    """Return an account's living organizations, oldest first: all to who administers it, else one's own."""
    found = Organization.objects.filter(account=account, deleted_at=None).order_by("pk")
    if check(actor, INSTANCE_READ) or account.administrators.filter(pk=getattr(actor.user, "pk", 0)).exists():
        return found
    return found.filter(Exists(Membership.objects.filter(organization=OuterRef("pk"), user=actor.user)))


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
            role = max(roles[row.user_id], key=_LEVEL.__getitem__)
            found.append(Insider(row.user, row.user.email, role, is_elsewhere=row.is_elsewhere))
    return found, both.count()


def linked_organization(*, actor: Actor, provider: str, name: str) -> Organization:
    """Return the living organization that is linked to a Git provider's; who may see what is asked later.

    Raises:
        NotFound: none is linked to it.
    """
    found = _linked.first(provider=provider, name=name) if provider else None
    if found is None:
        raise NotFound("Organization not found", absent="organization")
    found.namespace.organization = found
    return found


_linked: Prepared[Organization] = Prepared(
    lambda: (
        Organization.objects.select_related("namespace", "account")
        .alias(linked=Upper("provider_organization"))
        .filter(
            provider=Given("provider", Organization.provider),
            linked=Upper(Given("name", Organization.provider_organization)),
            deleted_at=None,
        )
        .order_by("pk")[:1]
    )
)


def linked_organizations(*, actor: Actor, provider: str = "") -> QuerySet[Organization]:
    """Return the acting person's organizations that are linked to a Git provider's, by name."""
    require(actor, ACCOUNT_READ)
    mine = Membership.objects.filter(user=actor.user, organization=OuterRef("pk"))
    found = Organization.objects.filter(Exists(mine), deleted_at=None).exclude(provider="")
    found = found.exclude(provider_organization="")
    return (found.filter(provider=provider) if provider else found).order_by("slug")


def people(*, actor: Actor, organization: Organization, search: str = "") -> QuerySet[Membership]:
    """Return the members of an organization by name. Raises Forbidden below admin."""
    require(actor, MEMBER_LIST, organization)
    found = Membership.objects.filter(organization=organization).select_related("user")
    if search:
        name = Q(user__username__icontains=search) | Q(user__name__icontains=search)
        found = found.filter(name | Q(user__email__icontains=search))
    return found.order_by("user__username")
