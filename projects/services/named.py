"""Projects whose names, as typed, are taken once in their organization (flexstack.md 6.2, 6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from core.db import one_at_a_time, update
from core.errors import Conflict
from logs.kinds import CHANGE_REPO_PROFILE
from logs.record import record
from permissions.catalogue import PROJECT_CREATE, PROJECT_WRITE
from permissions.checks import require
from projects.models import Project
from projects.services.projects import create_project

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import Organization
    from core.actor import Actor


@transaction.atomic
def create_named_project(
    *, actor: Actor, organization: Organization, name: str, description: str = "", icon: str = ""
) -> Project:
    """Create a project under a name that no other of the organization has.

    Raises:
        Forbidden, QuotaExceeded, NotFound: as `create_project`.
        Conflict: the name is taken.
    """
    require(actor, PROJECT_CREATE, organization.namespace)
    _take_name(organization.namespace_id, name)
    return create_project(
        actor=actor, namespace=organization.namespace, name=name, description=description, icon=icon
    )


@transaction.atomic
def replace_project(
    *,
    actor: Actor,
    project: Project,
    name: str,
    description: str,
    icon: str,
    default_environment: UUID | None,
) -> Project:
    """Set all of a project that writers may change; what stays as it is, is not told.

    Raises:
        Forbidden: below write.
        Invalid: a value breaks its rule.
        Conflict: another project of the organization has the name.
        NotFound: somebody deleted it just now.
    """
    require(actor, PROJECT_WRITE, project)
    wanted = {
        "name": name,
        "description": description,
        "icon": icon,
        "default_environment": default_environment,
    }
    fields = [field for field, value in wanted.items() if getattr(project, field) != value]
    if not fields:
        return project
    if "name" in fields:
        _take_name(project.namespace_id, name, but=project.pk)
    for field in fields:
        setattr(project, field, wanted[field])
    update(project, *fields)
    record(
        CHANGE_REPO_PROFILE,
        actor=actor,
        namespace=project.namespace,
        project=project,
        metadata={"repo": project.slug, "namespace": project.namespace.name, "fields": fields},
    )
    return project


def _take_name(namespace_id: int, name: str, *, but: int = 0) -> None:
    # No constraint guards it: on other wires two projects may have one name.
    one_at_a_time(f"names of the projects in {namespace_id}")
    beside = Project.objects.filter(namespace=namespace_id, name=name, deleted_at=None).exclude(pk=but)
    if beside.exists():
        raise Conflict("A project of this name exists in the organization")
