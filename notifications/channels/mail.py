"""Notifications by e-mail."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from functools import partial
from smtplib import SMTPDataError, SMTPRecipientsRefused
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.dateparse import parse_datetime

from accounts.selectors import language_of
from core.errors import TooManyRequests
from core.languages import speaking
from core.letters import letter
from core.seal import digest
from core.throttle import spend
from core.words import say, told
from notifications import notices, payloads
from notifications.channels import Answer, Letter, Undelivered

if TYPE_CHECKING:
    from django.core.mail import EmailMultiAlternatives

    from notifications.models import Delivery, Subscription

log = logging.getLogger(__name__)

ADDRESSES_MAX = 50
HOUR = 3600  # seconds
SHOWN = 8 * 1024  # characters of a mail that are kept


def prepare(delivery: Delivery) -> Letter:
    """Return a delivery ready to be mailed to the subscription's address.

    Raises:
        Undelivered: there is nobody to write to.
    """
    to = _addresses(delivery.subscription)
    _spend(to)
    with speaking(language_of(to)):
        message = (_checkpoint if delivery.subscription.is_of_instance else _notification)(delivery, to)
    shown = {"to": message.to, "subject": message.subject, "body": str(message.body)[:SHOWN]}
    return Letter(partial(_send, message, delivery, final=not delivery.subscription.flat), shown)


def _notification(delivery: Delivery, to: list[str]) -> EmailMultiAlternatives:
    found = delivery.payload["data"]
    where = "/".join(filter(None, [found["namespace"], found["project"]]))
    words = {
        "told": found,
        "where": where,
        "homepage": payloads.flat(delivery.payload)["homepage"],
        "at": delivery.created_at,
        "title": delivery.subscription.title,
    }
    subject = f"{where}: {found['sentence']}"
    return letter("notification", subject=subject, to=to, words=words, key=str(delivery.uuid))


def _checkpoint(delivery: Delivery, to: list[str]) -> EmailMultiAlternatives:
    """Return a checkpoint with its line of the file attached: no mail program may break it."""
    line = payloads.checkpoint_line(delivery.payload)
    signed = json.loads(line["body"])
    name = f"checkpoint-{signed['number']}.jsonl"
    words = {
        "number": signed["number"],
        "at": parse_datetime(signed["at"]),
        "chains": len(signed["heads"]),
        "digest": hashlib.sha256(line["body"].encode()).hexdigest(),
        "before": signed["before"],
        "key": line["key"],
        "file": name,
    }
    subject = told(say("Checkpoint {number} of the usage log", number=signed["number"]))
    message = letter("checkpoint", subject=subject, to=to, words=words, key=str(delivery.uuid))
    message.attach(name, json.dumps(line, separators=(",", ":")).encode() + b"\n", "application/jsonl")
    return message


def _spend(to: list[str]) -> None:
    """Count one mail more to each address.

    Raises:
        Undelivered: one of them had as many as it may have in an hour. It is postponed; nothing is lost.
    """
    if not settings.MAILS_PER_HOUR:
        return
    for address in to:
        try:
            spend(f"mail:{digest(address.casefold()).hex()}", calls=settings.MAILS_PER_HOUR, seconds=HOUR)
        except TooManyRequests as error:
            words = "It waits: so many mails went to that address within the hour."
            raise Undelivered(
                words, final=True, counts=False, pause=error.details["retry_after"], postponed=True
            ) from None


def _send(message: EmailMultiAlternatives, delivery: Delivery, *, final: bool) -> Answer:
    start = time.monotonic()
    try:
        message.send()
    except OSError as error:
        # The server's own words may name hosts: they are for the operator.
        log.warning("Delivery %s: mail not sent: %s", delivery.uuid, error)
        if final and _is_refused(error):
            raise Undelivered("The mail server refuses the mail.", final=True) from error
        raise Undelivered("The mail could not be sent.") from error
    return Answer(seconds=time.monotonic() - start)


def _is_refused(error: OSError) -> bool:
    """Tell whether the mail, or every recipient, is refused for good: codes of 500 and above."""
    if isinstance(error, SMTPDataError):
        return error.smtp_code >= 500
    return isinstance(error, SMTPRecipientsRefused) and all(
        code >= 500 for code, _ in error.recipients.values()
    )


def _addresses(subscription: Subscription) -> list[str]:
    """Return whom to write to: the address of the subscription, or those who answer for its namespace."""
    if "email" in subscription.config:
        return [subscription.config["email"]]
    namespace = subscription.namespace
    found = notices.addresses(namespace)[:ADDRESSES_MAX] if namespace else []
    if not found:
        raise Undelivered("Nobody there has an address.", final=True)
    return found
