"""Messages to everybody; subscriptions to events: added, tested, reset, removed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core import egress, seal
from core.bell import ring
from core.db import hold, insert, one_at_a_time, update
from core.errors import Conflict, Invalid, NotFound, TooManyRequests
from core.seal import digest
from logs.kinds import (
    ADD_REPO_NOTIFICATION,
    CHANGE_REPO_NOTIFICATION,
    CREATE_MESSAGE,
    CREATE_NAMESPACE_NOTIFICATION,
    DELETE_MESSAGE,
    DELETE_NAMESPACE_NOTIFICATION,
    DELETE_REPO_NOTIFICATION,
    RESET_NAMESPACE_NOTIFICATION,
    RESET_REPO_NOTIFICATION,
)
from logs.record import record
from notifications import outbox, tasks
from notifications.channels.webhook import new_integration_secret, new_secret
from notifications.config import Given, check_address
from notifications.deliveries import told
from notifications.events import FLAGS, INTEGRATION
from notifications.models import AuthorizedAddress, GlobalMessage, Notice, Subscription
from permissions.catalogue import (
    ACCOUNT_CHANGE,
    INTEGRATION_CHANGE,
    MESSAGE_MANAGE,
    NOTIFICATION_CHANGE,
    PROJECT_NOTIFICATION_CHANGE,
)
from permissions.checks import require

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.models import Namespace
    from core.actor import Actor
    from logs.kinds import LogKind
    from notifications.models import Delivery
    from projects.models import Project

HOUR = timedelta(hours=1)
ASKED_AGAIN_AFTER = timedelta(minutes=5)
ASKED_PER_ADDRESS = 3  # an hour, whoever asks: nobody's mailbox can be flooded from here
ASKED_PER_PROJECT = 20
SUBSCRIPTIONS_MAX = 50  # of one project or namespace: each may add a row to every write there


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
    _require_change(actor, namespace, project)
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
    return _add(actor, subscription)


@transaction.atomic
def _add(actor: Actor, subscription: Subscription) -> tuple[Subscription, str]:
    beside = Subscription.objects.filter(namespace=subscription.namespace, project=subscription.project)
    if beside.count() >= SUBSCRIPTIONS_MAX:
        raise Conflict(f"There are {SUBSCRIPTIONS_MAX} notifications here already")
    secret = ""
    if subscription.method == Subscription.Method.WEBHOOK:
        secret = new_secret() if subscription.flags is None else new_integration_secret()
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
    _remove(actor, subscription)


def _remove(actor: Actor, subscription: Subscription) -> None:
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


def _record(of_project: LogKind, of_namespace: LogKind, actor: Actor, subscription: Subscription) -> None:
    project = subscription.project
    record(
        of_project if project else of_namespace,
        actor=actor,
        namespace=project.namespace if project else subscription.namespace,
        project=project,
        metadata=told(subscription),
    )


# Integrations of the FlexStack wire ------------------------------------------------------------------------


def create_integration(*, actor: Actor, project: Project, url: str, flags: dict[str, bool]) -> Subscription:
    """Let a webhook be told of a project in the form of the FlexStack wire (flexstack.md 6.14).

    Flags that are not given are off. Not one transaction, as `create_subscription`.

    Raises:
        Forbidden: below write.
        Invalid: the URL is not one that we call.
        Conflict: there are too many notifications already.
        NotFound: the project was deleted just now.
    """
    require(actor, INTEGRATION_CHANGE, project)
    egress.check_url(url, field="config.url")
    subscription = Subscription(
        project=project,
        event=INTEGRATION,
        method=Subscription.Method.WEBHOOK,
        config={"url": url},
        flags=_flags(flags),
        created_by=actor.user,
    )
    subscription.updated_at = subscription.created_at
    subscription, _ = _add(actor, subscription)
    return subscription


@transaction.atomic
def change_integration(*, actor: Actor, subscription: Subscription, flags: dict[str, bool]) -> Subscription:
    """Set all of an integration's flags; those that are not given are off.

    Raises:
        Forbidden: below write.
        NotFound: somebody removed it just now.
    """
    require(actor, INTEGRATION_CHANGE, subscription.project)
    subscription.flags, subscription.updated_at = _flags(flags), timezone.now()
    row = Subscription.objects.filter(pk=subscription.pk)
    if not row.update(flags=subscription.flags, updated_at=subscription.updated_at):
        raise NotFound("Integration not found", absent="integration")
    _record(CHANGE_REPO_NOTIFICATION, CHANGE_REPO_NOTIFICATION, actor, subscription)
    return subscription


@transaction.atomic
def delete_integration(*, actor: Actor, subscription: Subscription) -> None:
    """Remove an integration: nothing more is sent.

    Raises:
        Forbidden: below write.
        NotFound: somebody else removed it just now.
    """
    require(actor, INTEGRATION_CHANGE, subscription.project)
    _remove(actor, subscription)


def _flags(given: dict[str, bool]) -> dict[str, bool]:
    return {flag: given.get(flag, False) for flag in FLAGS}


# Addresses that may be told by mail ------------------------------------------------------------------------


@transaction.atomic
def request_address(*, actor: Actor, project: Project, email: str) -> AuthorizedAddress:
    """Ask the owner of an address, by mail, whether it may be told about a project (quay-b.md 4.4).

    An address that was confirmed is not asked again. It is not logged, as on the wire.

    Raises:
        Unauthenticated, Forbidden: the actor does not administer the project.
        NotFound: no mails are sent here, or the project was deleted just now.
        Invalid: it is no address.
        TooManyRequests: it was asked lately, or many were.
    """
    require(actor, PROJECT_NOTIFICATION_CHANGE, project)
    if not settings.MAILING:
        raise NotFound("No mails are sent here", absent="address")
    check_address(email, field="email")
    hold(project)
    one_at_a_time("authorized addresses")
    found = AuthorizedAddress.objects.filter(project=project, email__iexact=email).first()
    if found is not None and found.confirmed_at is not None:
        return found
    now = timezone.now()
    _not_too_often(project, email, found, now)
    if found is None:
        found = AuthorizedAddress(project=project, email=email)
        insert(found, taken="The address is being asked already")
    else:
        found.asked_at = found.mail_due_at = now
        found.times, found.attempts = found.times + 1, 0
        update(found, "asked_at", "mail_due_at", "times", "attempts")
    ring(tasks.ask, found.pk)
    return found


def _not_too_often(project: Project, email: str, found: AuthorizedAddress | None, now: datetime) -> None:
    if found is not None:
        # Each time twice as long: who never answers is asked some eight times on the first day.
        again = found.asked_at + ASKED_AGAIN_AFTER * 2 ** min(found.times - 1, 9)
        if again > now:
            left = int((again - now).total_seconds()) + 1
            raise TooManyRequests("This address was asked lately", retry_after=left)
    lately = AuthorizedAddress.objects.filter(asked_at__gt=now - HOUR)
    lately = lately.exclude(pk=found.pk) if found is not None else lately
    by_address = lately.filter(email__iexact=email)[:ASKED_PER_ADDRESS].count()
    by_project = lately.filter(project=project)[:ASKED_PER_PROJECT].count()
    if by_address >= ASKED_PER_ADDRESS or by_project >= ASKED_PER_PROJECT:
        raise TooManyRequests("Too many addresses were asked lately", retry_after=int(HOUR.total_seconds()))


@transaction.atomic
def confirm_address(*, actor: Actor, code: str) -> AuthorizedAddress:
    """Let an address be told: its owner followed the link that was mailed to it. A code works once.

    Raises:
        NotFound: nobody was sent this code, or it was used, replaced by a later one, or is too old.
    """
    now = timezone.now()
    found = (
        AuthorizedAddress.objects.select_related("project__namespace")
        .filter(code_digest=digest(code), expires_at__gt=now, confirmed_at=None)
        .filter(project__deleted_at=None, project__namespace__deleted_at=None)
        .first()
    )
    if found is None or not AuthorizedAddress.objects.filter(
        pk=found.pk, code_digest=found.code_digest, confirmed_at=None
    ).update(confirmed_at=now, code_digest=None, expires_at=None, mail_due_at=None):
        raise NotFound("The link is not valid any more", absent="address")
    found.confirmed_at = now
    return found


# What a person is told -----------------------------------------------------------------------------------


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
