"""Projects that come back from the trash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts.models import Membership, Namespace, Robot, Team, User
from core.db import hold_all
from core.errors import Conflict, Invalid, NotFound
from core.names import is_project_name
from core.words import say
from logs.kinds import RESTORE_REPO
from logs.record import record
from permissions.catalogue import TRASH_CHANGE
from permissions.checks import require
from projects.models import Project
from quotas import services as quotas
from quotas.models import Resource
from trash import services as trash

if TYPE_CHECKING:
    from core.actor import Actor
    from trash.models import Trashed
    from trash.services import Dropped

TAKEN = say("A project of this name is here by now: restore it under another one")


@transaction.atomic
def restore_project(*, actor: Actor, thing: Trashed, name: str = "") -> tuple[Project, list[Dropped]]:
    """Bring a project back from the trash as it was, keys and all; return it and what could not come back.

    ``name`` is another slug for it, needed when its own is taken. Its tokens stay dead. Permissions of who
    is gone by now, or has left the organization since, stay away.

    Raises:
        Forbidden: not an administrator of the namespace.
        NotFound: it was restored or deleted for good just now, or its namespace was deleted.
        Invalid: the name breaks its rule.
        Conflict: the name is taken.
        QuotaExceeded: the limit of projects or of storage leaves no room.
    """
    namespace = thing.namespace
    require(actor, TRASH_CHANGE, namespace)
    if thing.kind != trash.Kind.PROJECT:
        raise NotFound("There is no such project in the trash")
    parcel = trash.claim(thing)
    slug = name or parcel.root["slug"]
    if not is_project_name(slug):
        raise Invalid(say("Invalid project name {slug!r}", slug=slug), field="name")
    if Project.objects.filter(namespace=namespace, slug=slug, deleted_at=None).exists():
        raise Conflict(TAKEN, field="name")
    hold_all(User, parcel.refers_to(User))
    hold_all(Team, parcel.refers_to(Team))
    ledger = quotas.take_ledger(namespace=namespace, beside=Resource.PROJECTS)
    quotas.reserve(resource=Resource.PROJECTS, namespace=namespace, account_id=namespace.account_id)
    if parcel.root["size_bytes"]:
        refusal = quotas.move_bytes(actor=actor, ledger=ledger, amount=parcel.root["size_bytes"])
        if refusal is not None:
            raise refusal
    hold_all(Robot, parcel.refers_to(Robot))
    root: dict[str, Any] = {"slug": slug, "deleted_at": None}
    if parcel.root["name"] == parcel.root["slug"]:
        root["name"] = slug
    if parcel.root["connection_status"] == Project.Connection.DISCONNECTING:
        root["connection_status"] = Project.Connection.DISCONNECTED
    dropped = trash.bring_back(parcel, root=root, taken=TAKEN, absent=_left(namespace, thing))
    project = Project.objects.select_related("namespace").get(pk=thing.target)
    actor.forget()
    told = {"repo": slug, "namespace": namespace.name, "old_name": thing.name, "dropped": len(dropped)}
    record(RESTORE_REPO, actor=actor, namespace=namespace, project=project, metadata=told)
    return project, dropped


def _left(namespace: Namespace, thing: Trashed) -> set[int]:
    """Return who was in the organization when the project was deleted, and is not any more."""
    were = set(thing.details.get("members", ()))
    if namespace.kind != Namespace.Kind.ORGANIZATION:
        return set()
    inside = Membership.objects.filter(organization=namespace.organization, user__in=were)
    return were - set(inside.values_list("user", flat=True))
