"""Teams of an organization, and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.models import Namespace, Organization, Robot, Team, TeamMember
from accounts.selectors.organizations import organization
from core.errors import NotFound
from core.names import fold
from core.prepared import Given, Prepared
from core.words import say
from permissions.catalogue import TEAM_READ, TEAM_SYNC
from permissions.checks import check, is_superuser, require
from permissions.models import Grant
from projects.models import Project

if TYPE_CHECKING:
    from collections.abc import Iterable

    from core.actor import Actor


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


def teams(*, organization: Organization) -> list[Team]:
    """Return the teams in the order they were made, each with ``member_count`` and ``repo_count``; one query.

    Whoever calls has checked that the actor is inside.
    """
    found = _teams(organization=organization.pk, namespace=organization.namespace_id)
    for team in found:
        team.organization = organization
    return found


def teams_among(*, organization: Organization, keys: Iterable[int]) -> QuerySet[Team]:
    """Return teams of an organization by their keys. Whoever calls has checked that the actor is inside."""
    return Team.objects.filter(organization=organization, pk__in=keys)


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


def teams_of_robot(*, robot: Robot) -> QuerySet[Team]:
    """Return the teams a robot is in, by name. The caller has the right to see the robot."""
    return Team.objects.filter(members__robot=robot).order_by("slug")
