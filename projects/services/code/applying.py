"""Doing what a diff says: every change by the service that does it by hand, in one transaction.

Services ask for rights and tell the log; what the actor may not do by hand, a file does not do for her.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.models import Robot, Team
from accounts.services.many import (
    Seat,
    create_teams,
    remove_members,
    seat_members,
    set_member_roles,
    unseat_members,
)
from accounts.services.nesting import move_team
from accounts.services.organizations import change_organization
from accounts.services.robots import change_robot, create_robot, delete_robot, set_robot_federation
from accounts.services.syncing import disable_team_sync, enable_team_sync
from accounts.services.teams import add_team_member, change_team, delete_team, remove_team_member
from core.errors import DomainError, NotFound
from core.words import say
from projects.models import Project
from projects.services.code.comparing import ADD, CHANGE, REMOVE
from projects.services.default_grants import (
    change_default_grant,
    create_default_grant,
    delete_default_grant,
)
from projects.services.grants import revoke_grant
from projects.services.many import Given, create_projects, set_grants
from projects.services.projects import change_project, change_settings, create_project, delete_project
from quotas import services as quotas
from quotas.models import Resource, Threshold
from tokens.services import change_application, create_application, delete_application, usual_end

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accounts.models import User
    from core.actor import Actor
    from projects.services.code.comparing import Diff, Step
    from projects.services.code.document import Document
    from projects.services.code.state import State

PROFILE_OF_PROJECT = ("name", "icon", "git_url", "contact", "team")
SETTINGS_OF_PROJECT = ("description", "visibility", "state")


class Applying:
    """One file being applied, inside the caller's transaction, which holds all that it touches."""

    def __init__(
        self, *, actor: Actor, diff: Diff, document: Document, state: State, people: dict[str, User]
    ) -> None:
        self.actor = actor
        self.diff = diff
        self.document = document
        self.state = state
        self.people = {**state.users, **people}
        self.organization = state.organization
        self.namespace = state.organization.namespace

    def run(self) -> None:
        """Do it all; a failure anywhere climbs, and the caller's transaction forgets everything.

        What is needed comes before what needs it, and whoever shall administer before whoever shall not.
        """
        self.at: Step | None = None
        try:
            self._run()
        except DomainError as error:
            if self.at is not None:
                where = f"line {self.at.line}: " if self.at.line else ""
                error.message = f"{where}{self.at.title}: {error.message}"
                error.args = (error.message,)
            raise

    def _run(self) -> None:
        self._organization()
        self._quotas()
        self._end_things()
        self._robots()
        self._members()
        self._teams()
        self._seats()
        self._end_people()
        self._projects()
        self._grants()
        self._rules()
        self._applications()
        self._bind()

    def _steps(self, sign: str, sort: str) -> Iterator[Step]:
        """Yield steps, each remembered while it is done."""
        for step in self.diff.of(sign, sort):
            self.at = step
            yield step
        self.at = None

    # The organization -----------------------------------------------------------------------------------

    def _organization(self) -> None:
        for sort in ("profile", "settings"):
            for step in self._steps(CHANGE, sort):
                change_organization(actor=self.actor, organization=self.organization, changes=step.new())

    def _quotas(self) -> None:
        for sign in (ADD, CHANGE):
            for step in self._steps(sign, "quota"):
                if step.key[1] == Resource.BYTES:
                    self._storage(step)
                elif "limit" in step.fields:
                    quotas.set_limit(
                        actor=self.actor,
                        resource=Resource(step.key[1]),
                        limit=step.fields["limit"][1],
                        namespace=self.namespace,
                    )

    def _storage(self, step: Step) -> None:
        about: dict[str, Any] = {"actor": self.actor, "namespace": self.namespace}
        old, new = step.fields.get("limit", (None, None))
        if "limit" in step.fields and new is None:
            quotas.delete_quota(**about)
            return
        if "limit" in step.fields:
            change = quotas.create_quota if old is None else quotas.change_quota
            change(**about, limit_bytes=new)
        row = self.namespace.quotas.get(resource=Resource.BYTES)
        for name, kind in (("warnings", Threshold.Kind.WARNING), ("rejects", Threshold.Kind.REJECT)):
            if name not in step.fields:
                continue
            here = {one.percent: one for one in row.thresholds.filter(kind=kind)}
            wanted = step.fields[name][1]
            for percent in here.keys() - set(wanted):
                quotas.delete_threshold(**about, quota_id=str(row.pk), limit_id=str(here[percent].pk))
            for percent in sorted(set(wanted) - here.keys()):
                quotas.add_threshold(**about, kind=kind, percent=percent)

    # What ends ------------------------------------------------------------------------------------------

    def _end_things(self) -> None:
        for step in self._steps(REMOVE, "application"):
            delete_application(
                actor=self.actor,
                organization=self.organization,
                application=self.state.applications[step.key],
            )
        for step in self._steps(REMOVE, "default"):
            delete_default_grant(actor=self.actor, rule=self.state.rules[step.key])
        for step in self._steps(REMOVE, "grant"):
            _, slug, sort, name = step.key
            holder = {sort: self._holder(sort, name)}
            revoke_grant(actor=self.actor, project=self.state.projects[slug], **holder)
        for step in self._steps(REMOVE, "project"):
            delete_project(actor=self.actor, project=self.state.projects[step.key[1]])
        for step in self._steps(REMOVE, "robot"):
            delete_robot(actor=self.actor, robot=self.state.robots[step.key[1]])

    def _end_people(self) -> None:
        robots = {step.key[1] for step in self.diff.of(REMOVE, "robot")}
        seats = [self._seat(step, 0) for step in self.diff.of(REMOVE, "seat") if step.key[2] == "user"]
        if seats:
            unseat_members(actor=self.actor, organization=self.organization, seats=seats)
        for step in self._steps(REMOVE, "seat"):
            _, slug, sort, name = step.key
            if sort == "robot" and name not in robots:  # else it took its places along
                robot = self.state.robots[name]
                remove_team_member(actor=self.actor, team=self.state.teams[slug], robot=robot)
        for step in self._steps(REMOVE, "team"):
            delete_team(actor=self.actor, team=self.state.teams[step.key[1]])
        users = [self.people[step.key[1]] for step in self.diff.of(REMOVE, "member")]
        if users:
            remove_members(actor=self.actor, organization=self.organization, users=users)

    # Robots and people ----------------------------------------------------------------------------------

    def _robots(self) -> None:
        for step in self._steps(ADD, "robot"):
            new = step.new()
            robot, _ = create_robot(
                actor=self.actor,
                namespace=self.namespace,
                shortname=step.key[1],
                description=new.get("description", ""),
                expires_at=usual_end(organization=self.organization),
            )
            self.state.robots[step.key[1]] = robot
            self._change_robot(robot, {name: new[name] for name in ("enabled", "federation") if name in new})
        for step in self._steps(CHANGE, "robot"):
            self._change_robot(self.state.robots[step.key[1]], step.new())

    def _change_robot(self, robot: Robot, new: dict[str, Any]) -> None:
        change_robot(
            actor=self.actor, robot=robot, description=new.get("description"), enabled=new.get("enabled")
        )
        if "federation" in new and (new["federation"] or robot.federations.exists()):
            set_robot_federation(actor=self.actor, robot=robot, identities=new["federation"])

    def _members(self) -> None:
        steps = self.diff.of(ADD, "member") + self.diff.of(CHANGE, "member")
        if steps:
            set_member_roles(
                actor=self.actor,
                organization=self.organization,
                roles=[(self.people[step.key[1]], step.fields["role"][1]) for step in steps],
            )

    # Teams ----------------------------------------------------------------------------------------------

    def _teams(self) -> None:
        for step in self._steps(CHANGE, "team"):
            if "sync" in step.fields and step.fields["sync"][0] is not None:
                disable_team_sync(actor=self.actor, team=self.state.teams[step.key[1]])
        new = self.diff.of(ADD, "team")
        for step in new:
            fields = step.new()
            self.state.teams[step.key[1]] = Team(
                organization=self.organization,
                slug=step.key[1],
                name=fields.get("name", step.key[1]),
                description=fields.get("description", ""),
                role=fields.get("role", Team.Role.MEMBER),
            )
        for step in new:
            parent = step.new().get("parent")
            if parent is not None:
                self.state.teams[step.key[1]].parent = self.state.teams[parent]
        if new:
            made = [self.state.teams[step.key[1]] for step in new]
            create_teams(actor=self.actor, organization=self.organization, teams=made)
        for step in sorted(self.diff.of(CHANGE, "team"), key=self._depth):
            self.at = step
            self._change_team(step)
        self.at = None

    def _change_team(self, step: Step) -> None:
        team, fields = self.state.teams[step.key[1]], step.new()
        if fields.keys() & {"name", "description", "role"}:
            change_team(
                actor=self.actor,
                team=team,
                role=fields.get("role"),
                description=fields.get("description"),
                name=fields.get("name"),
            )
        if "parent" in fields:
            parent = self.state.teams[fields["parent"]] if fields["parent"] is not None else None
            move_team(actor=self.actor, team=team, parent=parent)

    def _depth(self, step: Step) -> int:
        """Return how deep a team shall be: parents are moved first, so that none is ever inside itself."""
        depth = 0
        slug: str | None = step.key[1]
        while slug is not None:
            key = ("team", slug)
            said, known = self.document.objects.get(key, {}), self.state.objects.get(key, {})
            slug = said["parent"] if "parent" in said else known.get("parent")
            depth += 1
        return depth

    def _seats(self) -> None:
        steps = self.diff.of(ADD, "seat") + self.diff.of(CHANGE, "seat")
        seats = [self._seat(step, 1) for step in steps if step.key[2] == "user"]
        if seats:
            invited = seat_members(actor=self.actor, organization=self.organization, seats=seats)
            self.diff.notes += [
                f"{seat.user.username} is invited to the team {seat.team.slug}" for seat in invited
            ]
        for step in self._steps(ADD, "seat"):
            if step.key[2] == "robot":
                add_team_member(
                    actor=self.actor,
                    team=self.state.teams[step.key[1]],
                    robot=self.state.robots[step.key[3]],
                )

    def _seat(self, step: Step, which: int) -> Seat:
        maintains = bool(step.fields["maintainer"][which])
        return Seat(self.state.teams[step.key[1]], self.people[step.key[3]], is_maintainer=maintains)

    def _bind(self) -> None:
        """Bind teams to groups, last of all: the directory is asked while the organization is held."""
        for sign in (ADD, CHANGE):
            for step in self._steps(sign, "team"):
                group = step.new().get("sync")
                if group is not None:
                    enable_team_sync(actor=self.actor, team=self.state.teams[step.key[1]], **group)

    # Projects -------------------------------------------------------------------------------------------

    def _projects(self) -> None:
        whole = []
        for step in self._steps(ADD, "project"):
            slug, fields = step.key[1], self._fields_of_project(step)
            if ("grant", slug) in self.document.scopes:
                project = Project(namespace=self.namespace, slug=slug, **{"name": slug, **fields})
                self.state.projects[slug] = project
                whole.append(project)
                continue
            # Nothing is said of who may do what in it: it is born as by hand.
            state = fields.pop("state", Project.State.NORMAL)
            project = create_project(actor=self.actor, namespace=self.namespace, slug=slug, **fields)
            change_settings(actor=self.actor, project=project, changes={"state": state})
            self.state.projects[slug] = project
        create_projects(actor=self.actor, namespace=self.namespace, projects=whole)
        for step in self._steps(CHANGE, "project"):
            project, fields = self.state.projects[step.key[1]], self._fields_of_project(step)
            changes = {name: fields[name] for name in SETTINGS_OF_PROJECT if name in fields}
            if changes:
                change_settings(actor=self.actor, project=project, changes=changes)
            changes = {name: fields[name] for name in PROFILE_OF_PROJECT if name in fields}
            if changes:
                change_project(actor=self.actor, project=project, changes=changes)

    def _fields_of_project(self, step: Step) -> dict[str, Any]:
        fields = step.new()
        if fields.get("contact") is not None:
            fields["contact"] = self.people[fields["contact"]]
        if fields.get("team") is not None:
            fields["team"] = self.state.teams[fields["team"]]
        return fields

    def _grants(self) -> None:
        steps = self.diff.of(ADD, "grant") + self.diff.of(CHANGE, "grant")
        given = []
        for step in steps:
            _, slug, sort, name = step.key
            holder = {sort: self._holder(sort, name)}
            given.append(Given(self.state.projects[slug], step.fields["role"][1], **holder))
        if given:
            set_grants(actor=self.actor, namespace=self.namespace, grants=given)

    def _holder(self, sort: str, name: str) -> Any:
        found: Any = {"user": self.people, "team": self.state.teams, "robot": self.state.robots}[sort]
        if name not in found:
            raise NotFound(say("There is no {sort} {name}", sort=sort, name=name))
        return found[name]

    # The rest -------------------------------------------------------------------------------------------

    def _rules(self) -> None:
        for step in self._steps(CHANGE, "default"):
            rule = self.state.rules[step.key]
            change_default_grant(actor=self.actor, rule=rule, role=step.fields["role"][1])
        for step in self._steps(ADD, "default"):
            sort, name = step.key[1].split(":", 1)
            holders = {sort: self._holder(sort, name)}
            if step.key[2]:
                sort, name = step.key[2].split(":", 1)
                holders[f"activating_{sort}"] = self._holder(sort, name)
            create_default_grant(
                actor=self.actor,
                organization=self.organization,
                role=step.fields["role"][1],
                **holders,
            )

    def _applications(self) -> None:
        for step in self._steps(ADD, "application"):
            create_application(
                actor=self.actor, organization=self.organization, name=step.key[1], **step.new()
            )
        for step in self._steps(CHANGE, "application"):
            change_application(
                actor=self.actor,
                organization=self.organization,
                application=self.state.applications[step.key],
                changes=step.new(),
            )
