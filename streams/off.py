"""The mail that a stream was switched off. The row is its queue: ``mail_due_at`` says when it is due."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from django.conf import settings
from django.utils import timezone

from accounts.selectors import language_of
from core.languages import speaking
from core.letters import letter
from core.words import say, told
from notifications import notices, wishes
from notifications.channels.mail import ADDRESSES_MAX
from notifications.stored import retold
from streams import channels
from streams.models import Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

PAUSE = timedelta(minutes=5)  # until a mail that could not be sent, or whose worker died, is tried again
LONGEST = timedelta(days=1)  # that it is tried
INSTANCE = say("the whole instance")


def due(limit: int) -> list[int]:
    """Return the streams that somebody is owed a mail about now."""
    rows = Stream.objects.filter(mail_due_at__lte=timezone.now()).order_by("mail_due_at", "pk")
    return list(rows.values_list("pk", flat=True)[:limit])


def mail(stream_id: int) -> None:
    """Mail the administrators, of the instance's streams the operators, if nobody else is at it."""
    now = timezone.now()
    mine = Stream.objects.filter(pk=stream_id, mail_due_at__lte=now)
    if not mine.update(mail_due_at=now + PAUSE):
        return
    row = Stream.objects.select_related("namespace__organization").filter(pk=stream_id).first()
    if row is None or row.disabled_at is None or not _send(row):
        # Gone or on again meanwhile, or nothing more to be done.
        Stream.objects.filter(pk=stream_id).update(mail_due_at=None)


def _send(row: Stream) -> bool:
    """Send the mail; return whether it is to be tried again."""
    people = _people(row)
    if not people or row.disabled_at is None:
        return False
    space = row.namespace
    path = f"/o/{quote(space.name)}/streams/" if space else "/streams/"
    with speaking(language_of(people)):
        where = space.name if space else told(INSTANCE)
        message = letter(
            "stream_off",
            subject=told(say("{where}: a stream of the usage log was switched off", where=where)),
            to=people,
            words={
                "row": row,
                "where": where,
                "target": channels.target(row),
                "error": retold(row.error),
                "link": f"{settings.PUBLIC_URL}{path}",
            },
            # Another when it is switched off again.
            key=f"stream-off-{row.uuid}-{int(row.disabled_at.timestamp())}",
        )
    try:
        message.send()
    except OSError as error:
        # The server's own words may name hosts: they are for the operator.
        log.warning("Stream %s: mail that it is off not sent: %s", row.uuid, error)
        return timezone.now() < row.disabled_at + LONGEST
    return False


def _people(row: Stream) -> Sequence[str]:
    if row.namespace is not None:
        return notices.addresses(row.namespace, mail=wishes.SWITCHED_OFF)[:ADDRESSES_MAX]
    return [user.email for user in notices.superusers() if user.email][:ADDRESSES_MAX]
