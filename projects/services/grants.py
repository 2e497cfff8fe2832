"""Who may do what in a project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from core.db import hold
from core.errors import Invalid, NotFound, Unauthenticated
from core.words import say
from logs.kinds import CHANGE_REPO_PERMISSION, DELETE_REPO_PERMISSION, GIVE_UP_REPO_PERMISSION
from logs.record import record
from permissions.catalogue import GRANT_CHANGE, GRANT_GIVE_UP, ProjectRole
from permissions.checks import require
from permissions.models import Grant

if TYPE_CHECKING:
    from accounts.models import Robot, Team, User
    from core.actor import Actor
    from projects.models import Project


@transaction.atomic
def set_grant(
    *,
    actor: Actor,
    project: Project,
    role: str,
    user: User | None = None,
    team: Team | None = None,
    robot: Robot | None = None,
) -> Grant:
    """Grant read, write or admin on a project to exactly one user, team or robot; repeating is fine.

    Raises:
        Forbidden: below admin.
        Invalid: unknown role, a team or robot of another namespace, or the namespace's own user.
        NotFound: the project or the holder was deleted just now.
    """
    require(actor, GRANT_CHANGE, project)
    if role not in ProjectRole.values:
        raise Invalid(say("Unknown role {role!r}", role=role), field="role")
    check_holder(project, user=user, team=team, robot=robot)
    if user is not None:
        hold(user)
    if team is not None:
        hold(team)
    if robot is not None:
        hold(robot)
    hold(project, gone=say("Repository not found"))
    grant, _ = Grant.objects.update_or_create(
        project=project, user=user, team=team, robot=robot, defaults={"role": role, "by_default": False}
    )
    actor.forget()
    record(
        CHANGE_REPO_PERMISSION,
        actor=actor,
        namespace=project.namespace,
        project=project,
        metadata=told_of(project, user=user, team=team, robot=robot) | {"role": role},
    )
    return grant


def check_holder(project: Project, *, user: User | None, team: Team | None, robot: Robot | None) -> None:
    """Raise Invalid unless it is exactly one, of this namespace, and not its owner."""
    if sum(holder is not None for holder in (user, team, robot)) != 1:
        raise Invalid("A grant is for exactly one user, team or robot")
    if user is not None and user.namespace_id == project.namespace_id:
        raise Invalid("A namespace's owner is always admin of its projects", field="username")
    if team is not None and team.organization.namespace_id != project.namespace_id:
        raise Invalid("The team belongs to another organization", field="team")
    if robot is not None and robot.namespace_id != project.namespace_id:
        raise Invalid("The robot belongs to another namespace", field="username")


@transaction.atomic
def revoke_grant(
    *,
    actor: Actor,
    project: Project,
    user: User | None = None,
    team: Team | None = None,
    robot: Robot | None = None,
) -> None:
    """Take a grant back.

    Raises:
        Forbidden: below admin.
        Invalid: the namespace's own user.
        NotFound: there is no such grant.
    """
    require(actor, GRANT_CHANGE, project)
    if user is not None and user.namespace_id == project.namespace_id:
        raise Invalid("A namespace's owner is always admin of its projects", field="username")
    gone, _ = Grant.objects.filter(project=project, user=user, team=team, robot=robot).delete()
    if not gone:
        who = "Team" if team else "User"
        raise NotFound(say("{who} does not have permission for repo.", who=who), absent="grant")
    actor.forget()
    record(
        DELETE_REPO_PERMISSION,
        actor=actor,
        namespace=project.namespace,
        project=project,
        metadata=told_of(project, user=user, team=team, robot=robot),
    )


@transaction.atomic
def give_up_grant(*, actor: Actor, grant: Grant) -> None:
    """End what was granted to the acting person herself, whether or not she is in the organization.

    Raises:
        Unauthenticated, Forbidden: nobody, or a token that may not change her account.
        NotFound: it is not hers, or was revoked just now.
    """
    require(actor, GRANT_GIVE_UP)
    if actor.user is None:
        raise Unauthenticated("Only people give up permissions")
    project = grant.project
    gone, _ = Grant.objects.filter(pk=grant.pk, user=actor.user).delete()
    if not gone:
        raise NotFound("This was not granted to you, or is not any more", absent="grant")
    actor.forget()
    record(
        GIVE_UP_REPO_PERMISSION,
        actor=actor,
        namespace=project.namespace,
        project=project,
        metadata=told_of(project, user=actor.user) | {"role": grant.role},
    )


def told_of(
    project: Project, *, user: User | None = None, team: Team | None = None, robot: Robot | None = None
) -> dict[str, Any]:
    """Return what the log is told of a grant, but for its role."""
    if team is not None:
        return {"team": team.slug, "repo": project.slug}
    name = user.username if user else robot.full_name if robot else ""
    return {"username": name, "repo": project.slug, "namespace": project.namespace.name}
