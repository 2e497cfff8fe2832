"""Finding credentials that the actor may see."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from core.errors import NotFound
from permissions.catalogue import ACCOUNT_ADMINISTER
from permissions.checks import require
from tokens.kinds import Kind
from tokens.models import Credential

if TYPE_CHECKING:
    from core.actor import Actor


def own(*, actor: Actor) -> QuerySet[Credential]:
    """Return the acting person's living credentials, newest first."""
    require(actor, ACCOUNT_ADMINISTER)
    return Credential.objects.filter(_alive(), user=actor.user).select_related("application").order_by("-pk")


def own_one(*, actor: Actor, uuid: str, kind: Kind | None = None) -> Credential:
    """Return one of the acting person's credentials.

    Raises:
        NotFound: unknown, somebody else's, or ended.
    """
    require(actor, ACCOUNT_ADMINISTER)
    try:
        key = UUID(uuid)
    except ValueError as error:
        raise NotFound("There is no such token") from error
    found = own(actor=actor).filter(uuid=key)
    credential = (found.filter(kind=kind) if kind else found).first()
    if credential is None:
        raise NotFound("There is no such token")
    return credential


def _alive() -> Q:
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
