"""Webhooks as the Standard Webhooks specification signs them, and as the FlexStack wire does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING

from django.utils import timezone
from standardwebhooks import Webhook

from core import seal
from notifications import bodies, payloads
from notifications.channels import Answer, Undelivered, http

if TYPE_CHECKING:
    from notifications.models import Delivery


def new_secret() -> str:
    """Return a secret to sign with: ``whsec_`` and 32 random bytes in base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def new_integration_secret() -> str:
    """Return a secret for an integration: ``sig_`` and 32 random bytes in hexadecimal."""
    return f"sig_{secrets.token_hex(32)}"


def send(delivery: Delivery) -> Answer:
    """POST a delivery to the subscription's URL; every 2xx is a success.

    The id is the same however often it is tried; timestamp and signature are made anew each time.

    Raises:
        Undelivered: no answer, or another one.
    """
    subscription = delivery.subscription
    try:
        secret = seal.unseal(subscription.secret_sealed)
    except seal.Unreadable as error:
        raise Undelivered("The secret to sign with cannot be read.", final=True, counts=False) from error
    if subscription.flags is not None:
        return _send_integration(delivery, secret)
    body, signer = _body(delivery), Webhook(secret)
    name, now = f"msg_{delivery.uuid.hex}", timezone.now()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signer.sign(name, now, body),
    }
    return http.post(subscription.config["url"], body.encode(), headers)


def _send_integration(delivery: Delivery, secret: str) -> Answer:
    """POST to an integration: the digest in the header is of the body's very bytes (flexstack.md 8)."""
    # In the documented order, which not every database keeps.
    told = {"id": str(delivery.uuid)} | {key: delivery.payload[key] for key in ("type", "timestamp", "data")}
    body = json.dumps(told, separators=(",", ":")).encode()
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-FlexStack-Signature": f"sha256={digest}"}
    return http.post(delivery.subscription.config["url"], body, headers)


def _body(delivery: Delivery) -> str:
    subscription = delivery.subscription
    told = payloads.flat(delivery.payload) if subscription.flat else delivery.payload
    template = subscription.config.get("template")
    if not template:
        # In ASCII: what JSON may hold and UTF-8 may not, stays escaped.
        return json.dumps(told, separators=(",", ":"))
    try:
        return bodies.render(template, told).decode()
    except bodies.Unusable as error:
        raise Undelivered(f"The template could not be filled: {error}", final=True) from error
