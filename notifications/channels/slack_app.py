"""Integrations of the type Slack: one app of the operator's, which posts to channels that invited it.

The app needs the scopes ``chat:write``, ``channels:read`` and ``groups:read``, and no more: without
``chat:write.public`` Slack itself sees to it that nobody is told who did not invite it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.conf import settings

from core import egress
from core.errors import Invalid, Unreachable
from notifications.channels import Answer, Letter, Undelivered, http
from notifications.channels.slack import marked

if TYPE_CHECKING:
    from notifications.models import Delivery

CHANNEL = re.compile(r"[CG][A-Z0-9]{2,24}")
# The channel is not there any more, or does not want us: trying again does not help.
ENDED = {"channel_not_found", "not_in_channel", "is_archived", "restricted_action"}
# What the operator has to mend; it does not speak against the channel.
OURS = {"account_inactive", "invalid_auth", "missing_scope", "not_authed", "token_expired", "token_revoked"}
WORDS = {
    "deployments.failed": "A deployment failed",
    "deployments.in_progress": "A deployment is in progress",
    "deployments.succeeded": "A deployment succeeded",
    "marketing.changelog": "There is news in the changelog",
    "marketing.promotions": "There is an offer",
    "services.alarm": "A service is in alarm",
    "services.ok": "A service is well again",
}


def connected() -> bool:
    """Tell whether the operator has connected this instance to Slack."""
    return bool(settings.SLACK_TOKEN)


def channel(channel_id: str) -> dict[str, str]:
    """Return what is kept of a channel: its id and name, and those of its workspace. Asks Slack.

    Raises:
        Invalid: Slack is not connected, or there is no such channel that invited the app.
        Unreachable: Slack answers nothing that can be used.
    """
    if not connected():
        raise Invalid("Slack is not connected to this instance", field="type")
    if not CHANNEL.fullmatch(channel_id):
        raise Invalid("That is no id of a channel in Slack", field="config.channel_id")
    found = _ask("conversations.info", channel=channel_id)
    if not found.get("ok"):
        if found.get("error") in OURS:
            raise Unreachable("Slack does not let this instance in")
        raise Invalid("Slack knows no such channel", field="config.channel_id")
    told = found["channel"]
    if not told.get("is_member") or told.get("is_archived"):
        raise Invalid("The channel has not invited the app", field="config.channel_id")
    team = _ask("auth.test")
    return {
        "channel_id": channel_id,
        "channel_name": str(told.get("name", "")),
        "team_id": str(team.get("team_id", "")),
        "team_name": str(team.get("team", "")),
    }


def _ask(method: str, **fields: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | _authorization()
    try:
        reply = egress.post(_url(method), body=urlencode(fields).encode(), headers=headers)
        told = json.loads(reply.body)
    except (egress.Refused, egress.Failed, ValueError, RecursionError) as error:
        raise Unreachable("Slack cannot be reached") from error
    if reply.status != 200 or not isinstance(told, dict):
        raise Unreachable("Slack cannot be reached")
    return told


def prepare(delivery: Delivery) -> Letter:
    """Return a delivery ready to be posted to the integration's channel.

    Raises:
        Undelivered: Slack is not connected any more.
    """
    if not connected():
        raise Undelivered("Slack is not connected to this instance.", counts=False)
    told = delivery.payload
    name = "/".join([told["data"]["organization"], told["data"]["project"]])
    words = f"{WORDS.get(told['type'], told['type'])}: {name}"
    body = {
        "channel": delivery.subscription.config["channel_id"],
        "text": marked(words + (" (a test)" if told["data"].get("test") else "")),
        "unfurl_links": False,
    }
    headers = {"Content-Type": "application/json; charset=utf-8"} | _authorization()
    return http.letter(_url("chat.postMessage"), json.dumps(body).encode(), headers, judge=_judge)


def _judge(answer: Answer) -> Answer:
    # Slack says 200 to whatever it understood; the answer starts with what became of it.
    found = re.match(r'\{"ok":(true|false)(?:,"error":"([a-z_]+)")?', answer.excerpt.replace(" ", ""))
    if found is None:
        raise Undelivered("Slack's answer cannot be understood.", answer=answer)
    if found[1] == "false":
        why = found[2] or "unknown"
        raise Undelivered(
            f"Slack refused it: {why}.", answer=answer, final=why in ENDED, counts=why not in OURS
        )
    return answer


def _url(method: str) -> str:
    return f"{settings.SLACK_API}/{method}"


def _authorization() -> dict[str, str]:
    return {"Authorization": f"Bearer {settings.SLACK_TOKEN}"}
