"""Projects of organizations, and the members who collaborate in them, for wires that page by age.

Only who holds a role on a project finds it here: that it is public is no role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Subquery

from accounts.models import Membership, Namespace, TeamMember
from core.errors import NotFound
from core.publicids import time_id, time_pk
from permissions.catalogue import PROJECT_READ, Right
from permissions.checks import readable, require, sees
from permissions.models import Grant
from projects.models import Project

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from django.db.models import Q, QuerySet

    from accounts.models import Organization
    from core.actor import Actor

PROJECT, MEMBER = "project", "member"


def held_projects(*, actor: Actor, organization: Organization | None = None) -> QuerySet[Project]:
    """Return the living projects of organizations, or of one, on which the actor holds a role; one query."""
    found = of_organizations(readable(actor)).select_related("namespace__organization")
    return found if organization is None else found.filter(namespace=organization.namespace_id)


def of_organizations(wanted: Q) -> QuerySet[Project]:
    """Return the living projects of organizations to which a filter applies."""
    return Project.objects.filter(
        wanted, deleted_at=None, namespace__deleted_at=None, namespace__kind=Namespace.Kind.ORGANIZATION
    )


def held_project(*, actor: Actor, id: UUID, right: Right = PROJECT_READ) -> Project:
    """Return such a project by its public id, on which the actor has the right.

    Raises:
        NotFound: there is none, or the actor holds no role on it.
        Forbidden: the role is too low, or waits for the second factor that the organization asks for.
    """
    pk = time_pk(PROJECT, id)
    found = held_projects(actor=actor).filter(pk=pk).first() if pk is not None else None
    if found is None and pk is not None and actor.user is not None:
        _tell_what_is_withheld(actor, pk)
    if found is None or time_id(PROJECT, found.pk, found.created_at) != id:
        raise NotFound("Project not found", absent="project")
    found.namespace.organization.namespace = found.namespace
    if right != PROJECT_READ:
        require(actor, right, found)
    return found


def _tell_what_is_withheld(actor: Actor, pk: int) -> None:
    """Raise Forbidden if a second factor is all that a person lacks to see a project."""
    asking = Project.objects.filter(
        pk=pk, deleted_at=None, namespace__organization__requires_second_factor=True
    )
    found = asking.select_related("namespace__organization").first()
    if found is not None:
        sees(actor, PROJECT_READ, found)


# Collaborators -------------------------------------------------------------------------------------------


def collaborators(*, actor: Actor, project: Project, role: str = "") -> QuerySet[Membership]:
    """Return the members of the project's organization who hold a grant of their own on it; one query.

    Each has ``project_role``, and ``by_team`` if she administers the organization by a team.
    """
    require(actor, PROJECT_READ, project)
    granted = Grant.objects.filter(project=project)
    granted = granted.filter(role=role) if role else granted
    by_team = TeamMember.objects.filter(
        team__organization=OuterRef("organization"), team__role="admin", user=OuterRef("user")
    )
    return (
        Membership.objects.filter(organization=project.namespace.organization, user__deleted_at=None)
        .filter(user__in=granted.filter(user__isnull=False).values("user"))
        .annotate(
            project_role=Subquery(granted.filter(user=OuterRef("user")).values("role")[:1]),
            by_team=Exists(by_team),
        )
        .select_related("user__personal_account")
    )


def collaborator(*, actor: Actor, project: Project, id: UUID) -> Membership:
    """Return one of `collaborators` by the public id of her membership. Raises NotFound."""
    pk = time_pk(MEMBER, id)
    found = collaborators(actor=actor, project=project).filter(pk=pk).first() if pk is not None else None
    if found is None or time_id(MEMBER, found.pk, found.created_at) != id:
        raise NotFound("Collaborator not found", absent="collaborator")
    return found


def members(*, actor: Actor, project: Project, ids: Sequence[UUID]) -> list[Membership]:
    """Return members of the project's organization by their public ids, each once, in that order.

    Raises:
        NotFound: one of them is none.
    """
    require(actor, PROJECT_READ, project)
    keys = {id: time_pk(MEMBER, id) for id in ids}
    organization = project.namespace.organization
    rows = Membership.objects.filter(
        organization=organization,
        user__deleted_at=None,
        pk__in=[pk for pk in keys.values() if pk is not None],
    ).select_related("user")
    found = {time_id(MEMBER, row.pk, row.created_at): row for row in rows}
    if any(id not in found for id in keys):
        raise NotFound("Member not found", absent="member")
    return [found[id] for id in keys]
