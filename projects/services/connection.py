"""Whether a project is linked to a cloud provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from core.bell import ring
from core.errors import Conflict
from logs.kinds import CONNECT_REPO, DISCONNECT_REPO
from logs.record import record
from permissions.catalogue import PROJECT_CONNECT
from permissions.checks import require
from projects import tasks
from projects.models import Project

if TYPE_CHECKING:
    from core.actor import Actor
    from logs.kinds import LogKind

Connection = Project.Connection


@transaction.atomic
def connect_project(*, actor: Actor, project: Project) -> Project:
    """Note that a project is linked to a cloud provider. Nothing is called: no wire here deploys anything.

    Raises:
        Forbidden: below admin.
        Conflict: it is linked already, its link is being ended, or it was deleted just now.
    """
    require(actor, PROJECT_CONNECT, project)
    if not _move(project, Connection.DISCONNECTED, Connection.CONNECTED):
        raise Conflict("Only a disconnected project can be connected")
    _record(CONNECT_REPO, actor, project)
    return project


@transaction.atomic
def disconnect_project(*, actor: Actor, project: Project) -> None:
    """Begin to end a project's link to its cloud provider; a worker ends it. Without a link it is no error.

    Raises:
        Forbidden: below admin.
    """
    require(actor, PROJECT_CONNECT, project)
    if not _move(project, Connection.CONNECTED, Connection.DISCONNECTING):
        return
    _record(DISCONNECT_REPO, actor, project)
    ring(tasks.disconnect, project.pk)


def _move(project: Project, old: str, new: str) -> int:
    row = Project.objects.filter(pk=project.pk, deleted_at=None, connection_status=old)
    moved = row.update(connection_status=new)
    if moved:
        project.connection_status = new
    return moved


def _record(kind: LogKind, actor: Actor, project: Project) -> None:
    record(
        kind,
        actor=actor,
        namespace=project.namespace,
        project=project,
        metadata={"repo": project.slug, "namespace": project.namespace.name},
    )
