"""Messages to everybody; subscriptions to events: added, tested, reset, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from core import egress, seal
from core.bell import ring
from core.db import insert
from core.errors import Conflict, Invalid, NotFound
from logs.kinds import (
    ADD_REPO_NOTIFICATION,
    CREATE_MESSAGE,
    CREATE_NAMESPACE_NOTIFICATION,
    DELETE_MESSAGE,
    DELETE_NAMESPACE_NOTIFICATION,
    DELETE_REPO_NOTIFICATION,
    RESET_NAMESPACE_NOTIFICATION,
    RESET_REPO_NOTIFICATION,
)
from logs.record import record
from logs.services import ADDRESS
from notifications import outbox, tasks
from notifications.channels.webhook import new_secret
from notifications.deliveries import told
from notifications.events import EVENTS
from notifications.models import GlobalMessage, Subscription
from permissions.catalogue import MESSAGE_MANAGE, NOTIFICATION_CHANGE, PROJECT_NOTIFICATION_CHANGE
from permissions.checks import require

if TYPE_CHECKING:
    from accounts.models import Namespace
    from core.actor import Actor
    from logs.kinds import LogKind
    from notifications.models import Delivery
    from projects.models import Project

SUBSCRIPTIONS_MAX = 50  # of one project or namespace: each may add a row to every write there
# method -> the keys of its config; each is a string
CONFIG = {
    Subscription.Method.WEBHOOK: {"url"},
    Subscription.Method.EMAIL: {"email"},
    Subscription.Method.IN_CONSOLE: set[str](),
}


# Messages to everybody -----------------------------------------------------------------------------------


@transaction.atomic
def create_message(*, actor: Actor, content: str, severity: str, media_type: str) -> GlobalMessage:
    """Write a message that every wire and the console show to everybody (quay-a.md 5.3).

    Raises:
        Forbidden: only superusers.
        Invalid: no content, or an unknown severity or media type.
    """
    require(actor, MESSAGE_MANAGE)
    if not content.strip():
        raise Invalid("A message has content", field="content")
    message = GlobalMessage(content=content, severity=severity, media_type=media_type)
    insert(message, taken="The message exists already")
    record(CREATE_MESSAGE, actor=actor, uuid=str(message.uuid), severity=severity)
    return message


@transaction.atomic
def delete_message(*, actor: Actor, message: GlobalMessage) -> None:
    """Remove a message to everybody.

    Raises:
        Forbidden: only superusers.
        NotFound: somebody else removed it just now.
    """
    require(actor, MESSAGE_MANAGE)
    gone, _ = GlobalMessage.objects.filter(pk=message.pk).delete()
    if not gone:
        raise NotFound("There is no such message", absent="message")
    record(DELETE_MESSAGE, actor=actor, uuid=str(message.uuid))


# Subscriptions -------------------------------------------------------------------------------------------


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
) -> tuple[Subscription, str]:
    """Subscribe a project or a namespace, exactly one of them, to an event; duplicates are allowed.

    A namespace also hears of its projects. Returns the subscription and, of a webhook, the secret in clear by
    which its receiver recognizes us (``whsec_…``); of others "". ``config`` is ``{"url": …}`` of a webhook,
    ``{"email": …}`` of an e-mail, and empty in the console. Not one transaction: the URL's name is looked up
    first, which may take seconds.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
        Invalid: ``field`` names what is not acceptable: event, method, config, event_config or title.
        Conflict: there are too many already.
    """
    _require_change(actor, namespace, project)
    _check_event(event, event_config or {}, of_project=project is not None)
    _check_config(method, config)
    if not title.isprintable():
        raise Invalid("A title is one line of text", field="title")
    if method == Subscription.Method.WEBHOOK:
        egress.check_url(config["url"], field="config")
    subscription = Subscription(
        namespace=namespace,
        project=project,
        event=event,
        method=method,
        config=config,
        event_config=event_config or {},
        title=title,
        created_by=actor.user,
    )
    return _add(actor, subscription)


@transaction.atomic
def _add(actor: Actor, subscription: Subscription) -> tuple[Subscription, str]:
    beside = Subscription.objects.filter(namespace=subscription.namespace, project=subscription.project)
    if beside.count() >= SUBSCRIPTIONS_MAX:
        raise Conflict(f"There are {SUBSCRIPTIONS_MAX} notifications here already")
    secret = new_secret() if subscription.method == Subscription.Method.WEBHOOK else ""
    subscription.secret_sealed = seal.seal(secret) if secret else ""
    insert(subscription, taken="The notification exists already")
    _record(ADD_REPO_NOTIFICATION, CREATE_NAMESPACE_NOTIFICATION, actor, subscription)
    return subscription, secret


@transaction.atomic
def delete_subscription(*, actor: Actor, subscription: Subscription) -> None:
    """Remove a subscription: nothing more is sent; a worker removes its deliveries.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
        NotFound: somebody else removed it just now.
    """
    _require_change(actor, subscription.namespace, subscription.project)
    gone, _ = Subscription.objects.filter(pk=subscription.pk).delete()
    if not gone:
        raise NotFound("There is no such notification", absent="notification")
    _record(DELETE_REPO_NOTIFICATION, DELETE_NAMESPACE_NOTIFICATION, actor, subscription)
    ring(tasks.forget, subscription.pk)


@transaction.atomic
def reset_subscription(*, actor: Actor, subscription: Subscription) -> Subscription:
    """Forget a subscription's failures, and so switch it on again if it was off.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
        NotFound: somebody else removed it just now.
    """
    _require_change(actor, subscription.namespace, subscription.project)
    row = Subscription.objects.filter(pk=subscription.pk)
    if not row.update(number_of_failures=0, disabled_at=None):
        raise NotFound("There is no such notification", absent="notification")
    subscription.number_of_failures, subscription.disabled_at = 0, None
    _record(RESET_REPO_NOTIFICATION, RESET_NAMESPACE_NOTIFICATION, actor, subscription)
    return subscription


@transaction.atomic
def send_test(*, actor: Actor, subscription: Subscription) -> Delivery:
    """Queue a delivery of sample data, on the same way and counted as all others (quay-b.md 4.3).

    It is not logged: it changes nothing (quay-b.md 9).

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project or namespace.
    """
    _require_change(actor, subscription.namespace, subscription.project)
    [row] = outbox.send([outbox.sample(subscription, actor=actor)])
    return row


def _require_change(actor: Actor, namespace: Namespace | None, project: Project | None) -> None:
    if (project is None) == (namespace is None):
        message = "a notification belongs to a project or to a namespace, to one of them"
        raise ValueError(message)
    if project is not None:
        require(actor, PROJECT_NOTIFICATION_CHANGE, project)
    else:
        require(actor, NOTIFICATION_CHANGE, namespace)


def _check_event(name: str, options: dict[str, Any], *, of_project: bool) -> None:
    event = EVENTS.get(name)
    if event is None or (of_project and not event.of_project):
        raise Invalid(f"There is no such event here: {name[:80]}", field="event")
    unknown = options.keys() - event.options
    if unknown:
        raise Invalid(f"{event} has no option {min(unknown)[:80]}", field="event_config")


def _check_config(method: str, config: dict[str, Any]) -> None:
    if method not in Subscription.Method.values:
        raise Invalid(f"There is no such method: {method[:80]}", field="method")
    keys = CONFIG[Subscription.Method(method)]
    if config.keys() != keys or not all(isinstance(value, str) for value in config.values()):
        wanted = " and ".join(sorted(keys)) or "nothing"
        raise Invalid(f"The configuration of {method} is {wanted}", field="config")
    if "email" in keys:
        _check_address(config["email"])


def _check_address(address: str) -> None:
    try:
        validate_email(address)
    except ValidationError as error:
        raise Invalid("The e-mail address is malformed", field="config") from error
    if not ADDRESS.fullmatch(address):
        raise Invalid("The e-mail address is malformed", field="config")


def _record(of_project: LogKind, of_namespace: LogKind, actor: Actor, subscription: Subscription) -> None:
    project = subscription.project
    record(
        of_project if project else of_namespace,
        actor=actor,
        namespace=project.namespace if project else subscription.namespace,
        project=project,
        metadata=told(subscription),
    )
