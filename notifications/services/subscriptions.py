"""Subscriptions to events: added, changed, tested, switched off and on, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from core import egress
from core.errors import Invalid, NotFound
from logs.kinds import (
    CHANGE_NAMESPACE_NOTIFICATION,
    CHANGE_REPO_NOTIFICATION,
    PAUSE_NAMESPACE_NOTIFICATION,
    PAUSE_REPO_NOTIFICATION,
    RESET_NAMESPACE_NOTIFICATION,
    RESET_REPO_NOTIFICATION,
)
from notifications import outbox
from notifications.channels import lane
from notifications.config import Given
from notifications.models import Delivery, Subscription
from notifications.services.rows import add, remove, require_change, tell

if TYPE_CHECKING:
    from accounts.models import Namespace
    from core.actor import Actor
    from projects.models import Project

CHANGEABLE = ("title", "event", "event_config", "config")


def create_subscription(
    *,
    actor: Actor,
    namespace: Namespace | None = None,
    project: Project | None = None,
    event: str,
    method: str,
    config: dict[str, Any],
    event_config: dict[str, Any] | None = None,
    title: str = "",
    flat: bool = False,
) -> tuple[Subscription, str]:
    """Subscribe a project or a namespace, exactly one of them, to an event; duplicates are allowed.

    A namespace also hears of its projects. Returns the subscription and, of a webhook, the secret in clear by
    which its receiver recognizes us (``whsec_…``); of others "". `notifications.config` tells what ``config``
    and ``event_config`` hold. A ``flat`` one is the Quay wire's: keys that nobody knows are left out, and
    names of hosts need not exist so far. Not one transaction: else the URL's name is looked up first, which
    may take seconds.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
        Invalid: ``field`` names what is not acceptable: event, method, config, event_config or title.
        Conflict: there are too many already.
    """
    require_change(actor, namespace, project)
    given = Given(namespace=namespace, project=project, flat=flat)
    options = given.options(event, event_config or {})
    config = given.config(method, config)
    if not title.isprintable():
        raise Invalid("A title is one line of text", field="title")
    if "url" in config:
        egress.check_url(config["url"], field="config", look_up=not flat)
    subscription = Subscription(
        namespace=namespace,
        project=project,
        event=event,
        method=method,
        config=config,
        event_config=options,
        title=title,
        flat=flat,
        created_by=actor.user,
    )
    return add(actor, subscription)


def change_subscription(*, actor: Actor, subscription: Subscription, changes: dict[str, Any]) -> Subscription:
    """Change a subscription's ``title``, ``event``, ``event_config`` or ``config``, as given.

    What waits is told to the new receiver. Of an integration only the title is changed here: see
    `change_integration`. Not one transaction, as `create_subscription`.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
        Invalid: ``field`` names what is not acceptable.
        NotFound: somebody removed it just now.
    """
    namespace, project = subscription.namespace, subscription.project
    require_change(actor, namespace, project)
    new = {key: changes.get(key, getattr(subscription, key)) for key in CHANGEABLE}
    if subscription.flags is None:
        given = Given(namespace=namespace, project=project, flat=subscription.flat)
        new["event_config"] = given.options(new["event"], new["event_config"])
        new["config"] = given.config(subscription.method, new["config"])
        if new["config"].get("url") != subscription.config.get("url"):
            egress.check_url(new["config"]["url"], field="config", look_up=not subscription.flat)
    elif changes.keys() - {"title"}:
        raise Invalid("Of an integration only the title is changed", field=min(changes.keys() - {"title"}))
    if not new["title"].isprintable():
        raise Invalid("A title is one line of text", field="title")
    return _change(actor, subscription, new)


@transaction.atomic
def _change(actor: Actor, subscription: Subscription, new: dict[str, Any]) -> Subscription:
    if not Subscription.objects.filter(pk=subscription.pk).update(updated_at=timezone.now(), **new):
        raise NotFound("There is no such notification", absent="notification")
    for key, value in new.items():
        setattr(subscription, key, value)
    waiting = Delivery.objects.filter(subscription=subscription, due_at__isnull=False)
    waiting.update(lane=lane(subscription.method, subscription.config))
    tell(CHANGE_REPO_NOTIFICATION, CHANGE_NAMESPACE_NOTIFICATION, actor, subscription)
    return subscription


@transaction.atomic
def pause_subscription(*, actor: Actor, subscription: Subscription) -> Subscription:
    """Switch a subscription off by hand: nothing more is sent until it is reset.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
        NotFound: somebody removed it just now.
    """
    require_change(actor, subscription.namespace, subscription.project)
    now = timezone.now()
    off = {"disabled_at": Coalesce("disabled_at", Value(now)), "paused": True, "mail_due_at": None}
    if not Subscription.objects.filter(pk=subscription.pk).update(**off):
        raise NotFound("There is no such notification", absent="notification")
    subscription.disabled_at, subscription.paused = subscription.disabled_at or now, True
    tell(PAUSE_REPO_NOTIFICATION, PAUSE_NAMESPACE_NOTIFICATION, actor, subscription)
    return subscription


@transaction.atomic
def delete_subscription(*, actor: Actor, subscription: Subscription) -> None:
    """Remove a subscription: nothing more is sent; a worker removes its deliveries.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
        NotFound: somebody else removed it just now.
    """
    require_change(actor, subscription.namespace, subscription.project)
    remove(actor, subscription)


@transaction.atomic
def reset_subscription(*, actor: Actor, subscription: Subscription) -> Subscription:
    """Forget a subscription's failures, and so switch it on again if it was off.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
        NotFound: somebody else removed it just now.
    """
    require_change(actor, subscription.namespace, subscription.project)
    row = Subscription.objects.filter(pk=subscription.pk)
    on = {"number_of_failures": 0, "failing_since": None, "disabled_at": None, "paused": False}
    if not row.update(mail_due_at=None, **on):
        raise NotFound("There is no such notification", absent="notification")
    subscription.number_of_failures, subscription.disabled_at = 0, None
    subscription.failing_since, subscription.paused = None, False
    tell(RESET_REPO_NOTIFICATION, RESET_NAMESPACE_NOTIFICATION, actor, subscription)
    return subscription


@transaction.atomic
def send_test(*, actor: Actor, subscription: Subscription) -> Delivery:
    """Queue a delivery of sample data, on the same way and counted as all others (quay-b.md 4.3).

    It is not logged: it changes nothing (quay-b.md 9).

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
    """
    require_change(actor, subscription.namespace, subscription.project)
    [row] = outbox.send([outbox.sample(subscription, actor=actor)])
    return row
