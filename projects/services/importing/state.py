"""What the database has of an organization and of the names in its files: read once, asked often."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accounts.models import Membership, Namespace, Organization, Team, TeamMember, User
from core.names import fold, slugify
from permissions.models import Grant
from projects.models import Project
from projects.services.importing.files import OWNERS
from projects.services.importing.naming import is_accepted, is_project_name, is_slug_of, wire_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from projects.services.importing.files import Files

BATCH = 500


@dataclass
class State:
    """The rows that an import may meet. The three ``…names`` map names as typed to names on the wires."""

    slug: str
    is_of_a_person: bool = False
    organization: Organization | None = None
    usernames: dict[str, str] = field(default_factory=dict)
    team_slugs: dict[str, str] = field(default_factory=dict)
    project_slugs: dict[str, str] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    organizations: set[str] = field(default_factory=set)
    memberships: dict[str, Membership] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    team_members: dict[int, dict[str, TeamMember]] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    team_grants: dict[tuple[int, int], Grant] = field(default_factory=dict)
    user_grants: dict[tuple[int, int], Grant] = field(default_factory=dict)


def read_state(slug: str, files: Files, owner: str) -> State:
    """Read what is there; ``slug`` and ``owner`` are wire names, ``owner`` may be empty."""
    state = State(slug)
    namespace = Namespace.objects.filter(key=slug, deleted_at=None).first()
    if namespace is not None and namespace.kind == Namespace.Kind.USER:
        state.is_of_a_person = True
        return state
    if namespace is not None:
        state.organization = Organization.objects.select_related("namespace").get(namespace=namespace)
    _read_people(state, files, owner)
    if state.organization is not None:
        _read_inside(state, state.organization)
    state.team_slugs = wire_names(
        [team.name for team in files.teams],
        # The team of the owners is told by its slug alone: a name is no reason to put people into it.
        remembered={team.name: team.slug for team in state.teams.values() if team.slug != OWNERS},
    )
    state.project_slugs = wire_names(
        files.repositories,
        accepts=is_project_name,
        remembered={
            project.name: project.slug
            for project in state.projects.values()
            if not is_accepted(project.name, is_project_name) and is_slug_of(project.slug, project.name)
        },
    )
    return state


def _read_people(state: State, files: Files, owner: str) -> None:
    logins = [name.text for name in files.people()]
    odd = [login for login in logins if not is_accepted(login)]
    remembered = {
        user.name: user.username
        for some in batches(odd)
        for user in User.objects.filter(name__in=some, deleted_at=None).order_by("-pk")
        if is_slug_of(user.username, user.name)
    }
    state.usernames = wire_names(logins, remembered=remembered)
    wanted = [*state.usernames.values(), *([owner] if owner else [])]
    state.users = User.objects.in_bulk(wanted, field_name="username")
    for some in batches(wanted):
        living = Namespace.objects.filter(key__in=some, kind=Namespace.Kind.ORGANIZATION, deleted_at=None)
        state.organizations.update(living.values_list("key", flat=True))


def _read_inside(state: State, organization: Organization) -> None:
    for membership in Membership.objects.filter(organization=organization).select_related("user"):
        state.memberships[membership.user.username] = membership
    for team in Team.objects.filter(organization=organization).select_related("parent"):
        state.teams[team.slug] = team
        state.team_members[team.pk] = {}
    members = TeamMember.objects.filter(team__organization=organization, robot=None).select_related("user")
    for member in members:
        if member.user is not None:
            state.team_members[member.team_id][member.user.username] = member
    namespace = organization.namespace
    for project in Project.objects.filter(namespace=namespace, deleted_at=None).order_by("pk"):
        project.namespace = namespace
        state.projects[project.slug] = project
    grants = Grant.objects.filter(project__namespace=namespace, project__deleted_at=None)
    for grant in grants.select_related("user", "team"):
        if grant.team_id is not None:
            state.team_grants[grant.project_id, grant.team_id] = grant
        elif grant.user_id is not None:
            state.user_grants[grant.project_id, grant.user_id] = grant


def batches(names: Iterable[str]) -> Iterator[list[str]]:
    """Cut a list that goes into a query."""
    every = list(names)
    for start in range(0, len(every), BATCH):
        yield every[start : start + BATCH]


def find_team(state: State, name: str) -> Team | None:
    """Return the team that has this name as typed, or is addressed by it; never the owners'."""
    by_name = (team for team in state.teams.values() if team.name == name)
    team = next(by_name, None) or state.teams.get(slugify(name))
    return None if team is None or team.slug == OWNERS else team


def find_project(state: State, name: str) -> Project | None:
    """Return the project that is addressed by this name."""
    return state.projects.get(fold(name)) or state.projects.get(slugify(name))
