"""Members of an organization in one of its projects: people who hold a grant of their own on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from accounts.models import Membership, User
from core.db import hold, hold_all, insert_many
from core.errors import Conflict, NotFound
from core.words import say
from logs.kinds import CHANGE_REPO_PERMISSION
from logs.record import draft, record_many
from permissions.catalogue import GRANT_CHANGE, ProjectRole
from permissions.checks import require
from permissions.models import Grant
from projects.services.grants import revoke_grant, set_grant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.actor import Actor
    from projects.models import Project


@transaction.atomic
def add_collaborators(*, actor: Actor, project: Project, members: Sequence[Membership]) -> None:
    """Let members of the project's organization read it; whoever has a role on it keeps that.

    Raises:
        Forbidden: below admin.
        NotFound: the project was deleted just now, or one of them is no member of its organization any more.
    """
    require(actor, GRANT_CHANGE, project)
    people = {member.user_id: member.user for member in members}
    hold_all(User, people)
    hold(project, gone=say("Project not found"))
    # Whoever leaves the organization holds the person too: who is in it now, stays until we are done.
    organization = project.namespace.organization
    inside = Membership.objects.filter(organization=organization, user__in=people, user__deleted_at=None)
    if inside.count() != len(people):
        raise NotFound("Member not found", absent="member")
    known = set(Grant.objects.filter(project=project, user__in=people).values_list("user", flat=True))
    new = [user for pk, user in people.items() if pk not in known]
    insert_many(
        [Grant(project=project, user=user, role=ProjectRole.READ) for user in new],
        taken=say("One of them was added just now"),
    )
    actor.forget()
    told = {"repo": project.slug, "namespace": project.namespace.name, "role": ProjectRole.READ.value}
    record_many(
        [
            draft(
                CHANGE_REPO_PERMISSION,
                actor=actor,
                namespace=project.namespace,
                project=project,
                metadata=told | {"username": user.username},
            )
            for user in new
        ]
    )


@transaction.atomic
def change_collaborator(*, actor: Actor, project: Project, member: Membership, role: str) -> None:
    """Change what a collaborator may do.

    Raises:
        Forbidden: below admin.
        Invalid: unknown role.
        NotFound: she is none any more.
        Conflict: she is the last one who is admin.
    """
    require(actor, GRANT_CHANGE, project)
    held = _held(project, member)
    if held == role:
        return
    if held == ProjectRole.ADMIN:
        _keep_an_owner(project, member)
    set_grant(actor=actor, project=project, role=role, user=member.user)


@transaction.atomic
def remove_collaborator(*, actor: Actor, project: Project, member: Membership) -> None:
    """Take a collaborator's own role away. Raises as `change_collaborator`."""
    require(actor, GRANT_CHANGE, project)
    if _held(project, member) == ProjectRole.ADMIN:
        _keep_an_owner(project, member)
    revoke_grant(actor=actor, project=project, user=member.user)


def _held(project: Project, member: Membership) -> str:
    """Return the role that a collaborator holds; from here on nobody else changes roles on the project."""
    hold(member.user, gone=say("Collaborator not found"))
    hold(project, gone=say("Project not found"))
    found = Grant.objects.filter(project=project, user=member.user).first()
    if found is None:
        raise NotFound("Collaborator not found", absent="collaborator")
    return found.role


def _keep_an_owner(project: Project, member: Membership) -> None:
    inside = Membership.objects.filter(organization=member.organization_id).values("user")
    owners = Grant.objects.filter(project=project, role=ProjectRole.ADMIN, user__in=inside)
    if not owners.exclude(user=member.user).exists():
        raise Conflict("The last owner of a project stays its owner")
