"""Webhooks as the Standard Webhooks specification signs them."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone
from standardwebhooks import Webhook

from core import egress, seal
from notifications.channels import Answer, Undelivered

if TYPE_CHECKING:
    from notifications.models import Delivery

EXCERPT = 512  # bytes
LONGEST_PAUSE = 3600


def new_secret() -> str:
    """Return a secret to sign with: ``whsec_`` and 32 random bytes in base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def send(delivery: Delivery) -> Answer:
    """POST a delivery to the subscription's URL; every 2xx is a success.

    The id is the same however often it is tried; timestamp and signature are made anew each time.

    Raises:
        Undelivered: no answer, or another one.
    """
    subscription = delivery.subscription
    # In ASCII: what JSON may hold and UTF-8 may not, stays escaped.
    body = json.dumps(delivery.payload, separators=(",", ":"))
    try:
        signer = Webhook(seal.unseal(subscription.secret_sealed))
    except seal.Unreadable as error:
        raise Undelivered("The secret to sign with cannot be read.", final=True, counts=False) from error
    name, now = f"msg_{delivery.uuid.hex}", timezone.now()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signer.sign(name, now, body),
    }
    try:
        reply = egress.post(
            subscription.config["url"],
            body=body.encode(),
            headers=headers,
            timeout=settings.NOTIFICATION_SECONDS,
            excerpt=EXCERPT,
        )
    except egress.Refused as error:
        raise Undelivered(f"The URL may not be called: {error}", final=True) from error
    except egress.Failed as error:
        raise Undelivered(f"The URL could not be reached: {error}") from error
    answer = Answer(reply.status, reply.seconds, _excerpt(reply.body))
    if 200 <= reply.status < 300:
        return answer
    raise Undelivered(
        f"The URL answered {reply.status}.",
        answer=answer,
        gone=reply.status == 410,
        pause=_pause(reply.headers.get("retry-after", "")),
    )


def _excerpt(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    return "".join(
        char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def _pause(text: str) -> int:
    return min(int(text), LONGEST_PAUSE) if text.isascii() and text.isdigit() and len(text) < 10 else 0
