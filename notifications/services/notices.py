"""What a person is told in the console: put away, and taken out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from core.errors import NotFound
from notifications.models import Notice
from permissions.catalogue import (
    ACCOUNT_CHANGE,
)
from permissions.checks import require

if TYPE_CHECKING:
    from core.actor import Actor


@transaction.atomic
def dismiss_notice(*, actor: Actor, notice: Notice, dismissed: bool = True) -> Notice:
    """Put an own notice away, or take it out again (quay-a.md 6.4). It is not logged: it concerns her alone.

    Raises:
        Unauthenticated, Forbidden: the credential does not allow to change the own account.
        NotFound: it is another's, or gone.
    """
    require(actor, ACCOUNT_CHANGE)
    notice.dismissed_at = (notice.dismissed_at or timezone.now()) if dismissed else None
    changed = Notice.objects.filter(pk=notice.pk, user=actor.user).update(dismissed_at=notice.dismissed_at)
    if not changed:
        raise NotFound("There is no such notification", absent="notice")
    return notice


@transaction.atomic
def dismiss_notices(*, actor: Actor) -> int:
    """Put all own notices away; return how many there were.

    Raises:
        Unauthenticated, Forbidden: the credential does not allow to change the own account.
    """
    require(actor, ACCOUNT_CHANGE)
    return Notice.objects.filter(user=actor.user, dismissed_at=None).update(dismissed_at=timezone.now())
