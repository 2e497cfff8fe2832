"""Secrets that deliveries are signed with: made anew, with two that live for a while, and ended."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from core import seal
from core.errors import Conflict, Invalid
from core.words import say
from logs.kinds import (
    END_NAMESPACE_NOTIFICATION_SECRET,
    END_REPO_NOTIFICATION_SECRET,
    ROTATE_NAMESPACE_NOTIFICATION,
    ROTATE_REPO_NOTIFICATION,
)
from notifications.channels.webhook import new_integration_secret, new_secret
from notifications.models import Subscription
from notifications.services.rows import require_change, tell

if TYPE_CHECKING:
    from core.actor import Actor

GRACE_MAX = timedelta(days=30)


@transaction.atomic
def rotate_secret(*, actor: Actor, subscription: Subscription, grace: timedelta) -> str:
    """Make a new secret and return it in clear. The one before lives on for the ``grace``, no older one does.

    While two live, deliveries are signed with both (docs/notifications.md).

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
        Invalid: it has no secret, as it is no webhook; or the grace is negative, or more than thirty days.
        Conflict: somebody made a new one, or removed the subscription, just now.
    """
    require_change(actor, subscription.namespace, subscription.project)
    if not subscription.secret_sealed:
        raise Invalid("Only webhooks have a secret", field="method")
    if not timedelta(0) <= grace <= GRACE_MAX:
        raise Invalid(
            say("The old secret lives on for {days} days at most", days=GRACE_MAX.days), field="grace"
        )
    secret = new_secret() if subscription.flags is None else new_integration_secret()
    until = timezone.now() + grace if grace else None
    new = {
        "secret_sealed": seal.seal(secret),
        "old_secret_sealed": subscription.secret_sealed if until else "",
        "old_secret_until": until,
    }
    row = Subscription.objects.filter(pk=subscription.pk, secret_sealed=subscription.secret_sealed)
    if not row.update(**new):
        raise Conflict("Somebody else made a new secret just now")
    for key, value in new.items():
        setattr(subscription, key, value)
    tell(
        ROTATE_REPO_NOTIFICATION,
        ROTATE_NAMESPACE_NOTIFICATION,
        actor,
        subscription,
        old_until=until.isoformat() if until else "",
    )
    return secret


@transaction.atomic
def end_old_secret(*, actor: Actor, subscription: Subscription) -> Subscription:
    """End the secret that lived on beside the new one: deliveries are signed with the new one alone.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
        Conflict: there is none any more.
    """
    require_change(actor, subscription.namespace, subscription.project)
    row = Subscription.objects.filter(pk=subscription.pk).exclude(old_secret_sealed="")
    if not row.update(old_secret_sealed="", old_secret_until=None):
        raise Conflict("There is no old secret any more")
    subscription.old_secret_sealed, subscription.old_secret_until = "", None
    tell(END_REPO_NOTIFICATION_SECRET, END_NAMESPACE_NOTIFICATION_SECRET, actor, subscription)
    return subscription
