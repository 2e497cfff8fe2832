"""The difference between files and database: what an import will do, decided without a query."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.errors import Conflict, Invalid
from core.names import is_namespace_name
from core.words import say
from permissions.catalogue import OrganizationRole, ProjectRole
from projects.models import Project
from projects.services.importing.files import BrokenFiles
from projects.services.importing.naming import is_accepted, is_project_name
from projects.services.importing.notes import kept_as_they_are, notes_on
from projects.services.importing.state import find_project, find_team

if TYPE_CHECKING:
    from accounts.models import Team, TeamMember
    from permissions.models import Grant
    from projects.services.importing import files as said
    from projects.services.importing.state import State

ROLE_OF = {
    "pull": ProjectRole.READ,
    "read": ProjectRole.READ,
    "triage": ProjectRole.READ,
    "push": ProjectRole.WRITE,
    "write": ProjectRole.WRITE,
    "maintain": ProjectRole.WRITE,
    "admin": ProjectRole.ADMIN,
}
# key of the files -> field of an organization
PROFILE_FIELD = {
    "name": "name",
    "description": "description",
    "email": "email",
    "billing_email": "invoice_email_address",
    "location": "location",
}
# What Muster gave beyond the files' word is not taken back: role wanted -> roles that do as well.
AS_GOOD: dict[str, tuple[str, ...]] = {
    OrganizationRole.OWNER: (OrganizationRole.OWNER,),
    OrganizationRole.ADMIN: (OrganizationRole.ADMIN, OrganizationRole.OWNER),
    OrganizationRole.CREATOR: (
        OrganizationRole.CREATOR,
        OrganizationRole.OWNER,
        OrganizationRole.AUDITOR,
    ),
    OrganizationRole.MEMBER: (
        OrganizationRole.MEMBER,
        OrganizationRole.CREATOR,
        OrganizationRole.OWNER,
        OrganizationRole.AUDITOR,
    ),
}


@dataclass(frozen=True)
class Person:
    """Somebody who is not here yet."""

    username: str
    login: str


@dataclass(frozen=True)
class Role:
    """A person's direct role in the organization; ``was`` is empty for a new member."""

    username: str
    role: str
    was: str = ""


@dataclass
class TeamStep:
    """A team to be made (``team`` is None), changed, or left as it is (no ``changes``).

    ``changes`` maps a field to its old and its new value; a parent is given by its new slug.
    """

    slug: str
    name: str
    depth: int
    parent: str
    description: str | None
    previous_names: list[str]
    team: Team | None
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Seat:
    """Somebody's place in a team, by the team's new slug; ``row`` where only the maintainer flag moves."""

    team: str
    username: str
    is_maintainer: bool
    row: TeamMember | None = None


@dataclass
class ProjectStep:
    """A project to be made (``project`` is None), changed, or left as it is (no ``changes``)."""

    slug: str
    name: str
    description: str
    visibility: str
    state: str
    project: Project | None
    changes: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class GrantStep:
    """A role for a team (by its new slug) or a person on a project (by its new slug)."""

    project: str
    role: str
    team: str = ""
    username: str = ""
    row: Grant | None = None


