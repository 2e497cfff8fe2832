"""Leaving an organization, as one's own wish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from accounts.models import Membership, Organization
from accounts.selectors import NOT_IN, why_stay
from accounts.services.organizations import part
from core.db import hold
from core.errors import Conflict, NotFound, Unauthenticated
from core.words import say
from logs.kinds import ORG_LEAVE
from logs.record import record
from permissions.catalogue import ORGANIZATION_LEAVE
from permissions.checks import require

if TYPE_CHECKING:
    from core.actor import Actor


@transaction.atomic
def leave_organization(*, actor: Actor, organization: Organization) -> None:
    """End the acting person's membership, with all that `remove_member` ends.

    Raises:
        Unauthenticated, Forbidden: nobody, or a token that may not change her account.
        NotFound: she is not in it (any more), or it was deleted just now.
        Conflict: nobody else owns or administers it, or a directory would bring her back.
    """
    require(actor, ORGANIZATION_LEAVE)
    user = actor.user
    if user is None:
        raise Unauthenticated("Only people leave organizations")
    hold(user, gone=say("Unknown user {username}", username=user.username))
    # The last two owners, both leaving, come here one after the other.
    hold(organization, gone=say("Organization not found"))
    membership = Membership.objects.filter(organization=organization, user=user).first()
    if membership is None:
        raise NotFound(NOT_IN)
    if refusal := why_stay(membership=membership):
        raise Conflict(refusal)
    part(organization, user)
    actor.forget()
    record(ORG_LEAVE, actor=actor, namespace=organization.namespace, member=user.username)
