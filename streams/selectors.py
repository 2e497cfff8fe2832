"""Streams of the usage log, as far as somebody may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import IntegerField
from django.db.models.expressions import RawSQL

from core import seal
from core.errors import NotFound
from core.words import say
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
BEHIND = """
(SELECT count(*) FROM (
    SELECT 1 FROM logs_logentry AS found
    WHERE (found.xact, found.id) > (streams_stream.xact, streams_stream.entry)
        AND (streams_stream.namespace_id IS NULL OR found.namespace_id = streams_stream.namespace_id)
    LIMIT %s) AS unsent)
"""


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


def count_behind(rows: QuerySet[Stream]) -> QuerySet[Stream]:
    """Tell of each stream, as ``behind``, how many entries it has not sent; `BEHIND_MAX` is that or more."""
    counted = RawSQL(BEHIND, [BEHIND_MAX], IntegerField())  # noqa: S611 - one value, which is ours
    return rows.annotate(behind=counted)


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
