"""Changes of what is inside of projects: who may, and what is told; a registry does them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from logs.record import record
from permissions.catalogue import CONTENT_CHANGE, CONTENT_MANAGE, PROXY_CACHE_CHANGE
from permissions.checks import require
from projects import content
from projects.content import Verb

if TYPE_CHECKING:
    from accounts.models import Namespace
    from core.actor import Actor
    from projects.content import Change
    from projects.models import Project

WRITING = {
    Verb.START_BUILD,
    Verb.ADD_LABEL,
    Verb.DELETE_LABEL,
    Verb.CHANGE_TAG,
    Verb.DELETE_TAG,
    Verb.RESTORE_TAG,
}
MIRRORING = {Verb.CREATE_MIRROR, Verb.CHANGE_MIRROR, Verb.SYNC_MIRROR, Verb.CANCEL_SYNC}


@transaction.atomic
def change_content(*, actor: Actor, project: Project, change: Change) -> Any:
    """Change what is inside of a project and return what the change is about, as it is now.

    Raises:
        Forbidden: writers change tags and labels and start builds; the rest is for admins.
        Conflict: the project's state forbids it (``field="state"``); mirrors are not held by it.
        NotFound, Invalid: the registry does not know what is meant, or will not do it.
    """
    require(actor, CONTENT_CHANGE if change.verb in WRITING else CONTENT_MANAGE, project)
    if change.verb not in MIRRORING:
        content.require_normal(project)
    outcome = content.here().change(project, change)
    for kind, told in outcome.told:
        record(kind, actor=actor, namespace=project.namespace, project=project, metadata=told)
    return outcome.item


@transaction.atomic
def change_proxy_cache(*, actor: Actor, namespace: Namespace, change: Change) -> Any:
    """Change, or try, which other registry a namespace shows as its own; return the answer of the registry.

    Raises:
        Forbidden: only administrators of the organization.
        NotFound, Invalid: there is none to end, or the registry will not do it.
    """
    require(actor, PROXY_CACHE_CHANGE, namespace)
    outcome = content.here().change(namespace, change)
    for kind, told in outcome.told:
        record(kind, actor=actor, namespace=namespace, metadata=told)
    return outcome.item
