"""Doing what was planned: rows in bulk, counters exact, every row told in the log."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from accounts.models import Organization, Team, TeamMember, User
from accounts.services.guards import keep_an_administrator
from accounts.services.many import Seat as Place
from accounts.services.many import create_teams, seat_members, set_member_roles
from accounts.services.organizations import change_organization, create_organization
from accounts.services.users import add_people
from logs.kinds import (
    CHANGE_REPO_PROFILE,
    ORG_CHANGE_TEAM,
    ORG_IMPORT,
    ORG_SET_TEAM_DESCRIPTION,
    USER_CREATE,
)
from logs.record import draft, record_many
from permissions.models import DefaultGrant, Grant
from projects.models import Project
from projects.services.importing.files import OWNERS
from projects.services.importing.planning import Seat, changes_to
from projects.services.importing.state import BATCH
from projects.services.many import Given, create_projects, set_grants
from projects.services.projects import set_description, set_state, set_visibility

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accounts.models import Namespace
    from core.actor import Actor
    from logs.kinds import LogKind
    from logs.models import LogEntry
    from projects.services.importing.planning import Plan, ProjectStep, TeamStep
    from projects.services.importing.state import State

    Progress = Callable[[str, int, int], None]

Item = TypeVar("Item")


class Import:
    """One import under way, inside the caller's transaction.

    ``progress`` is called with what, how many are done, and of how many.
    """

    def __init__(self, *, actor: Actor, plan: Plan, state: State, progress: Progress) -> None:
        self.actor = actor
        # The right was checked; as the system it may name another person the owner, and changes any project.
        self.system = replace(actor, system=True)
        self.plan = plan
        self.state = state
        self.progress = progress
        self.entries: list[LogEntry] = []
        self.users: dict[str, User] = dict(state.users)
        self.teams: dict[str, Team] = {}
        self.projects: dict[str, Project] = {}
        self.team_steps = plan.teams
        self.seats = plan.seats
        self.organization: Organization

    def run(self) -> Organization:
        """Do it all; a failure anywhere climbs, and the caller's transaction forgets everything."""
        self._people()
        self._organization()
        self._members()
        self._teams()
        self._seats()
        self._projects()
        self._grants()
        if not self.plan.is_new:
            keep_an_administrator(self.organization)
        self._tell(
            ORG_IMPORT,
            self.namespace,
            source=self.plan.source,
            users=len(self.plan.people),
            members=len(self.plan.roles),
            teams=sum(step.team is None for step in self.plan.teams),
            projects=sum(step.project is None for step in self.plan.projects),
            grants=len(self.plan.grants),
        )
        record_many(self.entries)
        self.progress("log entries", len(self.entries), len(self.entries))
        return self.organization

    @property
    def namespace(self) -> Namespace:
        """The organization's, once it is there."""
        return self.organization.namespace

    def _tell(
        self,
        kind: LogKind,
        namespace: Namespace,
        project: Project | None = None,
        metadata: dict[str, Any] | None = None,
        **keys: Any,
    ) -> None:
        entry = draft(kind, actor=self.actor, namespace=namespace, project=project, metadata=metadata, **keys)
        self.entries.append(entry)

    def _batches(self, what: str, items: list[Item]) -> Iterator[list[Item]]:
        for start in range(0, len(items), BATCH):
            some = items[start : start + BATCH]
            yield some
            self.progress(what, start + len(some), len(items))

    # People and the organization ------------------------------------------------------------------------

    def _people(self) -> None:
        by = self.actor.user.username if self.actor.user else "system"
        for some in self._batches("people", self.plan.people):
            # What was typed is kept as the display name, where the wires have another one.
            names = [(one.username, one.login if one.login != one.username else "") for one in some]
            for user in add_people(names):
                self.users[user.username] = user
                self._tell(USER_CREATE, user.namespace, username=user.username, email="", superuser=by)

    def _organization(self) -> None:
        profile = dict(self.plan.profile)
        actor = self.system
        if self.state.organization is None:
            self.organization = create_organization(
                actor=actor,
                slug=self.plan.slug,
                name=profile.pop("name", ""),
                email=profile.pop("email", ""),
                owner=self.users[self.plan.owner],
            )
            self._adopt_owners()
        else:
            self.organization = self.state.organization
        if profile:
            change_organization(actor=actor, organization=self.organization, changes=profile)

    def _adopt_owners(self) -> None:
        """Change the team that came with the organization, and its first member, instead of making them."""
        row = TeamMember.objects.select_related("team").get(team__organization=self.organization)
        self.team_steps = [
            replace(step, team=row.team, changes=changes_to(row.team, step)) if step.slug == OWNERS else step
            for step in self.plan.teams
        ]
        seat = Seat(OWNERS, self.plan.owner, is_maintainer=False)
        self.seats = [one for one in self.plan.seats if one != seat]
        self.seats = [
            replace(one, row=row) if (one.team, one.username) == (OWNERS, self.plan.owner) else one
            for one in self.seats
        ]

    def _members(self) -> None:
        roles = [
            (self.users[step.username], step.role)
            for step in self.plan.roles
            # The owner of a new organization came with it.
            if not (self.plan.is_new and step.username == self.plan.owner)
        ]
        if roles:
            set_member_roles(actor=self.system, organization=self.organization, roles=roles)
            self.progress("members", len(roles), len(roles))

    # Teams ----------------------------------------------------------------------------------------------

    def _teams(self) -> None:
        steps = self.team_steps
        self.teams = {step.slug: step.team for step in steps if step.team is not None}
        new = sorted((step for step in steps if step.team is None), key=attrgetter("depth"))
        for step in new:  # parents first
            self.teams[step.slug] = self._new_team(step)
        if new:
            made = [self.teams[step.slug] for step in new]
            create_teams(actor=self.system, organization=self.organization, teams=made)
        for depth in sorted({step.depth for step in new}):
            self.progress("teams", sum(step.depth <= depth for step in new), len(new))
        for step in steps:
            if step.team is not None and step.changes:
                self._change_team(step, step.team)

    def _new_team(self, step: TeamStep) -> Team:
        return Team(
            organization=self.organization,
            slug=step.slug,
            name=step.name,
            description=step.description or "",
            role=Team.Role.MEMBER,
            parent=self.teams[step.parent] if step.parent else None,
            previous_names=step.previous_names,
        )

    def _change_team(self, step: TeamStep, team: Team) -> None:
        for field, (_, value) in step.changes.items():
            if field == "parent":
                team.parent = self.teams[value] if value else None
            else:
                setattr(team, field, value)
        team.save(update_fields=list(step.changes))
        if "description" in step.changes:
            self._tell(ORG_SET_TEAM_DESCRIPTION, self.namespace, team=team.slug, description=team.description)
        others = sorted(step.changes.keys() - {"description"})
        if others:
            old_name = step.changes["slug"][0] if "slug" in step.changes else ""
            self._tell(ORG_CHANGE_TEAM, self.namespace, team=team.slug, fields=others, old_name=old_name)

    def _seats(self) -> None:
        seats = [self._seat(seat) for seat in self.seats]
        if seats:
            seat_members(actor=self.system, organization=self.organization, seats=seats)
        new = sum(seat.row is None for seat in self.seats)
        if new:
            self.progress("team members", new, new)

    def _seat(self, seat: Seat) -> Place:
        return Place(self.teams[seat.team], self.users[seat.username], is_maintainer=seat.is_maintainer)

    # Projects -------------------------------------------------------------------------------------------

    def _projects(self) -> None:
        for step in self.plan.projects:
            if step.project is not None:
                self.projects[step.slug] = step.project
                self._change_project(step, step.project)
        new = [
            Project(
                namespace=self.namespace,
                slug=step.slug,
                name=step.name,
                description=step.description,
                visibility=step.visibility,
                state=step.state,
            )
            for step in self.plan.projects
            if step.project is None
        ]
        create_projects(actor=self.system, namespace=self.namespace, projects=new)
        self.projects |= {project.slug: project for project in new}
        self.progress("projects", len(new), len(new))

    def _change_project(self, step: ProjectStep, project: Project) -> None:
        actor = self.system
        changed = {field: new for field, (_, new) in step.changes.items()}
        if "slug" in changed:
            project.slug, project.name = changed["slug"], changed["name"]
            project.save(update_fields=["slug", "name"])
            told = {"repo": project.slug, "namespace": self.namespace.name, "fields": ["name", "slug"]}
            self._tell(CHANGE_REPO_PROFILE, self.namespace, project, told)
        if "description" in changed:
            set_description(actor=actor, project=project, description=changed["description"])
        if "visibility" in changed:
            set_visibility(actor=actor, project=project, visibility=changed["visibility"])
        if "state" in changed:
            set_state(actor=actor, project=project, state=changed["state"])

    def _grants(self) -> None:
        grants = [
            Given(
                self.projects[step.project],
                step.role,
                team=self.teams[step.team] if step.team else None,
                user=self.users[step.username] if step.username else None,
            )
            for step in self.plan.grants
        ]
        set_grants(actor=self.system, namespace=self.namespace, grants=grants)
        self.progress("grants", len(grants), len(grants))
        self._default_grants()

    def _default_grants(self) -> None:
        """Give new projects what every new project of the organization gets; the files' word goes before."""
        new = [self.projects[step.slug] for step in self.plan.projects if step.project is None]
        said = {(step.project, self.teams[step.team].pk) for step in self.plan.grants if step.team}
        rules = DefaultGrant.objects.filter(
            organization=self.organization, activating_user=None, activating_robot=None
        )
        born: dict[tuple[int, str, int], Grant] = {}
        for rule in rules.order_by("pk"):
            for project in new:
                for holder in ("user", "team", "robot"):
                    key = getattr(rule, f"{holder}_id")
                    if key is None or (holder == "team" and (project.slug, key) in said):
                        continue
                    born[project.pk, holder, key] = Grant(
                        project=project, role=rule.role, by_default=True, **{f"{holder}_id": key}
                    )
        Grant.objects.bulk_create(born.values(), batch_size=BATCH)
