"""What changes of subscriptions of all kinds share: the right, the row, and the entry in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from core import seal
from core.bell import ring
from core.db import insert
from core.errors import Conflict, NotFound
from logs.kinds import (
    ADD_REPO_NOTIFICATION,
    CREATE_NAMESPACE_NOTIFICATION,
    DELETE_NAMESPACE_NOTIFICATION,
    DELETE_REPO_NOTIFICATION,
)
from logs.record import record
from notifications import tasks
from notifications.channels.webhook import new_integration_secret, new_secret
from notifications.deliveries import told
from notifications.models import Subscription
from permissions.catalogue import NOTIFICATION_CHANGE, PROJECT_NOTIFICATION_CHANGE
from permissions.checks import require

if TYPE_CHECKING:
    from accounts.models import Namespace
    from core.actor import Actor
    from logs.kinds import LogKind
    from projects.models import Project

SUBSCRIPTIONS_MAX = 50  # of one project or namespace: each may add a row to every write there


def require_change(actor: Actor, namespace: Namespace | None, project: Project | None) -> None:
    """Require that the actor administers the project or namespace that a notification is of."""
    if (project is None) == (namespace is None):
        message = "a notification belongs to a project or to a namespace, to one of them"
        raise ValueError(message)
    if project is not None:
        require(actor, PROJECT_NOTIFICATION_CHANGE, project)
    else:
        require(actor, NOTIFICATION_CHANGE, namespace)


def add(actor: Actor, subscription: Subscription) -> tuple[Subscription, str]:
    """Write a subscription, with a secret if it is a webhook; return both. Raises Conflict at the limit."""
    with transaction.atomic():
        return _add(actor, subscription)


def _add(actor: Actor, subscription: Subscription) -> tuple[Subscription, str]:
    beside = Subscription.objects.filter(namespace=subscription.namespace, project=subscription.project)
    if beside.count() >= SUBSCRIPTIONS_MAX:
        raise Conflict(f"There are {SUBSCRIPTIONS_MAX} notifications here already")
    secret = ""
    if subscription.method == Subscription.Method.WEBHOOK:
        secret = new_secret() if subscription.flags is None else new_integration_secret()
    subscription.secret_sealed = seal.seal(secret) if secret else ""
    insert(subscription, taken="The notification exists already")
    tell(ADD_REPO_NOTIFICATION, CREATE_NAMESPACE_NOTIFICATION, actor, subscription)
    return subscription, secret


def remove(actor: Actor, subscription: Subscription) -> None:
    """Remove a subscription; its deliveries go by a worker. Raises NotFound."""
    gone, _ = Subscription.objects.filter(pk=subscription.pk).delete()
    if not gone:
        raise NotFound("There is no such notification", absent="notification")
    tell(DELETE_REPO_NOTIFICATION, DELETE_NAMESPACE_NOTIFICATION, actor, subscription)
    ring(tasks.forget, subscription.pk)


def tell(
    of_project: LogKind, of_namespace: LogKind, actor: Actor, subscription: Subscription, **more: Any
) -> None:
    """Write the entry of what was done to a subscription."""
    project = subscription.project
    record(
        of_project if project else of_namespace,
        actor=actor,
        namespace=project.namespace if project else subscription.namespace,
        project=project,
        metadata=told(subscription),
        **more,
    )
