"""Streams of the usage log, as far as somebody may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from core import seal
from core.errors import NotFound
from core.words import say
from logs import settled
from logs.models import LogEntry
from logs.settled import Cursor
from permissions.catalogue import (
    INSTANCE_LOG_STREAM,
    INSTANCE_READ,
    LOG_STREAM_CHANGE,
    LOG_STREAM_READ,
)
from permissions.checks import require
from streams.models import Stream

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import Namespace
    from core.actor import Actor

MISSING = say("There is no such stream")
BEHIND_MAX = 10_000


def streams(*, actor: Actor, namespace: Namespace | None = None) -> QuerySet[Stream]:
    """Return the streams of an organization's log or, without one, of the instance's; oldest first.

    Raises:
        Unauthenticated, Forbidden: neither an administrator of it nor an auditor.
    """
    require(actor, LOG_STREAM_READ if namespace is not None else INSTANCE_READ, namespace)
    return Stream.objects.filter(namespace=namespace).select_related("namespace").order_by("pk")


def stream(*, actor: Actor, namespace: Namespace | None = None, uuid: UUID) -> Stream:
    """Return one of them. Raises NotFound, too, if it is not there any more."""
    found = streams(actor=actor, namespace=namespace).filter(uuid=uuid).first()
    if found is None:
        raise NotFound(MISSING)
    return found


def behind(row: Stream) -> int:
    """Return how many entries a stream has not sent so far; `BEHIND_MAX` means that or more."""
    rows = settled.after(Cursor(row.xact, row.entry), LogEntry.objects.all())
    if row.namespace_id is not None:
        rows = rows.filter(namespace=row.namespace_id)
    return rows[:BEHIND_MAX].count()


def secret(*, actor: Actor, stream: Stream) -> str:
    """Return the secret that a webhook's batches are signed with; of other methods "".

    Raises:
        Unauthenticated, Forbidden: the actor may not change streams there.
    """
    if stream.namespace is None:
        require(actor, INSTANCE_LOG_STREAM)
    else:
        require(actor, LOG_STREAM_CHANGE, stream.namespace)
    return seal.unseal(stream.secret_sealed) if stream.secret_sealed else ""
