"""Subscriptions to events: added, tested, reset, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from core import egress
from core.errors import Invalid, NotFound
from logs.kinds import (
    RESET_NAMESPACE_NOTIFICATION,
    RESET_REPO_NOTIFICATION,
)
from notifications import outbox
from notifications.config import Given
from notifications.models import Subscription
from notifications.services.rows import add, remove, require_change, tell

if TYPE_CHECKING:
    from accounts.models import Namespace
    from core.actor import Actor
    from notifications.models import Delivery
    from projects.models import Project


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
    if not row.update(number_of_failures=0, failing_since=None, disabled_at=None, mail_due_at=None):
        raise NotFound("There is no such notification", absent="notification")
    subscription.number_of_failures, subscription.disabled_at = 0, None
    subscription.failing_since = None
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
