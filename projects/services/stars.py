"""Stars: projects that people mark for themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from core.db import hold
from core.errors import Unauthenticated
from core.words import say
from logs.kinds import STAR_REPO, UNSTAR_REPO
from logs.record import record
from permissions.catalogue import PROJECT_READ, STAR_CHANGE
from permissions.checks import require
from projects.models import Star

if TYPE_CHECKING:
    from core.actor import Actor
    from projects.models import Project


@transaction.atomic
def star_project(*, actor: Actor, project: Project) -> None:
    """Mark a project for the acting person; marking twice is fine.

    Raises:
        Forbidden: the project is not hers to see.
        NotFound: it was deleted just now.
    """
    require(actor, STAR_CHANGE)
    require(actor, PROJECT_READ, project)
    if actor.user is None:
        raise Unauthenticated
    hold(project, gone=say("Repository not found"))
    _, is_new = Star.objects.get_or_create(user=actor.user, project=project)
    if is_new:
        told = {"repo": project.slug, "namespace": project.namespace.name}
        record(STAR_REPO, actor=actor, namespace=actor.user.namespace, metadata=told)


@transaction.atomic
def unstar_project(*, actor: Actor, project: Project) -> None:
    """Take the acting person's mark away; not marked is fine."""
    require(actor, STAR_CHANGE)
    if actor.user is None:
        raise Unauthenticated
    gone, _ = Star.objects.filter(user=actor.user, project=project).delete()
    if gone:
        told = {"repo": project.slug, "namespace": project.namespace.name}
        record(UNSTAR_REPO, actor=actor, namespace=actor.user.namespace, metadata=told)
