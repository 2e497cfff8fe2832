"""What changes of subscriptions of all kinds share: the right, the row, and the entry in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts.models import Namespace
from core import seal
from core.bell import ring
from core.db import hold_all, insert_below
from core.errors import NotFound
from core.words import say
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
from projects.models import Project

if TYPE_CHECKING:
    from core.actor import Actor
    from logs.kinds import LogKind

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
    owner = Project if subscription.project_id is not None else Namespace
    if not hold_all(owner, [subscription.project_id or subscription.namespace_id]):
        raise NotFound("What was to be listened to was deleted just now")
    beside = Subscription.objects.filter(namespace=subscription.namespace, project=subscription.project)
    secret = ""
    if subscription.method == Subscription.Method.WEBHOOK:
        secret = new_secret() if subscription.flags is None else new_integration_secret()
    subscription.secret_sealed = seal.seal(secret) if secret else ""
    full = say("There are {most} notifications here already", most=SUBSCRIPTIONS_MAX)
    insert_below(subscription, "event", beside, SUBSCRIPTIONS_MAX, full=full)
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
