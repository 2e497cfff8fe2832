"""Slack's incoming webhooks (quay-b.md 4.1)."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING

from notifications import payloads
from notifications.channels import Letter, http
from notifications.events import Level

if TYPE_CHECKING:
    from notifications.models import Delivery

SENDER = "quayiobot"  # by which the wire's receivers know it
COLOURS = {
    Level.PRIMARY: "good",
    Level.SUCCESS: "good",
    Level.INFO: "#ffffff",
    Level.WARNING: "warning",
    Level.ERROR: "danger",
}


def prepare(delivery: Delivery) -> Letter:
    """Return a delivery ready to be sent to the subscription's URL; every 2xx is a success."""
    summary = payloads.summary(delivery.payload)
    body = {
        "text": marked(summary),
        "username": SENDER,
        "attachments": [
            {
                "fallback": marked(summary),
                "text": _message(delivery),
                "color": COLOURS[payloads.level(delivery.payload)],
                "mrkdwn_in": ["text"],
            }
        ],
    }
    url, headers = delivery.subscription.config["url"], {"Content-Type": "application/json"}
    return http.letter(url, json.dumps(body).encode(), headers, secret_url=True)


def marked(text: str) -> str:
    """Return text that Slack shows as it is: what people typed makes no links and calls nobody."""
    return escape(text, quote=False)


def _message(delivery: Delivery) -> str:
    told, where = delivery.payload["data"], payloads.flat(delivery.payload)
    name = marked(where.get("repository", where["namespace"]))
    return f"<{marked(where['homepage'])}|{name}>: {marked(told['sentence'])}"
