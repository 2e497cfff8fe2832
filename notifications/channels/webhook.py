"""Webhooks as the Standard Webhooks specification signs them, and as the FlexStack wire does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Any, Protocol

from django.conf import settings
from django.utils import timezone
from standardwebhooks import Webhook

from core import seal
from notifications import bodies, payloads
from notifications.channels import Letter, Undelivered, http

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notifications.models import Delivery


def new_secret() -> str:
    """Return a secret to sign with: ``whsec_`` and 32 random bytes in base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def new_integration_secret() -> str:
    """Return a secret for an integration: ``sig_`` and 32 random bytes in hexadecimal."""
    return f"sig_{secrets.token_hex(32)}"


def prepare(delivery: Delivery) -> Letter:
    """Return a delivery ready to be sent to the subscription's URL; every 2xx is a success.

    The id is the same however often it is tried; timestamp and signature are made anew each time. While two
    secrets live there are two signatures, the newer secret's first.

    Raises:
        Undelivered: it cannot be signed, or its template cannot be filled.
    """
    subscription = delivery.subscription
    try:
        secrets_now = settings.CHECKPOINT_SECRETS if subscription.is_of_instance else living(subscription)
    except seal.Unreadable as error:
        raise Undelivered("The secret to sign with cannot be read.", final=True, counts=False) from error
    if subscription.flags is not None:
        return _integration(delivery, secrets_now)
    body = _body(delivery)
    headers = signed(f"msg_{delivery.uuid.hex}", body, secrets_now)
    return http.letter(subscription.config["url"], body.encode(), headers)


def signed(name: str, body: str, secrets_now: Sequence[str]) -> dict[str, str]:
    """Return the headers of a message by its id, signed now with each of the secrets (``whsec_…``)."""
    now = timezone.now()
    return {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(name, now, body) for secret in secrets_now),
    }


class Signing(Protocol):
    """A row with a secret, and for a while the one before it."""

    secret_sealed: Any
    old_secret_sealed: Any
    old_secret_until: Any


def living(row: Signing) -> list[str]:
    """Return the secrets of a row that live, the newer one first. Raises `seal.Unreadable`."""
    found = [seal.unseal(row.secret_sealed)]
    until = row.old_secret_until
    if row.old_secret_sealed and until is not None and until > timezone.now():
        found.append(seal.unseal(row.old_secret_sealed))
    return found


def _integration(delivery: Delivery, secrets_now: list[str]) -> Letter:
    """Return a delivery of an integration: the digest in the header is of the body's bytes (flexstack.md 8).

    The header has room for one. While two secrets live it is the old one's, as its receiver knows it, and the
    new one's is beside it.
    """
    # In the documented order, which not every database keeps.
    told = {"id": str(delivery.uuid)} | {key: delivery.payload[key] for key in ("type", "timestamp", "data")}
    body = json.dumps(told, separators=(",", ":")).encode()
    names = ("X-FlexStack-Signature", "X-FlexStack-Signature-Next")
    headers = {"Content-Type": "application/json"} | {
        name: f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
        for name, secret in zip(names, reversed(secrets_now), strict=False)
    }
    return http.letter(delivery.subscription.config["url"], body, headers)


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
