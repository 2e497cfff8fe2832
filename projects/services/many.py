"""Many projects and grants at once: the verbs of `projects` and `grants`, in bulk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from accounts.models import Robot, Team, User
from core.db import hold_all, insert_many
from core.errors import Invalid, NotFound
from core.words import say
from logs.kinds import CHANGE_REPO_PERMISSION, CREATE_REPO
from logs.record import draft, record_many
from permissions.catalogue import GRANT_CHANGE, PROJECT_CREATE, ProjectRole
from permissions.checks import require
from permissions.models import Grant
from projects.models import Project
from projects.services.grants import check_holder, told_of
from quotas import services as quotas
from quotas.models import Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accounts.models import Namespace
    from core.actor import Actor

BATCH = 500
HOLDERS = ("user", "team", "robot")


@dataclass(frozen=True)
class Given:
    """A role on a project for exactly one user, team or robot."""

    project: Project
    role: str
    user: User | None = None
    team: Team | None = None
    robot: Robot | None = None

    @property
    def key(self) -> tuple[int, int | None, int | None, int | None]:
        """The grant that this is, whatever its role."""
        holders = (None if holder is None else holder.pk for holder in (self.user, self.team, self.robot))
        user, team, robot = holders
        return self.project.pk, user, team, robot


@transaction.atomic
def create_projects(*, actor: Actor, namespace: Namespace, projects: Sequence[Project]) -> None:
    """Save projects that are not saved yet. Whoever calls grants: nothing is granted at birth.

    Raises: as `create_project`.
    """
    require(actor, PROJECT_CREATE, namespace)
    if not projects:
        return
    for project in projects:
        if project.namespace_id != namespace.pk:
            raise Invalid("The project belongs to another namespace", field="namespace")
        if project.team is not None and project.team.organization.namespace_id != namespace.pk:
            raise Invalid("The team belongs to another organization", field="team")
    people = {project.contact_id for project in projects}
    teams = {project.team_id for project in projects}
    if (people - {None}) != hold_all(User, people) or (teams - {None}) != hold_all(Team, teams):
        raise NotFound("A team or a contact was deleted just now")
    quotas.reserve(
        resource=Resource.PROJECTS,
        namespace=namespace,
        account_id=namespace.account_id,
        amount=len(projects),
    )
    insert_many(list(projects), taken=say("Repository already exists"))
    actor.forget()
    record_many(
        [
            draft(
                CREATE_REPO,
                actor=actor,
                namespace=namespace,
                project=project,
                metadata={"repo": project.slug, "namespace": namespace.name},
            )
            for project in projects
        ]
    )


@transaction.atomic
def set_grants(*, actor: Actor, namespace: Namespace, grants: Sequence[Given]) -> None:
    """Grant roles on projects of one namespace; repeating is fine. Raises as `set_grant`."""
    projects = {given.project.pk: given.project for given in grants}
    for project in projects.values():
        require(actor, GRANT_CHANGE, project)
        if project.namespace_id != namespace.pk:
            raise Invalid("The project belongs to another namespace", field="namespace")
    for given in grants:
        if given.role not in ProjectRole.values:
            raise Invalid(say("Unknown role {role!r}", role=given.role), field="role")
        check_holder(given.project, user=given.user, team=given.team, robot=given.robot)
    _hold(grants)
    if hold_all(Project, projects) != projects.keys():
        raise NotFound("Repository not found")
    known: dict[tuple[int | None, ...], Grant] = {}
    keys = sorted(projects)
    for start in range(0, len(keys), BATCH):
        for row in Grant.objects.filter(project__in=keys[start : start + BATCH]):
            known[row.project_id, row.user_id, row.team_id, row.robot_id] = row
    by_role: dict[str, list[int]] = {}
    new = {}
    for given in grants:
        row_known = known.get(given.key)
        if row_known is None:
            new[given.key] = Grant(
                project=given.project, role=given.role, user=given.user, team=given.team, robot=given.robot
            )
        else:
            by_role.setdefault(given.role, []).append(row_known.pk)
    for role, rows in by_role.items():
        for start in range(0, len(rows), BATCH):
            Grant.objects.filter(pk__in=rows[start : start + BATCH]).update(role=role, by_default=False)
    insert_many(list(new.values()), taken=say("Somebody granted the same just now"))
    actor.forget()
    record_many(
        [
            draft(
                CHANGE_REPO_PERMISSION,
                actor=actor,
                namespace=namespace,
                project=given.project,
                metadata=told_of(given.project, user=given.user, team=given.team, robot=given.robot)
                | {"role": given.role},
            )
            for given in grants
        ]
    )


def _hold(grants: Sequence[Given]) -> None:
    """Hold all who are granted something, in the one order in which all hold."""
    users = {given.user.pk for given in grants if given.user is not None}
    teams = {given.team.pk for given in grants if given.team is not None}
    robots = {given.robot.pk for given in grants if given.robot is not None}
    if hold_all(User, users) != users or hold_all(Team, teams) != teams or hold_all(Robot, robots) != robots:
        raise NotFound("Somebody was deleted just now")
