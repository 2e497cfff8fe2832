"""What the database has of one organization: its rows by name, and the same as `objects`."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from accounts.models import Invitation, Membership, Organization, Robot, Team, TeamMember, User
from notifications.models import Subscription
from permissions.models import DefaultGrant, Grant
from projects.models import Project
from projects.services.code.objects import APPLICATION, PROFILE, SETTINGS, Key, Objects, nest
from quotas.models import Quota, Resource, Threshold
from tokens.models import Application

LIMITED = (Resource.BYTES, Resource.MEMBERS, Resource.PROJECTS, Resource.ROBOTS)


@dataclass
class State:
    """The rows of an organization, by the names that files call them by."""

    organization: Organization
    users: dict[str, User] = field(default_factory=dict)
    memberships: dict[str, Membership] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    robots: dict[str, Robot] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    rules: dict[Key, DefaultGrant] = field(default_factory=dict)
    applications: dict[Key, Application] = field(default_factory=dict)
    invited: set[tuple[str, str]] = field(default_factory=set)
    notifications: list[dict[str, Any]] = field(default_factory=list)
    objects: Objects = field(default_factory=dict)

    def nested(self) -> dict[str, Any]:
        """Return the organization as a file has it."""
        return nest(self.organization.slug, self.objects, self.notifications)

    @property
    def fingerprint(self) -> str:
        """A digest of all that a file could change: another one means that somebody changed something."""
        told = [self.organization.pk, sorted((list(key), fields) for key, fields in self.objects.items())]
        told.append(sorted(self.invited))
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


def read_state(organization: Organization) -> State:
    """Read an organization whole, with the same number of queries at any size."""
    state = State(organization)
    objects = state.objects
    # As of now, not as a page read it.
    now = Organization.objects.get(pk=organization.pk)
    objects["profile",] = {name: getattr(now, name) for name in PROFILE}
    objects["settings",] = {name: getattr(now, name) for name in SETTINGS}
    for row in Membership.objects.filter(organization=organization).select_related("user"):
        state.memberships[row.user.username] = row
        state.users[row.user.username] = row.user
        if row.is_direct:
            objects["member", row.user.username] = {"role": row.role}
    _read_robots(state)
    _read_teams(state)
    _read_projects(state)
    _read_rules(state)
    applications = Application.objects.filter(namespace=organization.namespace_id).order_by("pk")
    numbers: Counter[str] = Counter()
    for application in applications:
        numbers[application.name] += 1
        key = ("application", application.name, str(numbers[application.name]))
        state.applications[key] = application
        objects[key] = {name: getattr(application, name) for name in APPLICATION}
    _read_quotas(state)
    _read_notifications(state)
    return state


def _read_robots(state: State) -> None:
    namespace = state.organization.namespace
    for robot in Robot.objects.filter(namespace=namespace).prefetch_related("federations"):
        robot.namespace = namespace
        state.robots[robot.shortname] = robot
        trusted = sorted((one.issuer, one.subject) for one in robot.federations.all())
        state.objects["robot", robot.shortname] = {
            "description": robot.description,
            "enabled": robot.disabled_at is None,
            "federation": [{"issuer": issuer, "subject": subject} for issuer, subject in trusted],
        }


def _read_teams(state: State) -> None:
    organization = state.organization
    slugs = {}
    for team in Team.objects.filter(organization=organization):
        team.organization = organization
        state.teams[team.slug] = team
        slugs[team.pk] = team.slug
    for team in state.teams.values():
        group = {"ldap": "group_dn", "oidc": "group_name"}.get(team.sync_service, "")
        state.objects["team", team.slug] = {
            "name": team.name,
            "description": team.description,
            "role": team.role,
            "parent": slugs.get(team.parent_id) if team.parent_id else None,
            "sync": {group: team.sync_config.get(group, "")} if group else None,
        }
    seats = TeamMember.objects.filter(team__organization=organization)
    for team_id, username, shortname, maintains in seats.values_list(
        "team", "user__username", "robot__shortname", "is_maintainer"
    ):
        if team_id not in slugs:
            continue  # it came later; whoever changes something holds them first, and reads again
        sort = "user" if username else "robot"
        key = ("seat", slugs[team_id], sort, username or shortname)
        state.objects[key] = {"maintainer": maintains}
    open_ones = Invitation.objects.filter(organization=organization, team__isnull=False, user__isnull=False)
    state.invited = set(open_ones.values_list("team__slug", "user__username"))


def _read_projects(state: State) -> None:
    namespace = state.organization.namespace
    slugs = {}
    living = Project.objects.filter(namespace=namespace, deleted_at=None).select_related("contact", "team")
    for project in living:
        project.namespace = namespace
        state.projects[project.slug] = project
        slugs[project.pk] = project.slug
        state.objects["project", project.slug] = {
            "name": project.name,
            "description": project.description,
            "visibility": project.visibility,
            "state": project.state,
            "git_url": project.git_url,
            "icon": project.icon,
            "contact": project.contact.username if project.contact else None,
            "team": project.team.slug if project.team else None,
        }
    grants = Grant.objects.filter(project__namespace=namespace, project__deleted_at=None)
    for project_id, role, username, team, robot in grants.values_list(
        "project", "role", "user__username", "team__slug", "robot__shortname"
    ):
        if project_id not in slugs:
            continue  # as of teams
        sort = "user" if username else "team" if team else "robot"
        state.objects["grant", slugs[project_id], sort, username or team or robot] = {"role": role}


def _read_rules(state: State) -> None:
    rules = DefaultGrant.objects.filter(organization=state.organization).select_related(
        "organization__namespace",
        "user",
        "team",
        "robot__namespace",
        "activating_user",
        "activating_robot__namespace",
    )
    numbers: Counter[tuple[str, str]] = Counter()
    for rule in rules.order_by("role", "pk"):
        holder = _name(user=rule.user, team=rule.team, robot=rule.robot)
        creator = _name(user=rule.activating_user, team=None, robot=rule.activating_robot)
        numbers[holder, creator] += 1
        key = ("default", holder, creator, str(numbers[holder, creator]))
        state.rules[key] = rule
        state.objects[key] = {"role": rule.role}


def _name(*, user: User | None, team: Team | None, robot: Robot | None) -> str:
    if user is not None:
        return f"user:{user.username}"
    if team is not None:
        return f"team:{team.slug}"
    return f"robot:{robot.shortname}" if robot is not None else ""


def _read_quotas(state: State) -> None:
    rows = Quota.objects.filter(namespace=state.organization.namespace_id, resource__in=LIMITED)
    for row in rows.prefetch_related("thresholds"):
        fields: dict[str, Any] = {"limit": row.limit}
        if row.resource == Resource.BYTES:
            steps = [(step.kind, step.percent) for step in row.thresholds.all()]
            fields["warnings"] = sorted(pc for kind, pc in steps if kind == Threshold.Kind.WARNING)
            fields["rejects"] = sorted(pc for kind, pc in steps if kind == Threshold.Kind.REJECT)
        state.objects["quota", str(row.resource)] = fields


def _read_notifications(state: State) -> None:
    namespace = state.organization.namespace_id
    ours = Q(namespace=namespace) | Q(project__namespace=namespace, project__deleted_at=None)
    rows = Subscription.objects.filter(ours).values_list(
        "project", "event", "method", "title", "event_config", "disabled_at"
    )
    slugs = {project.pk: project.slug for project in state.projects.values()}
    told = [
        {
            "project": slugs.get(project) if project else None,
            "event": event,
            "method": method,
            "title": title,
            "options": options,
            "enabled": disabled_at is None,
        }
        for project, event, method, title, options, disabled_at in rows
    ]
    # Where they lead is left out: the address of a webhook is what opens it.
    state.notifications = sorted(told, key=lambda one: json.dumps(one, sort_keys=True))


def people_of(names: set[str], known: dict[str, User]) -> dict[str, User]:
    """Return the living people of these user names; those who are known already are not asked for again."""
    found = {name: known[name] for name in names & known.keys()}
    left = sorted(names - known.keys())
    for start in range(0, len(left), 500):
        some = left[start : start + 500]
        for user in User.objects.filter(username__in=some, deleted_at=None).select_related("namespace"):
            found[user.username] = user
    return found
