"""Deleted things: put into the trash, deleted for good. Restoring them is their own services' part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from core.bell import ring
from core.errors import NotFound
from logs.kinds import PURGE_TRASH
from logs.record import record
from permissions.catalogue import ORGANIZATION_CHANGE, ORGANIZATION_CREATE, ORGANIZATION_MANAGE, TRASH_CHANGE
from permissions.checks import check, require
from permissions.factors import open_to
from trash import tasks
from trash.archive import GONE, Dropped, Parcel, bring_back, claim, move, take
from trash.models import Trashed

if TYPE_CHECKING:
    from accounts.models import Namespace, User
    from core.actor import Actor

__all__ = [
    "Dropped",
    "Kind",
    "Parcel",
    "bring_back",
    "claim",
    "may_restore",
    "move",
    "purge_trashed",
    "put",
    "take",
]

Kind = Trashed.Kind


def put(
    *,
    actor: Actor,
    kind: Trashed.Kind,
    namespace: Namespace,
    target: int,
    name: str,
    title: str = "",
    size_bytes: int = 0,
    account_id: int | None = None,
    details: dict[str, Any] | None = None,
) -> Trashed | None:
    """Put a dying thing into the trash; its rows follow by `take` and `move`. None where there is no trash.

    A building block: the caller deletes the thing now, has checked the right and tells the log.
    """
    if not settings.TRASH_DAYS:
        return None
    by = actor.user.username if actor.user else actor.robot.full_name if actor.robot else ""
    return Trashed.objects.create(
        kind=kind,
        namespace=namespace,
        target=target,
        name=name,
        title=title,
        size_bytes=size_bytes,
        account_id=account_id,
        deleted_by=actor.user,
        deleted_by_name=by or ("system" if actor.system else ""),
        details=details or {},
    )


def may_restore(*, actor: Actor, thing: Trashed) -> None:
    """Pass if the actor may restore a thing and delete it for good, or raise.

    What hangs on a living namespace is its administrators'. An organization is its former owners', those
    who administer the account that it was in, and superusers.

    Raises:
        Unauthenticated, Forbidden: none of them.
    """
    if thing.kind != Kind.ORGANIZATION:
        require(actor, TRASH_CHANGE, thing.namespace)
    elif not check(actor, ORGANIZATION_MANAGE):
        if actor.user is not None and _of_owner(thing, actor.user):
            require(actor, ORGANIZATION_CREATE)
        else:
            require(actor, ORGANIZATION_CHANGE, thing.account)


def _of_owner(thing: Trashed, user: User) -> bool:
    # An organization that asked for a second factor asks for it in the trash, too.
    mine = Trashed.objects.filter(open_to(user, "namespace__organization"), pk=thing.pk, owners=user)
    return mine.exists()


@transaction.atomic
def purge_trashed(*, actor: Actor, thing: Trashed) -> None:
    """Delete for good what is in the trash: nobody restores it from now on, a worker removes its rows.

    Raises:
        Unauthenticated, Forbidden: whoever may not restore it.
        NotFound: it was restored or deleted for good just now.
    """
    may_restore(actor=actor, thing=thing)
    there = Trashed.objects.filter(pk=thing.pk).exclude(status=Trashed.Status.PURGING)
    if not there.update(status=Trashed.Status.PURGING):
        raise NotFound(GONE)
    record(
        PURGE_TRASH,
        actor=actor,
        namespace=thing.namespace,
        what=thing.kind,
        name=thing.name,
    )
    ring(tasks.purge, thing.pk)
