"""Mails that tell a person what was done to the safety of her account; a worker sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from accounts import tasks
from accounts.models import SecurityMail
from core.bell import ring

if TYPE_CHECKING:
    from accounts.models import User
    from core.actor import Actor


def tell_owner(*, actor: Actor, user: User, event: str, detail: str = "", email: str = "") -> None:
    """Let a person be told of an event that `accounts.mails.EVENTS` names, where mails are sent.

    A building block, within the transaction of what it tells. ``email`` is another address than hers of now.
    """
    to = email or user.email
    if not settings.MAILING or not to:
        return
    now = timezone.now()
    mail = SecurityMail.objects.create(
        user=user,
        email=to,
        event=event,
        detail=detail,
        ip=actor.ip,
        browser=actor.user_agent,
        at=now,
        due_at=now,
    )
    ring(tasks.send_security_mail, mail.pk)
