"""Finding credentials that the actor may see."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from core.errors import NotFound
from permissions.catalogue import ACCOUNT_ADMINISTER, INSTANCE_READ
from permissions.checks import require
from tokens.kinds import Kind
from tokens.models import Credential, ServiceKey

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


# Keys of services --------------------------------------------------------------------------------------

# For so long an expired key is still shown (quay-a.md 11.3); then it is gone, and a worker removes its row.
EXPIRED_SHOWN = timedelta(days=7)


def service_keys(*, actor: Actor) -> QuerySet[ServiceKey]:
    """Return the keys of services, approved or not, oldest first; those expired long ago are left out."""
    require(actor, INSTANCE_READ)
    shown = Q(expires_at=None) | Q(expires_at__gt=timezone.now() - EXPIRED_SHOWN)
    return ServiceKey.objects.filter(shown).select_related("approved_by").order_by("pk")


def service_key(*, actor: Actor, kid: str) -> ServiceKey:
    """Return one key.

    Raises:
        NotFound: unknown, or expired long ago.
    """
    found = service_keys(actor=actor).filter(kid=kid).first()
    if found is None:
        raise NotFound("There is no such key")
    return found


def _alive() -> Q:
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