@dataclass
class Plan:
    """All that an import will do.

    ``mapped`` tells how names became others: (what, as typed, on the wires). ``wanted_seats`` (team, person)
    and ``wanted_grants`` (project, team) are what the files say, there already or not.
    """

    slug: str
    source: str
    owner: str
    is_new: bool
    profile: dict[str, Any] = field(default_factory=dict)
    people: list[Person] = field(default_factory=list)
    roles: list[Role] = field(default_factory=list)
    teams: list[TeamStep] = field(default_factory=list)
    seats: list[Seat] = field(default_factory=list)
    projects: list[ProjectStep] = field(default_factory=list)
    grants: list[GrantStep] = field(default_factory=list)
    mapped: list[tuple[str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    wanted_seats: set[tuple[str, str]] = field(default_factory=set)
    wanted_grants: set[tuple[str, str]] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        """Tell whether the database is as the files say."""
        steps = [step for step in self.teams if step.team is None or step.changes]
        moves = [move for move in self.projects if move.project is None or move.changes]
        return not (
            self.is_new
            or self.profile
            or self.people
            or self.roles
            or steps
            or self.seats
            or moves
            or self.grants
        )


def make_plan(files: said.Files, state: State, owner: str) -> Plan:
    """Return what to do so that the database has all that the files say. Nothing is ever removed.

    Raises:
        BrokenFiles: a name belongs to an organization, or a directory decides who is in a team.
        Conflict: the organization's name belongs to a person.
        Invalid: nobody is there to own a new organization.
    """
    if state.is_of_a_person:
        raise Conflict(
            say(
                "The name {slug} belongs to a person here; choose another for the organization",
                slug=state.slug,
            )
        )
    _check_people(files, state)
    plan = Plan(
        slug=state.slug,
        source=files.source,
        owner=_owner(files, state, owner),
        is_new=state.organization is None,
    )
    plan.profile = _profile(files, state)
    _plan_people(plan, files, state)
    _plan_teams(plan, files, state)
    _plan_seats(plan, files, state)
    _plan_projects(plan, files, state)
    _plan_grants(plan, files, state)
    _tell_mapped(plan, files, state)
    plan.notes = notes_on(files, state)
    plan.kept = kept_as_they_are(plan, state)
    plan.totals = {
        "people": len(state.usernames),
        "teams": len(plan.teams),
        "repositories": len(plan.projects),
        "permissions": sum(one.word in ROLE_OF for one in files.permissions),
    }
    return plan


def _check_people(files: said.Files, state: State) -> None:
    problems = []
    for name in files.people():
        username = state.usernames[name.text]
        if username in state.organizations or username == state.slug:
            problems.append(f"{name.at}: the name {username} belongs to an organization here")
    if problems:
        raise BrokenFiles(problems)


def _owner(files: said.Files, state: State, owner: str) -> str:
    if owner:
        known = state.users.get(owner)
        if known is None and owner not in state.usernames.values():
            raise Invalid(say("There is no user {owner} here, nor in the files", owner=owner), field="owner")
        if known is not None and not known.is_active:
            raise Invalid(
                say("The user {owner} is disabled and cannot be the owner", owner=owner), field="owner"
            )
        return owner
    if state.organization is not None:
        return ""
    for name in files.admins:
        username = state.usernames[name.text]
        if username not in state.users or state.users[username].is_active:
            return username
    raise Invalid("The files name no admin: say with --owner who owns the organization", field="owner")


def _profile(files: said.Files, state: State) -> dict[str, Any]:
    wanted: dict[str, Any] = {PROFILE_FIELD[key]: value for key, value in files.profile.items()}
    if "name" in wanted and not wanted["name"]:
        del wanted["name"]
    if "invoice_email_address" in wanted:
        wanted["invoice_email_address"] = wanted["invoice_email_address"] or None
    if state.organization is None:
        return {key: value for key, value in wanted.items() if value}
    return {key: value for key, value in wanted.items() if getattr(state.organization, key) != value}


def _plan_people(plan: Plan, files: said.Files, state: State) -> None:
    for login, username in state.usernames.items():
        if username not in state.users:
            plan.people.append(Person(username, login))
    by_default = OrganizationRole.CREATOR if files.members_create_repositories else OrganizationRole.MEMBER
    wanted = {state.usernames[name.text]: OrganizationRole.ADMIN for name in files.admins}
    wanted |= {state.usernames[name.text]: by_default for name in files.members}
    if plan.owner:
        wanted[plan.owner] = OrganizationRole.OWNER
    for username, role in wanted.items():
        membership = state.memberships.get(username)
        if membership is None:
            plan.roles.append(Role(username, role))
        elif not membership.is_direct:
            plan.roles.append(Role(username, role, was="member by a team"))
        elif membership.role not in AS_GOOD[role]:
            plan.roles.append(Role(username, role, was=membership.role))


def _plan_teams(plan: Plan, files: said.Files, state: State) -> None:
    rows = {team.name: state.teams.get(state.team_slugs[team.name]) for team in files.teams}
    claimed = {row.pk for row in rows.values() if row is not None}
    for team in files.teams:
        for former in team.previously:
            row = find_team(state, former.text)
            if rows[team.name] is None and row is not None and row.pk not in claimed:
                rows[team.name] = row
                claimed.add(row.pk)
    for team in files.teams:
        row = rows[team.name]
        step = TeamStep(
            slug=state.team_slugs[team.name],
            name=team.name,
            depth=team.depth,
            parent=state.team_slugs[team.parent] if team.parent else "",
            description=team.description,
            previous_names=[former.text for former in team.previously],
            team=row,
        )
        if row is not None:
            step.changes = changes_to(row, step, parent=rows[team.parent] if team.parent else None)
        plan.teams.append(step)


def changes_to(row: Team, step: TeamStep, *, parent: Team | None = None) -> dict[str, tuple[Any, Any]]:
    """Return what makes a row as its step says; ``parent`` is the row of the step's parent, if any."""
    changes: dict[str, tuple[Any, Any]] = {}
    if row.slug != step.slug:
        changes["slug"] = row.slug, step.slug
    if row.name != step.name:
        changes["name"] = row.name, step.name
    if step.description is not None and row.description != step.description:
        changes["description"] = row.description, step.description
    if row.parent_id != (parent.pk if parent else None) or (step.parent and parent is None):
        changes["parent"] = row.parent.slug if row.parent else "", step.parent
    former = [row.name] if "slug" in changes else []
    known = list(dict.fromkeys([*row.previous_names, *step.previous_names, *former]))
    if known != row.previous_names:
        changes["previous_names"] = row.previous_names, known
    return changes


def _plan_seats(plan: Plan, files: said.Files, state: State) -> None:
    problems = []
    for team, step in zip(files.teams, plan.teams, strict=True):
        rows = state.team_members[step.team.pk] if step.team else {}
        for names, is_maintainer in ((team.maintainers, True), (team.members, False)):
            for name in names:
                username = state.usernames[name.text]
                plan.wanted_seats.add((step.slug, username))
                row = rows.get(username)
                if row is not None and row.is_maintainer == is_maintainer:
                    continue
                if row is None and step.team is not None and step.team.sync_service:
                    problems.append(f"{name.at}: a directory decides who is in the team {step.slug} here")
                plan.seats.append(Seat(step.slug, username, is_maintainer, row))
    if problems:
        raise BrokenFiles(problems)


def _plan_projects(plan: Plan, files: said.Files, state: State) -> None:
    rows = {name: state.projects.get(state.project_slugs[name]) for name in files.repositories}
    claimed = {row.pk for row in rows.values() if row is not None}
    for repository in files.repositories.values():
        for former in repository.previously:
            row = find_project(state, former.text)
            if rows[repository.name] is None and row is not None and row.pk not in claimed:
                rows[repository.name] = row
                claimed.add(row.pk)
    for repository in files.repositories.values():
        row = rows[repository.name]
        step = ProjectStep(
            slug=state.project_slugs[repository.name],
            name=repository.name,
            description=repository.description or "",
            # GitHub's own default, and peribolos leaves it out of what it writes.
            visibility=Project.Visibility.PRIVATE if repository.private else Project.Visibility.PUBLIC,
            state=Project.State.READ_ONLY if repository.archived else Project.State.NORMAL,
            project=row,
        )
        if row is not None:
            step.changes = _project_changes(step, row, repository)
        plan.projects.append(step)


def _project_changes(
    step: ProjectStep, row: Project, repository: said.Repository
) -> dict[str, tuple[str, str]]:
    changes = {}
    if row.slug != step.slug:
        changes["slug"] = row.slug, step.slug
        changes["name"] = row.name, step.name
    if repository.description is not None and row.description != step.description:
        changes["description"] = row.description, step.description
    if repository.private is not None and row.visibility != step.visibility:
        changes["visibility"] = row.visibility, step.visibility
    if repository.archived is not None and row.state != step.state and row.state != Project.State.MIRROR:
        changes["state"] = row.state, step.state
    return changes


def _plan_grants(plan: Plan, files: said.Files, state: State) -> None:
    teams = {step.slug: step.team for step in plan.teams}
    projects = {step.slug: step.project for step in plan.projects}
    for one in files.permissions:
        if one.word not in ROLE_OF:
            continue
        role = ROLE_OF[one.word]
        slug = state.project_slugs[one.repository]
        project = projects[slug]
        row: Grant | None = None
        if one.is_team:
            team_slug = state.team_slugs[one.holder]
            team = teams[team_slug]
            if project is not None and team is not None:
                row = state.team_grants.get((project.pk, team.pk))
            step = GrantStep(slug, role, team=team_slug, row=row)
            plan.wanted_grants.add((slug, team_slug))
        else:
            username = state.usernames[one.holder]
            user = state.users.get(username)
            if project is not None and user is not None:
                row = state.user_grants.get((project.pk, user.pk))
            step = GrantStep(slug, role, username=username, row=row)
        if row is None or row.role != role:
            plan.grants.append(step)


def _tell_mapped(plan: Plan, files: said.Files, state: State) -> None:
    new_people = {person.login for person in plan.people}
    for login, username in state.usernames.items():
        if login != username and login in new_people:
            plan.mapped.append(("person", login, username))
    for step in plan.teams:
        if step.name != step.slug and (step.team is None or "slug" in step.changes):
            plan.mapped.append(("team", step.name, step.slug))
    for move in plan.projects:
        if move.name != move.slug and (move.project is None or "slug" in move.changes):
            plan.mapped.append(("repository", move.name, move.slug))
    # Those that lower case alone does not explain come first.
    plan.mapped.sort(
        key=lambda one: is_accepted(one[1], is_project_name if one[0] == "repository" else is_namespace_name)
    )
