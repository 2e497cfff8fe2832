"""What the administrators are told when a subscription was switched off: a notice at once, and one mail.

The row is the queue of its mail, as with addresses: ``mail_due_at`` says when a worker should send it.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid5

from django.conf import settings
from django.utils import timezone

from accounts.selectors import language_of
from core.languages import speaking
from core.letters import letter
from core.words import say, told
from notifications import notices, wishes
from notifications.channels.mail import ADDRESSES_MAX
from notifications.models import Delivery, Subscription

if TYPE_CHECKING:
    from accounts.models import Namespace

log = logging.getLogger(__name__)

PAUSE = timedelta(minutes=5)  # until a mail that could not be sent, or whose worker died, is tried again
LONGEST = timedelta(days=1)  # that it is tried
SWITCHED_OFF = say("The notification “{name}” of {where} failed again and again and was switched off")


def note(subscription: Subscription) -> None:
    """Write a notice for each administrator of the namespace, in the transaction that switches it off."""
    namespace = _namespace(subscription)
    if namespace is None:
        return
    name = f"{where(subscription)}/{subscription.uuid}"
    notices.write(
        notices.administrators(namespace),
        namespace=namespace,
        origin=uuid5(subscription.uuid, f"off {subscription.disabled_at}"),
        kind=notices.OFF,
        sentence=SWITCHED_OFF.format(name=subscription, where=where(subscription)),
        metadata={"notification_id": str(subscription.uuid), "where": name, "event": subscription.event},
        as_administrator=namespace.kind == "organization",
    )


def due(limit: int) -> list[int]:
    """Return the subscriptions whose administrators are owed a mail now."""
    rows = Subscription.objects.filter(mail_due_at__lte=timezone.now()).order_by("mail_due_at", "pk")
    return list(rows.values_list("pk", flat=True)[:limit])


def mail(subscription_id: int) -> None:
    """Mail the administrators, if that is owed and nobody else is at it."""
    now = timezone.now()
    mine = Subscription.objects.filter(pk=subscription_id, mail_due_at__lte=now)
    if not mine.update(mail_due_at=now + PAUSE):
        return
    with_all = ("namespace__organization", "project__namespace__organization")
    row = Subscription.objects.select_related(*with_all).filter(pk=subscription_id).first()
    if row is None or row.disabled_at is None or not _send(row):
        # Gone or on again meanwhile, or nothing more to be done.
        Subscription.objects.filter(pk=subscription_id).update(mail_due_at=None)


def _send(row: Subscription) -> bool:
    """Send the mail; return whether it is to be tried again."""
    namespace = _namespace(row)
    people = notices.addresses(namespace, mail=wishes.SWITCHED_OFF)[:ADDRESSES_MAX] if namespace else []
    if not people or row.disabled_at is None:
        return False
    last = Delivery.objects.filter(subscription=row).exclude(error="").order_by("-pk").first()
    words = {
        "row": row,
        "where": where(row),
        "last": last,
        "days": settings.NOTIFICATION_DAYS,
        "link": _link(row),
    }
    with speaking(language_of(people)):
        message = letter(
            "notification_off",
            subject=told(say("{where}: a notification was switched off", where=where(row))),
            to=people,
            words=words,
            # Another when it is switched off again.
            key=f"off-{row.uuid}-{int(row.disabled_at.timestamp())}",
        )
    try:
        message.send()
    except OSError as error:
        # The server's own words may name hosts: they are for the operator.
        log.warning("Subscription %s: mail that it is off not sent: %s", row.uuid, error)
        return timezone.now() < row.disabled_at + LONGEST
    return False


def _link(row: Subscription) -> str:
    """Return the page of the subscription; those of people have none."""
    namespace = _namespace(row)
    if namespace is None or namespace.kind != "organization":
        return f"{settings.PUBLIC_URL}/"
    return f"{settings.PUBLIC_URL}/o/{quote(namespace.name)}/notifications/{row.uuid}/"


def where(subscription: Subscription) -> str:
    """Return what a subscription is of, as people write it: a project or a namespace."""
    project, namespace = subscription.project, subscription.namespace
    return f"{project.namespace.name}/{project.slug}" if project else namespace.name if namespace else ""


def _namespace(subscription: Subscription) -> Namespace | None:
    return subscription.project.namespace if subscription.project else subscription.namespace
