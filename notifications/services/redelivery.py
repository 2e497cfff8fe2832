"""Sending again what was delivered, or could not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from core.bell import ring
from core.errors import Conflict
from logs.kinds import REDELIVER_NAMESPACE_NOTIFICATION, REDELIVER_REPO_NOTIFICATION
from notifications import tasks
from notifications.models import Delivery, Subscription
from notifications.services.rows import require_change, tell
from permissions.catalogue import INSTANCE_LOG_STREAM
from permissions.checks import require

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from core.actor import Actor

AT_ONCE_MAX = 10_000
Status = Delivery.Status


def _anew() -> dict[str, Any]:
    return {
        "status": Status.QUEUED,
        "due_at": timezone.now(),
        "attempts": 0,
        "begun_at": None,
        "finished_at": None,
        "error": "",
    }


@transaction.atomic
def redeliver(*, actor: Actor, delivery: Delivery) -> Delivery:
    """Send a delivery again, now, with the same id; what waits is not waited for. Its schedule begins anew.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace; of a checkpoint
            of the log, the instance.
        Conflict: it is being sent just now, the subscription is switched off, or it tells nobody.
    """
    subscription = delivery.subscription
    if subscription.is_of_instance:
        require(actor, INSTANCE_LOG_STREAM)
    else:
        require_change(actor, subscription.namespace, subscription.project)
    _refuse_if_off(subscription)
    if subscription.method == Subscription.Method.IN_CONSOLE and "target" not in subscription.config:
        raise Conflict("It is not sent to anybody")
    mine = Delivery.objects.filter(pk=delivery.pk).exclude(status=Status.RUNNING)
    if not mine.update(**_anew()):
        raise Conflict("It is being sent just now")
    delivery.refresh_from_db(fields=list(_anew()))
    ring(tasks.deliver, delivery.pk)
    tell(REDELIVER_REPO_NOTIFICATION, REDELIVER_NAMESPACE_NOTIFICATION, actor, subscription, count=1)
    return delivery


@transaction.atomic
def redeliver_failed(*, actor: Actor, subscription: Subscription, since: datetime) -> int:
    """Send everything again that failed and was made since a time; return how many.

    At most ten thousand, the oldest first: asked again, the rest comes.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
        Conflict: the subscription is switched off, or nothing failed since then.
    """
    require_change(actor, subscription.namespace, subscription.project)
    _refuse_if_off(subscription)
    failed = Delivery.objects.filter(subscription=subscription, status=Status.FAILED, created_at__gte=since)
    keys = list(failed.order_by("pk").values_list("pk", flat=True)[:AT_ONCE_MAX])
    count = 0
    for start in range(0, len(keys), 500):
        some = Delivery.objects.filter(pk__in=keys[start : start + 500], status=Status.FAILED)
        count += some.update(**_anew())
    if not count:
        raise Conflict("Nothing failed since then")
    ring(tasks.deliver, keys[0])
    tell(REDELIVER_REPO_NOTIFICATION, REDELIVER_NAMESPACE_NOTIFICATION, actor, subscription, count=count)
    return count


def _refuse_if_off(subscription: Subscription) -> None:
    if subscription.disabled_at is not None:
        raise Conflict("The notification is switched off: switch it on first")
