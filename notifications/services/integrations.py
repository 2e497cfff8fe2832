"""Integrations of the FlexStack wire: made, changed, removed (flexstack.md 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from core import egress
from core.errors import NotFound
from logs.kinds import (
    CHANGE_REPO_NOTIFICATION,
)
from notifications.channels import slack_app
from notifications.events import FLAGS, INTEGRATION
from notifications.models import Subscription
from notifications.services.rows import add, remove, tell
from permissions.catalogue import (
    INTEGRATION_CHANGE,
)
from permissions.checks import require

if TYPE_CHECKING:
    from core.actor import Actor
    from projects.models import Project


def create_integration(
    *, actor: Actor, project: Project, flags: dict[str, bool], url: str = "", channel_id: str = ""
) -> Subscription:
    """Let a webhook, or a channel of Slack, be told of a project (flexstack.md 6.14).

    One of ``url`` and ``channel_id`` is given. Flags that are not given are off. Not one transaction: names
    are looked up first, and Slack is asked about the channel.

    Raises:
        Forbidden: below write.
        Invalid: the URL is not one that we call, Slack is not connected, or the channel did not invite it.
        Unreachable: Slack cannot be asked.
        Conflict: there are too many notifications already.
        NotFound: the project was deleted just now.
    """
    require(actor, INTEGRATION_CHANGE, project)
    if channel_id:
        method, config = Subscription.Method.SLACK, slack_app.channel(channel_id)
    else:
        egress.check_url(url, field="config.url")
        method, config = Subscription.Method.WEBHOOK, {"url": url}
    subscription = Subscription(
        project=project,
        event=INTEGRATION,
        method=method,
        config=config,
        flags=_flags(flags),
        created_by=actor.user,
    )
    subscription.updated_at = subscription.created_at
    subscription, _ = add(actor, subscription)
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
    tell(CHANGE_REPO_NOTIFICATION, CHANGE_REPO_NOTIFICATION, actor, subscription)
    return subscription


@transaction.atomic
def delete_integration(*, actor: Actor, subscription: Subscription) -> None:
    """Remove an integration: nothing more is sent.

    Raises:
        Forbidden: below write.
        NotFound: somebody else removed it just now.
    """
    require(actor, INTEGRATION_CHANGE, subscription.project)
    remove(actor, subscription)


def _flags(given: dict[str, bool]) -> dict[str, bool]:
    return {flag: given.get(flag, False) for flag in FLAGS}
